import * as fs from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';

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

/**
 * Runs Pulumi for its output.
 * @throws CliError with what Pulumi said when it fails, and what to do.
 */
export async function runEngine(
  engine: Engine,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const result = await execa(engine.program, [...engine.prefix, ...args], {
    cwd,
    env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  });
  if (!result.failed) return result.stdout;
  const said = errorLines(result.stderr) || errorLines(result.stdout) || whyNot(engine.program, result);
  throw new CliError(`\`pulumi ${args.join(' ')}\` failed: ${said}\n${nextFor(said, engine)}`);
}

/** Why a program did not run, or ended, without a word. */
function whyNot(
  program: string,
  { code, shortMessage = '' }: { code?: string | undefined; shortMessage?: string | undefined },
): string {
  if (code === 'ENOENT') return `${program} is not on the PATH`;
  return `it said nothing (${shortMessage.split(': ')[0] ?? shortMessage})`;
}

/** Lines of a cause that people read; the rest is a stack or a list. */
const CAUSE_LINES = 5;

/** The first lines of what a program said, from the first that names an error on, where one does. */
export function errorLines(text: string): string {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const spoken = lines.filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  const error = spoken.findIndex((line) => /\b(error|ERR!)\b/i.test(line));
  return spoken.slice(Math.max(error, 0)).slice(0, CAUSE_LINES).join('\n');
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
    const result = await execa(engine.program, [...engine.prefix, ...args], {
      cwd,
      env,
      extendEnv: false,
      stdio: 'inherit',
      reject: false,
    });
    if (result.exitCode === undefined)
      throw new CliError(`Pulumi could not run: ${whyNot(engine.program, result)}\n${nextFor('', engine)}`);
    return result.exitCode;
  } finally {
    process.off('SIGINT', wait);
  }
}
