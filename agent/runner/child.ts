import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import type { ProcessCommand, ProcessExit } from '../claude/host.ts';
import { residentBytesOf } from '../claude/proc.ts';
import type { ByteQueue, Outlet } from './flow.ts';
import { CHUNK_BYTES } from './protocol.ts';

/** How long the exit waits for the end of the output, which a descendant may keep open, in milliseconds. */
const OUTPUT_AFTER_EXIT_MS = 100;

/** What to start. */
export type ChildCommand = Pick<ProcessCommand, 'file' | 'args' | 'env' | 'cwd'>;

/** The way of its output and input. */
export interface ChildChannels {
  readonly stdin: ByteQueue;
  readonly stdout: Outlet;
  readonly stderr: Outlet;
}

/** The process of a run. It waits while the agent does not take its output. */
export class Child {
  /** Settles when it has exited or could not be started, and its output until then is sent; never rejects. */
  readonly exit: Promise<ProcessExit>;
  /** Settles when all output is sent and none can follow; never rejects. */
  readonly outputEnd: Promise<unknown>;
  readonly #child: ChildProcessWithoutNullStreams | undefined;

  constructor({ file, args, env, cwd }: ChildCommand, channels: ChildChannels) {
    const exit = Promise.withResolvers<ProcessExit>();
    const closed = Promise.withResolvers<undefined>();
    const { stdout, stderr } = channels;
    const sent = () => Promise.all([stdout.sent(), stderr.sent()]);
    this.outputEnd = closed.promise.then(sent);
    this.exit = exit.promise.then(async (how) => {
      await Promise.race([closed.promise, sleep(OUTPUT_AFTER_EXIT_MS)]);
      await sent();
      return how;
    });
    const fail = (error: Error) => {
      exit.resolve({ startError: error.message });
      closed.resolve(undefined);
    };
    try {
      // In a group of its own: a signal that it sends to its group does not reach the runner.
      this.#child = spawn(file, args, { cwd, env, detached: true, stdio: 'pipe' });
    } catch (error) {
      fail(error as Error);
      return;
    }
    const child = this.#child;
    child.on('error', (error) => {
      if (child.pid === undefined) fail(error);
    });
    child.once('exit', (code, signal) =>
      exit.resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) }),
    );
    child.once('close', () => closed.resolve(undefined));
    // If the process exits early, writing fails. Its exit code and stderr explain why.
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => undefined);
    forward(child.stdout, stdout);
    forward(child.stderr, stderr);
    void this.#feed(channels.stdin);
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Without its descendants; 0 if it has ended. */
  get residentBytes(): number {
    return this.#child?.pid === undefined ? 0 : residentBytesOf(this.#child.pid);
  }

  /** Passes input on as fast as the process reads it. What it does not read is dropped once it has ended. */
  async #feed(queue: ByteQueue): Promise<void> {
    const stdin = this.#child?.stdin;
    for (let data = await queue.read(CHUNK_BYTES); data.length > 0; data = await queue.read(CHUNK_BYTES)) {
      if (stdin?.writable) await new Promise<void>((resolve) => stdin.write(data, () => resolve()));
    }
    stdin?.end();
  }
}

/** Passes output on, and stops reading while the agent does not take it. */
function forward(from: Readable, to: Outlet): void {
  from.on('data', (data: Buffer) => {
    to.write(data);
    if (!to.isFull) return;
    from.pause();
    void to.sent().then(() => from.resume());
  });
}
