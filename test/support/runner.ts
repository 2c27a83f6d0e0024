import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { startClaude } from '../../agent/claude/process.ts';
import { judge } from '../../agent/runs/outcome.ts';
import type { RunResult } from '../../agent/store/run.ts';
import { rawPublicKey } from '../../agent/runner/key.ts';
import type { HostedProcess, ProcessCommand } from '../../agent/claude/host.ts';
import { RunnerHost, type RunnerHostOptions } from '../../agent/claude/runner-host.ts';
import type { LinkState, RunnerAddress } from '../../agent/runner/client/link.ts';
import { COMPILE_CACHE } from './compile-cache.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

/** A container, as far as a runner can tell: PID, mount, IPC and UTS namespaces, and a `/dev` of its own. */
const CONTAINER = ['unshare', '--pid', '--fork', '--mount', '--mount-proc', '--ipc', '--uts', '--kill-child'];
const SETUP = `set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
for name in null zero full random urandom tty; do : > "$1/$name"; mount --bind "/dev/$name" "$1/$name"; done
ln -s /proc/self/fd "$1/fd"
mkdir "$1/shm" "$1/mqueue"
mount -t tmpfs tmpfs "$1/shm"
mount -t mqueue mqueue "$1/mqueue"
: > "$1/termination-log"
chmod 666 "$1/termination-log"
mount --move "$1" /dev
shift
exec "$@"`;

/** Why no container can be made here; undefined if one can. */
export const NO_CONTAINER: string | undefined = (() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dev-'));
  try {
    execFileSync(CONTAINER[0] ?? '', [...CONTAINER.slice(1), 'sh', '-c', SETUP, 'sh', folder, 'tini', '--version'], {
      stdio: 'ignore',
    });
    return undefined;
  } catch {
    return 'It needs root, unshare of util-linux, and tini.';
  } finally {
    rmSync(folder, { recursive: true });
  }
})();

const USER = 10_001;

/** The agent's key, and the public key that runners have. */
export const KEY: KeyObject = generateKeyPairSync('ed25519').privateKey;

/** A {@link RunnerHost} that a test can wait for. */
export class TestRunnerHost extends RunnerHost implements AsyncDisposable {
  /** Its log, as JSON. */
  readonly lines: string[];
  readonly #changed: EventEmitter;

  /** @param options instead of the defaults; no address may be missing. */
  constructor(addresses: readonly RunnerAddress[], options: Partial<RunnerHostOptions> = {}) {
    const lines: string[] = [];
    const add = (fields: object, message: string) => void lines.push(JSON.stringify({ ...fields, message }));
    const changed = new EventEmitter();
    super({
      addresses: () => addresses,
      privateKey: KEY,
      log: { info: add, warn: add, error: add },
      onChange: () => changed.emit('change'),
      ...options,
    });
    this.lines = lines;
    this.#changed = changed;
  }

  /** Waits until this many runners are in a state. */
  async until(state: LinkState, count = 1): Promise<void> {
    while (this.counts[state] !== count) await once(this.#changed, 'change');
  }

  /** Starts `sh` with a script. */
  shell(script: string, more: Partial<ProcessCommand> = {}): Shell {
    const said = { stdout: '', stderr: '' };
    const hosted = this.start(
      { file: 'sh', args: ['-c', script], env: {}, cwd: '.', mark: '', ...more },
      {
        stdout: (chunk) => void (said.stdout += chunk.toString()),
        stderr: (chunk) => void (said.stderr += chunk.toString()),
      },
    );
    return Object.assign(hosted, { said });
  }

  /** Starts `sh` with a script as if it were the CLI; returns what the run is recorded with. */
  async resultOf(script: string): Promise<RunResult> {
    const waiting = startClaude({ file: 'sh', args: ['-c', script], env: {}, cwd: '.', mark: '' }, this);
    const { report, reaped } = waiting.begin({ prompt: 'x', deadline: performance.now() + 60_000, retryWaitMs: 0 });
    const result = judge({ ...(await report), spent: {} });
    await reaped;
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await Promise.resolve();
  }
}

/** A process with its output so far. */
export interface Shell extends HostedProcess {
  readonly said: { stdout: string; stderr: string };
}

/** Connects to runners, and waits until all are ready. */
export async function runnersAt(
  addresses: readonly RunnerAddress[],
  options: Partial<RunnerHostOptions> = {},
): Promise<TestRunnerHost> {
  const host = new TestRunnerHost(addresses, options);
  await host.until('ready', addresses.length);
  return host;
}

/** What a {@link RunnerProgram} is started with. */
interface Options {
  /** In addition to the settings of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command of `sh` in the container, before the runner. `$1` is the folder of the runner. */
  readonly before?: string;
  /** Its host name, if not that of the machine. */
  readonly name?: string;
  /** Whether it runs as in the image: as another user than root, by programs that this user may not read. */
  readonly asUser?: boolean;
}

/** The program of a runner in a container of its own. Disposing kills it. */
export class RunnerProgram implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'runner-'));
  /** Every line of its log and of its stderr. */
  readonly lines: string[] = [];
  readonly exit: Promise<number | null>;
  address: RunnerAddress = { address: '127.0.0.1', port: 0 };
  readonly #process: ChildProcess;

  private constructor({ env, before = '', name, asUser = false }: Options) {
    chmodSync(this.folder, 0o755);
    for (const name of ['home', 'workspace', 'tmp', 'dev']) mkdirSync(this.path(name));
    if (asUser) for (const name of ['home', 'workspace', 'tmp']) chownSync(this.path(name), USER, USER);
    const naming = name === undefined ? '' : `echo ${name} > /proc/sys/kernel/hostname`;
    const inside = ['sh', '-c', `${naming}\n${before}\nshift; exec "$@"`, 'sh', this.folder];
    // setpriv still has root's capabilities when it starts a program, which could thus be read; the shell has none.
    const withoutRoot = [
      'setpriv',
      `--reuid=${USER}`,
      `--regid=${USER}`,
      '--clear-groups',
      'sh',
      '-c',
      'exec "$@"',
      'sh',
    ];
    const user = asUser ? withoutRoot : [];
    const tini = asUser ? this.#unreadable('tini') : 'tini';
    const loader = asUser ? [this.#unreadable('loader')] : [];
    const program = [...user, tini, '--', ...loader, process.execPath, '--disable-sigusr1', 'agent/runner/main.ts'];
    const [file = '', ...args] = [...CONTAINER, 'sh', '-c', SETUP, 'sh', this.path('dev'), ...inside, ...program];
    this.#process = spawn(file, args, {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        ...COMPILE_CACHE,
        TMPDIR: this.path('tmp'),
        RUNNER_HOST: '127.0.0.1',
        RUNNER_PORT: '0',
        RUNNER_PUBLIC_KEY: rawPublicKey(KEY),
        RUNNER_HOME: this.path('home'),
        RUNNER_WORKSPACE: this.path('workspace'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exit = once(this.#process, 'exit').then(([code]) => code as number | null);
  }

  /** Starts it and waits until it listens. Rejects with its output if it does not. */
  static async start(options: Options = {}): Promise<RunnerProgram> {
    const runner = new RunnerProgram(options);
    const listening = Promise.withResolvers<string>();
    for (const stream of [runner.#process.stdout, runner.#process.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        runner.lines.push(line);
        const [, url] = /"url":"([^"]+)".*"msg":"listening"/.exec(line) ?? [];
        if (url !== undefined) listening.resolve(url);
      });
    }
    void runner.exit.then((code) =>
      listening.reject(new Error(`exit code ${code ?? 'none'}: ${runner.lines.join('\n')}`)),
    );
    const { hostname, port } = new URL(await listening.promise);
    runner.address = { address: hostname, port: Number(port) };
    return runner;
  }

  /** Copies a program, as in the image. */
  #unreadable(name: 'tini' | 'loader'): string {
    const copy = this.path(`unreadable-${name}`);
    const find = { tini: 'command -v tini', loader: 'echo /lib*/ld-linux-*.so.*' }[name];
    copyFileSync(execFileSync('sh', ['-c', find]).toString().trim(), copy);
    chmodSync(copy, 0o711);
    return copy;
  }

  /** A path in its folder: `home`, `workspace`, `tmp` and below. */
  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** The process id of Node outside of the container. */
  get pid(): number {
    return childOf(childOf(this.#process.pid ?? 0));
  }

  /** What `GET /health` says. */
  async health(): Promise<unknown> {
    const { address, port } = this.address;
    return (await fetch(`http://${address}:${port}/health`)).json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // PID 1 of the container takes all others with it. --kill-child is lost when the user changes.
    const hasEnded = this.#process.exitCode !== null || this.#process.signalCode !== null;
    const init = hasEnded ? 0 : childOf(this.#process.pid ?? 0);
    if (init > 1) process.kill(init, 'SIGKILL');
    this.#process.kill('SIGKILL');
    await this.exit;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The child of a process that has one at most; 0 without. */
export function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
