import * as fs from 'node:fs';
import * as path from 'node:path';

import { run, show } from '../../exec.ts';
import { npmRun } from '../../next-command.ts';
import { CliError } from './terminal.ts';

/** How to start Pulumi's engine: a program and the arguments before Pulumi's own. */
export interface Engine {
  readonly program: string;
  readonly prefix: readonly string[];
}

/** The engine on the PATH; else npm's `pulumi`, of the version of the SDK in use, which downloads it. */
export function findEngine(projectDir: string, env: NodeJS.ProcessEnv): Engine {
  if (isOnPath('pulumi', env['PATH'])) return { program: 'pulumi', prefix: [] };
  const manifest = path.join(projectDir, 'node_modules', '@pulumi', 'pulumi', 'package.json');
  const { version } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { version: string };
  return { program: 'npx', prefix: ['--yes', `pulumi@${version}`] };
}

function isOnPath(program: string, folders = ''): boolean {
  const name = process.platform === 'win32' ? `${program}.exe` : program;
  return folders.split(path.delimiter).some((folder) => {
    const file = path.join(folder, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return fs.statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

/** Pulumi failed; the message has what it printed, and what to do. */
export class EngineError extends CliError {
  /** The reason in one line. */
  readonly reason: string;

  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Runs Pulumi for its output.
 * @throws EngineError when it fails.
 */
export async function runEngine(
  engine: Engine,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const attempt = await run(engine.program, [...engine.prefix, ...args], { cwd, env, timeoutMs: 0 });
  if ('output' in attempt) return attempt.output;
  const { lines, failure } = attempt;
  throw new EngineError(`\`pulumi ${args.join(' ')}\` failed: ${lines}\n${nextFor(lines, engine)}`, failure);
}

/** What to do about a cause. */
function nextFor(said: string, { program }: Engine): string {
  if (/passphrase/i.test(said))
    return 'Put the file .local/passphrase back, or give the passphrase in PULUMI_CONFIG_PASSPHRASE.';
  if (/no space left|ENOSPC/i.test(said)) return 'Make room on the disk of .local, then run the same again.';
  if (/permission denied|EACCES/i.test(said)) return 'Make it yours (`ls -l .local/pulumi`), then run the same again.';
  if (program === 'npx')
    return 'npm could not bring or start Pulumi. Install it (https://www.pulumi.com/docs/install/), or see that npm can download it: `npm view pulumi version`.';
  return `See that the state can be reached: \`${npmRun('pulumi', 'whoami --verbose')}\`.`;
}

/** Runs Pulumi on the operator's terminal. Returns its exit code. */
export async function showEngine(
  engine: Engine,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  // Ctrl-C reaches Pulumi too, which finishes what it is at; ending first would leave it without a terminal.
  const wait = (): void => undefined;
  process.on('SIGINT', wait);
  try {
    const ended = await show(engine.program, [...engine.prefix, ...args], { cwd, env });
    if ('exitCode' in ended) return ended.exitCode;
    throw new EngineError(`Pulumi could not run: ${ended.failure}\n${nextFor('', engine)}`, ended.failure);
  } finally {
    process.off('SIGINT', wait);
  }
}
