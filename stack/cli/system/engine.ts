import * as fs from 'node:fs';
import * as path from 'node:path';

import { run, show } from '../../exec.ts';
import { npmRun } from '../../next-command.ts';
import { CliError } from './terminal.ts';

/** How to start Pulumi's engine: a program, and the arguments that precede Pulumi's own. */
export interface Engine {
  readonly program: string;
  readonly prefix: readonly string[];
}

/** The engine on the PATH. Otherwise npm's package `pulumi` in the version of the installed SDK, which downloads the engine. */
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

/** Pulumi failed. The message contains what it printed and what to do. */
export class EngineError extends CliError {
  /** The reason in one line. */
  readonly reason: string;

  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Runs Pulumi and returns its output.
 * @throws EngineError if it fails.
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

/** What to do about a failure. */
function nextFor(said: string, { program }: Engine): string {
  if (/passphrase/i.test(said)) return 'Restore the file .local/passphrase, or set PULUMI_CONFIG_PASSPHRASE.';
  if (/no space left|ENOSPC/i.test(said)) return 'Free space on the disk of .local, then run the command again.';
  if (/permission denied|EACCES/i.test(said))
    return 'Make sure that you own the files (`ls -l .local/pulumi`), then run the command again.';
  if (program === 'npx')
    return 'npm could not download or start Pulumi. Install it (https://www.pulumi.com/docs/install/), or check that npm can download it: `npm view pulumi version`.';
  return `Check that the state can be reached: \`${npmRun('pulumi', 'whoami --verbose')}\`.`;
}

/** Runs Pulumi on the operator's terminal. Returns its exit code. */
export async function showEngine(
  engine: Engine,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  // Ctrl-C also reaches Pulumi, which completes its current operation. If this process exited first, Pulumi would lose its terminal.
  const wait = (): void => undefined;
  process.on('SIGINT', wait);
  try {
    const ended = await show(engine.program, [...engine.prefix, ...args], { cwd, env });
    if ('exitCode' in ended) return ended.exitCode;
    throw new EngineError(`Pulumi could not be run: ${ended.failure}\n${nextFor('', engine)}`, ended.failure);
  } finally {
    process.off('SIGINT', wait);
  }
}
