import { run } from '../../exec.ts';
import { storedToken } from '../system/agent-api.ts';
import { runEngine, findEngine } from '../system/engine.ts';
import { backendName } from '../system/environment.ts';
import type { CliEnvironment } from '../system/environment.ts';
import { findStack } from '../system/stack.ts';
import type { ReadyStack } from '../system/stack.ts';
import { azureRegistryOf, contextOf, StackFile, stackFileOf } from '../../config/stack-file.ts';
import { readState } from '../system/state.ts';
import { agent } from './agent.ts';
import { beforehand } from './beforehand.ts';
import { budgets } from './budgets.ts';
import { callers } from './callers.ts';
import { cluster } from './cluster.ts';
import { kubectlOf } from '../system/kubectl.ts';
import { examine } from './finding.ts';
import type { Check, Named } from './finding.ts';
import { git } from './git.ts';
import { host } from './host.ts';
import { runners } from './runners.ts';
import { runs } from './runs.ts';
import { stack as stackChecks } from './stack.ts';
import { tools } from './tools.ts';
import { watchdog } from './watchdog.ts';

const PREVIEW_MS = 300_000;

/**
 * Checks everything between the operator and an answer, and changes nothing.
 * @param quick Skips the one check that takes longer than a few seconds: whether the cluster matches the config.
 * @param onFinding Called with each finding as it is made.
 * @returns All findings, in the order in which to fix them.
 */
export async function examineAll(
  environment: CliEnvironment,
  stack: string,
  quick: boolean,
  onFinding: (finding: Named) => void,
): Promise<readonly Named[]> {
  const findings: Named[] = [];
  for await (const finding of examine(checksOf(environment, stack, quick))) {
    findings.push(finding);
    onFinding(finding);
  }
  return findings;
}

function checksOf(environment: CliEnvironment, stack: string, quick: boolean): Check[] {
  const { projectDir, env } = environment;
  const config = StackFile.at(stackFileOf(projectDir, stack), projectDir);
  const context = contextOf(config);
  const kubectl = kubectlOf(context);
  const token = storedToken(projectDir);
  const engine = findEngine(projectDir, env);
  let ready: ReadyStack | undefined;
  const about = stackChecks({
    stack,
    backend: backendName(environment),
    azureRegistry: azureRegistryOf(config),
    readState: async () => {
      ready = await findStack(environment, engine, stack);
      return ready && readState({ engine, projectDir, env: ready.env, stack });
    },
    preview: async () => {
      const command = ['preview', '--refresh', '--expect-no-changes', '--non-interactive', '--color', 'never'];
      const where = ['--stack', stack, '--config-file', ready?.configFile ?? ''];
      const preview = await run(engine.program, [...engine.prefix, ...command, ...where], {
        cwd: projectDir,
        env: { ...ready?.env },
        timeoutMs: PREVIEW_MS,
      });
      return 'output' in preview ? undefined : preview.printed || preview.failure;
    },
  });
  return [
    ...tools(() => runEngine(engine, ['version'], projectDir, env), config),
    about.state,
    ...beforehand({ config, projectDir, isDeployed: about.isDeployed }),
    ...cluster(kubectl),
    about.image,
    ...agent(kubectl),
    ...runners(kubectl),
    ...runs(context, token),
    ...callers(config, projectDir),
    ...budgets(config, context, token),
    ...git(config, context, token),
    ...host(config, kubectl, token),
    ...watchdog(kubectl),
    ...(quick ? [] : [about.drift]),
  ];
}
