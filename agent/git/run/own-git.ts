import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { TextEnd } from '../../claude/programs.ts';
import { gitFailure } from './failure.ts';
import { GitError } from '../errors.ts';
import type { GitAccess } from '../hosts.ts';

/** Neither a file of the machine nor one of the user decides what git does. The variables of an access add the rest. */
export const ISOLATED = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_LFS_SKIP_SMUDGE: '1',
  LC_ALL: 'C',
} as const;

/** What git may not do, wherever it runs: another protocol than http, a hook, or work in the background. */
export const RESTRICTED = [
  ...['-c', 'protocol.allow=never'],
  ...['-c', 'protocol.http.allow=always'],
  ...['-c', 'protocol.https.allow=always'],
  ...['-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'core.fsmonitor=false'],
  ...['-c', 'gc.auto=0'],
  ...['-c', 'maintenance.auto=false'],
  ...['-c', 'submodule.recurse=false'],
] as const;

/** The agent's own git, in a folder of its own, with nothing of a run but objects. */
export class OwnGit {
  readonly #folder: string;
  readonly #path: string | undefined;
  readonly #access: GitAccess;
  readonly #signal: AbortSignal;

  /**
   * @param options.folder a bare repository, or the place for one.
   * @param options.path the variable `PATH`.
   * @param options.signal ends it.
   */
  constructor(options: {
    readonly folder: string;
    readonly path: string | undefined;
    readonly access: GitAccess;
    readonly signal: AbortSignal;
  }) {
    this.#folder = options.folder;
    this.#path = options.path;
    this.#access = options.access;
    this.#signal = options.signal;
  }

  /** Makes the bare repository, if there is none. */
  async init(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.output(['init', '-q', '--bare', '--template=', '.']);
  }

  /**
   * Runs git.
   * @returns its stdout.
   * @throws {GitError} if it fails.
   */
  async output(args: readonly string[], inputFile?: string): Promise<string> {
    const { code, stdout, stderr } = await this.result(args, inputFile);
    if (code === 0) return stdout;
    throw gitFailure(`git ${args[0] ?? ''}`, stderr, this.#access);
  }

  /** The same without a judgement. @throws the reason of its signal. */
  async result(
    args: readonly string[],
    inputFile?: string,
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    this.#signal.throwIfAborted();
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const child = spawn('git', [...RESTRICTED, ...args], {
      cwd: this.#folder,
      env: {
        ...(this.#path !== undefined && { PATH: this.#path }),
        ...ISOLATED,
        HOME: this.#folder,
        ...this.#access.environment,
      },
      stdio: 'pipe',
      signal: this.#signal,
      killSignal: 'SIGKILL',
    });
    const stderr = new TextEnd();
    child.stderr.on('data', (chunk: Buffer) => stderr.append(chunk));
    // If it exits early, writing fails. Its exit code and stderr explain why.
    child.stdin.on('error', () => undefined);
    const ended = Promise.withResolvers<number | null>();
    child.once('error', ended.reject);
    child.once('close', ended.resolve);
    if (inputFile === undefined) child.stdin.end();
    else createReadStream(inputFile).once('error', ended.reject).pipe(child.stdin);
    try {
      const [code, stdout] = await Promise.all([ended.promise, buffer(child.stdout)]);
      return { code, stdout: stdout.toString(), stderr: stderr.toString() };
    } catch (error) {
      this.#signal.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || inputFile !== undefined) throw error;
      throw new GitError('refused', 'The agent cannot start git. Install git where the agent runs.', { cause: error });
    }
  }
}
