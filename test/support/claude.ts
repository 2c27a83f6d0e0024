import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { claudeEvent, type ClaudeEvent } from './claude-event.ts';
import type { Home } from './home.ts';

/** The pinned CLI. */
export const CLAUDE = join(import.meta.dirname, '..', '..', 'node_modules', '.bin', 'claude');

/** How a process of the CLI is started. */
export interface ClaudeOptions {
  /** Its `HOME`. */
  readonly home: Home;
  /** Its working directory; default `HOME`. */
  readonly cwd?: string;
  /** Arguments after those for stream-json. */
  readonly args?: readonly string[];
  /** Variables for the URL of the API and the credential, besides `PATH`, `HOME` and those that disable other traffic. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a process ended, and its stderr. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

const STREAM_JSON = ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];

/** Variables that every test of the CLI sets: no retries, and only traffic to the API. */
export const QUIET = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  CLAUDE_CODE_MAX_RETRIES: '0',
  DISABLE_AUTOUPDATER: '1',
};

/** Arguments that let every tool run. */
export const BYPASS = ['--permission-mode', 'bypassPermissions'];

/** Tests in a container run as root, for whom the CLI refuses {@link BYPASS} without this variable. */
export const AS_ROOT: Readonly<Record<string, string>> = process.getuid?.() === 0 ? { IS_SANDBOX: '1' } : {};

/**
 * Settings of an agent that runs the pinned CLI. Each process takes half a second of CPU time, so `npm test` starts no warm
 * ones where they do not matter.
 */
export const REAL_CLAUDE = {
  AGENT_CLAUDE_PATH: undefined,
  AGENT_WARM_START: process.env['TEST_LANE'] === 'hard' ? 'on' : 'off',
  ...AS_ROOT,
} as const;

/** One process of the real CLI with stream-json in both directions. Disposing kills it. */
export class Claude implements AsyncDisposable {
  /** Every event of stdout so far. */
  readonly events: ClaudeEvent[] = [];
  /** Settles when the process has ended and its output is read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Set<() => void>();
  #hasEnded = false;
  #broken: unknown;

  constructor({ home, cwd = home.path, args = [], env }: ClaudeOptions) {
    const base = { PATH: process.env['PATH'], HOME: home.path, ...QUIET };
    this.#child = spawn(CLAUDE, [...STREAM_JSON, ...args], { cwd, env: { ...base, ...env } });
    this.#child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: this.#child.stdout });
    lines.on('line', (line) => {
      this.#read(line);
      this.#wake();
    });
    this.exited = this.#end(once(lines, 'close'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Writes a prompt. */
  send(prompt: string): void {
    this.#write({ type: 'user', message: { role: 'user', content: prompt } });
  }

  /** Interrupts the turn over the control channel. */
  interrupt(): void {
    this.control('interrupt');
  }

  /** Writes a request of the control channel; its id is `<subtype>-1`. */
  control(subtype: string): void {
    this.#write({ type: 'control_request', request_id: `${subtype}-1`, request: { subtype } });
  }

  closeStdin(): void {
    this.#child.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the first event that `matches`. Rejects if the process ends without one. */
  async event(matches: (event: ClaudeEvent) => boolean): Promise<ClaudeEvent> {
    await this.#until(() => this.events.some(matches));
    const found = this.events.find(matches);
    if (found === undefined) throw new Error(`No such event before the end: ${JSON.stringify(await this.exited)}`);
    return found;
  }

  /** Waits for the result of the turn. */
  result(): Promise<ClaudeEvent> {
    return this.event(({ type }) => type === 'result');
  }

  /** Waits for the result, or for the end of the process without one. */
  async ended(): Promise<void> {
    await this.#until(() => this.events.some(({ type }) => type === 'result'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.#child.kill('SIGKILL');
    await this.exited;
  }

  async #end(outputRead: Promise<unknown>): Promise<Exit> {
    const [stderr, [code, signal]] = await Promise.all([
      text(this.#child.stderr),
      once(this.#child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
      outputRead,
    ]);
    this.#hasEnded = true;
    this.#wake();
    return { code, signal, stderr };
  }

  /** Waits until `holds` or the process has ended. */
  async #until(holds: () => boolean): Promise<void> {
    for (;;) {
      if (this.#broken !== undefined) throw new Error('A line of stdout has another shape.', { cause: this.#broken });
      if (holds() || this.#hasEnded) return;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #read(line: string): void {
    try {
      this.events.push(claudeEvent.parse(JSON.parse(line)));
    } catch (error) {
      this.#broken ??= error;
    }
  }

  #write(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
