import * as fs from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';

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

/** Something must be done by hand first; the message says what. */
export class LauncherError extends Error {
  override readonly name = 'LauncherError';
}

/** Runs Pulumi for its output. @throws LauncherError with what Pulumi said when it fails. */
export async function ask(
  engine: Engine,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const { stdout, stderr, failed, shortMessage } = await execa(engine.program, [...engine.prefix, ...args], {
    cwd,
    env,
    extendEnv: false,
    reject: false,
  });
  if (failed)
    throw new LauncherError(`\`pulumi ${args.join(' ')}\` failed: ${stderr || (shortMessage ?? 'it said nothing')}`);
  return stdout;
}

/** Runs Pulumi on the operator's terminal. Returns its exit code. */
export async function show(
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
      throw new LauncherError(`${engine.program} could not run: ${result.shortMessage}`);
    return result.exitCode;
  } finally {
    process.off('SIGINT', wait);
  }
}
