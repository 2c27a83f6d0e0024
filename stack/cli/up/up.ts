import { NAMES, SERVICE_URL, TOKEN_FILE } from '../../names.ts';
import type { CommandContext } from '../system/environment.ts';
import { prepareToChange, refuseMistakes } from '../system/prepared-stack.ts';
import { mustBeThere } from '../system/registry.ts';
import { StackFile } from '../../config/stack-file.ts';
import { npmRun } from '../../next-command.ts';
import { isEmpty } from '../../pulumi-internals/state.ts';

/**
 * `up`: repairs what an interrupted update left behind, then updates. Returns Pulumi's exit code, as all of these do.
 * @throws CliError, ConfigError or StackFileError with what the operator has to do first, as all of these do.
 */
export async function up(context: CommandContext): Promise<number> {
  const { environment, args, say } = context;
  refuseMistakes(context);
  const stack = await prepareToChange(context);
  if (stack.pinned !== '') await mustBeThere(stack.pinned, stack.lookUp);
  const state = await stack.repairState({ builds: stack.pinned === '', lookUp: stack.lookUp });
  if (isEmpty(state) && (await stack.deployed())) {
    const { kubectl, ready } = stack;
    // Imported on demand: it loads Pulumi's SDK, which takes longer than everything else.
    const { adoptCluster } = await import('./adopt-cluster.ts');
    await adoptCluster(stack.call, state, {
      kubectl,
      configFile: ready.configFile,
      localDir: environment.localDir,
      say,
    });
  }
  const exitCode = await stack.pulumi('up');
  // With --exclude the agent may not be deployed.
  if (exitCode === 0 && !args.includes('--exclude'))
    say(howToCall(StackFile.at(stack.ready.configFile, environment.projectDir)));
  return exitCode;
}

function howToCall(config: StackFile): string {
  const host = config.get('host') ?? '';
  const outside =
    host === '' ? '' : `outside     POST https://${host}/run   (${npmRun('doctor')} tells whether that works)\n`;
  return `
n8n calls   POST ${SERVICE_URL}/run
${outside}with        Authorization: Bearer (the token in ${TOKEN_FILE})

From this machine:
  kubectl -n ${NAMES.namespace} port-forward service/${NAMES.service} 3000:80
  curl -sS http://127.0.0.1:3000/run -H "Authorization: Bearer $(cat ${TOKEN_FILE})" -H 'Content-Type: application/json' -d '{"prompt": "Say hello."}'
`;
}
