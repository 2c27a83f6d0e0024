/**
 * `npm run up | preview | refresh | down | rollback | login | doctor | backup | restore`: Pulumi with whatever it needs made on
 * first use. Further arguments go to Pulumi: `npm run up -- --yes`. `npm run pulumi -- config set …` is any other command of
 * Pulumi on the same stack.
 * @module
 */
import * as path from 'node:path';

import { StackFileError } from '../config-file.ts';
import { ConfigError } from '../config-reader.ts';
import { SERVICE_URL, NAMES } from '../names.ts';
import { OWN_SESSION } from '../session-seed.ts';
import { SeedError } from '../seed-files.ts';
import { TOKEN_FILE } from '../token-file.ts';
import { checkAzureLogin } from './azure.ts';
import { backup } from './backup/backup.ts';
import { refuseWithinRestore } from './backup/progress.ts';
import { restore } from './backup/restore.ts';
import { kubectlOf } from './doctor/cluster.ts';
import { examineAll } from './doctor/doctor.ts';
import { lineOf } from './doctor/report.ts';
import { mendStateFiles, removeStaleLocks } from './backend-folder.ts';
import { checkConfig } from './config-check.ts';
import { findEngine, LauncherError, show } from './engine.ts';
import { readSurroundings } from './environment.ts';
import type { Surroundings } from './environment.ts';
import { login } from './login.ts';
import { azureRegistryOf, lookUpImage, mustBeThere } from './registry.ts';
import { goBack } from './rollback.ts';
import { dropNeedlessSalt, prepareStack } from './stack.ts';
import { contentOf, contextOf, StackFile, stackFileOf } from './stack-file.ts';
import { readState, settle } from './state.ts';
import { isDeployed, isEmpty, takeOver } from './take-over.ts';
import { listOf, recordsOf } from './update-list.ts';

/** As Pulumi.yaml names it. */
const PROJECT = 'claude-code-agent';

const PULUMI_COMMAND: Readonly<Record<string, string>> = {
  up: 'up',
  preview: 'preview',
  refresh: 'refresh',
  down: 'destroy',
};

const OTHER_COMMANDS: ReadonlySet<string> = new Set(['rollback', 'doctor', 'backup', 'restore', 'pulumi']);

const say = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  const [name = '', ...rest] = process.argv.slice(2);
  process.exitCode = await run(name, rest, readSurroundings());
} catch (error) {
  const mistakes = [LauncherError, SeedError, ConfigError, StackFileError];
  if (!(error instanceof Error) || !mistakes.some((kind) => error instanceof kind)) throw error;
  say(error.message);
  process.exitCode = 1;
}

/** @param restores Whether a restore asks for it. */
async function run(
  name: string,
  given: readonly string[],
  surroundings: Surroundings,
  restores = false,
): Promise<number> {
  const { projectDir, env } = surroundings;
  if (name === 'login') {
    const folder = path.join(projectDir, OWN_SESSION);
    const claude = env['AGENT_CLAUDE_PATH'] ?? path.join(projectDir, 'node_modules', '.bin', 'claude');
    say(`Logged in: ${await login({ folder, claude, env, platform: process.platform })}. Next: npm run up`);
    return 0;
  }
  const command = PULUMI_COMMAND[name];
  if (command === undefined && !OTHER_COMMANDS.has(name)) {
    const allowed = [...Object.keys(PULUMI_COMMAND), ...OTHER_COMMANDS, 'login'].join(', ');
    throw new LauncherError(`'${name}' is no command; allowed: ${allowed}.`);
  }
  const { stack = surroundings.stack ?? 'dev', rest } = stackOf(given);
  if (name === 'doctor') return doctor(surroundings, stack, rest);
  if (name === 'backup') return backup(surroundings, PROJECT, stack, rest, say);
  if (name === 'restore') {
    const up = (...args: string[]): Promise<number> => run('up', ['--stack', stack, ...args], surroundings, true);
    return restore({ surroundings, project: PROJECT, stack, say, up }, rest);
  }
  if (command === 'up' && !restores) refuseWithinRestore(surroundings.localDir);
  const stackFile = stackFileOf(projectDir, stack);
  if ((command === 'up' || command === 'preview') && !rest.some(setsConfig)) checkConfig(projectDir, stackFile);
  const engine = findEngine(projectDir, env);
  const folder = surroundings.backendFolder;
  const inFolder = folder === undefined ? undefined : { folder, project: PROJECT, stack };
  if (inFolder !== undefined) mendStateFiles(inFolder, say);
  const settings = new StackFile(contentOf(stackFile), projectDir);
  const kubectl = kubectlOf(contextOf(settings));
  // Which cluster of Azure's it is, only an update knows.
  const deployed = (): Promise<boolean> =>
    settings.get('target') === 'azure' ? Promise.resolve(false) : isDeployed(kubectl);
  const ready = await prepareStack(surroundings, engine, stack, say, deployed);
  if (name === 'pulumi') {
    const exitCode = await show(engine, given, projectDir, { ...ready.env, PULUMI_STACK: stack });
    dropNeedlessSalt(ready.committedFile);
    return exitCode;
  }
  const call = { engine, projectDir, env: ready.env, stack };
  const [number] = rest;
  if (command === undefined && (number === undefined || number.startsWith('-'))) {
    process.stdout.write(listOf(recordsOf(await readState(call))));
    return 0;
  }
  await checkAzureLogin(ready.configFile);
  if (command === 'preview') return show(engine, argumentsOf(command), projectDir, ready.env);
  if (inFolder !== undefined) await removeStaleLocks(inFolder, say);
  const { localDir } = surroundings;
  const lookUp = (image: string) => lookUpImage(image, azureRegistryOf(settings));
  const pinned = settings.get('image') ?? '';
  if (command === 'up' && pinned !== '') await mustBeThere(pinned, lookUp);
  const builds = name !== 'rollback' && name !== 'down' && pinned === '';
  const settled = await settle(call, { builds, ...(command === 'up' && { lookUp }), localDir, say });
  const state =
    command === 'up' && isEmpty(settled) && (await deployed())
      ? await takeOver(call, settled, { kubectl, configFile: ready.configFile, localDir, say })
      : settled;
  if (command === undefined)
    return goBack({ call, ready, state, number: String(number), args: rest.slice(1), lookUp, say });
  const exitCode = await show(engine, argumentsOf(command), projectDir, ready.env);
  // Without the agent there is nothing to call yet.
  if (command === 'up' && exitCode === 0 && !rest.includes('--exclude')) say(howToCall());
  return exitCode;

  function argumentsOf(of: string): string[] {
    return [of, '--stack', stack, '--config-file', ready.configFile, ...rest];
  }
}

function setsConfig(arg: string): boolean {
  return /^(-c|--config)/.test(arg);
}

async function doctor(surroundings: Surroundings, stack: string, rest: readonly string[]): Promise<number> {
  const unknown = rest.find((arg) => !['--json', '--quick'].includes(arg));
  if (unknown !== undefined) {
    throw new LauncherError(`doctor does not know '${unknown}'; allowed: --json, --quick, --stack NAME.`);
  }
  const asJson = rest.includes('--json');
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  const findings = await examineAll(surroundings, stack, rest.includes('--quick'), (finding) => {
    if (!asJson) write(lineOf(finding));
  });
  const well = findings.every(({ state }) => state !== 'broken');
  if (asJson) write(JSON.stringify({ well, findings }, null, 2));
  return well ? 0 : 1;
}

/** The value of `--stack` or `-s`, where given, and the arguments without it. */
function stackOf(args: readonly string[]): { stack?: string; rest: readonly string[] } {
  for (const [at, arg] of args.entries()) {
    const next = args[at + 1];
    if ((arg === '--stack' || arg === '-s') && next !== undefined) return { stack: next, rest: args.toSpliced(at, 2) };
    if (arg.startsWith('--stack=')) return { stack: arg.slice('--stack='.length), rest: args.toSpliced(at, 1) };
  }
  return { rest: args };
}

function howToCall(): string {
  return `
n8n calls   POST ${SERVICE_URL}/run
with        Authorization: Bearer (what is in ${TOKEN_FILE})

From this machine:
  kubectl -n ${NAMES.namespace} port-forward service/${NAMES.service} 3000:80
  curl -sS http://127.0.0.1:3000/run -H "Authorization: Bearer $(cat ${TOKEN_FILE})" -H 'Content-Type: application/json' -d '{"prompt": "Say hello."}'
`;
}
