import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Asks, type Answerer } from './asks.ts';
import { CappedText } from './capped-text.ts';
import { Deadline } from './deadline.ts';
import type { CollectedFiles, FilesOfPrompt } from '../files/run-files.ts';
import type { ProcessCommand, ProcessExit, ProcessHost, Afterwards } from './host.ts';
import type { ContentBlock } from './inline-file.ts';
import { LineSplitter } from './lines.ts';
import { PromptFiles } from './prompt-files.ts';
import { Transcript } from './transcript.ts';

/** The API accepts no request over 32 MB, so no valid event is longer. */
const MAX_LINE_BYTES = 32 * 1_048_576;
const STDERR_CHARS = 8192;

/**
 * How long to wait for the exit code after a result, because a bad exit code contradicts a good result. The agent does not
 * wait for a process that answers the last question: it exits only because its input ends. `claude` rejects the unknown
 * `ping` within milliseconds, so only a process that hangs takes this long.
 */
const EXIT_AFTER_RESULT_MS = 500;
const INTERRUPT_MS = 2000;
const CLOSED_STDIN_MS = 2000;
const TERM_MS = 1000;
/** Only a process stuck in the kernel outlives this; the sweep reports it. */
const KILL_MS = 2000;
/** A grandchild may hold the pipes open. Output that has not been read by then is lost. */
const PIPES_AFTER_EXIT_MS = 200;

/**
 * Why the agent ended a process. 'overflow': it wrote an endless line. 'retries': it waits too long for retries.
 * 'workspace': it filled the workspace. 'budget': its budget is spent. 'fault': the agent itself failed.
 */
export type EndReason =
  'deadline' | 'cancelled' | 'shutdown' | 'overflow' | 'retries' | 'workspace' | 'budget' | 'fault';

/** The one prompt of a process, and its limits. */
export interface ClaudeTurn {
  readonly prompt: string;
  /** What the message has before the prompt, and before what is said about files. */
  readonly before?: readonly ContentBlock[] | undefined;
  readonly files?: FilesOfPrompt | undefined;
  /** Called when none of its processes is left; see {@link ClaudeProcess.reaped}. */
  readonly afterwards?: Afterwards | undefined;
  /** When the run is ended, in milliseconds of `performance.now()`, which is independent of the system clock. */
  readonly deadline: number;
  /** How long the CLI may wait for retries in total, in milliseconds. */
  readonly retryWaitMs: number;
  /** Called with each piece of text as it arrives. */
  readonly onText?: (text: string) => void;
  /** Called with each event as it arrives, as the CLI wrote it. Must not throw. */
  readonly onEvent?: ((event: unknown) => void) | undefined;
  /** Answers what the CLI asks before it uses a tool. While something is asked, the clock of the deadline stands still. */
  readonly answer?: Answerer | undefined;
  /** Called after each line of output, before the next one is read. */
  readonly onHeard?: (transcript: Transcript) => void;
}

/** A `claude` that was started and waits for its prompt. */
export interface WaitingClaude {
  /** False once it has ended, or has reported a result without a prompt. */
  readonly waits: boolean;
  /** Settles when the process has ended. */
  readonly exited: Promise<unknown>;
  /** Its stderr so far. */
  readonly stderr: string;
  /** Memory of the process, in bytes; 0 if that is unknown. Never rejects. */
  residentBytes(): Promise<number>;
  /** @see HostedProcess.pull */
  pull(): Promise<void>;
  /** Sends the prompt. Call it only once. */
  begin(turn: ClaudeTurn): ClaudeProcess;
  /**
   * Ends it without a prompt. Settles when none of its processes is left; rejects if one cannot be killed.
   * @param continues whether it was started with `--resume`. It would write to the conversation when it exits.
   */
  discard(continues: boolean): Promise<void>;
}

/** How a process ended, known before its last descendants are gone. */
export interface ClaudeReport {
  readonly endedBy: EndReason | 'itself';
  readonly transcript: Transcript;
  /** Undefined if the process has not exited yet or a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stderr: string;
  /** Why the process could not be started, or not be given its files. */
  readonly startError: string | undefined;
  /** The files that it left; undefined for none, without a warning. */
  readonly collected?: CollectedFiles | undefined;
  /** Why its host ended it, in sentences about the run. */
  readonly reason?: string | undefined;
  /** Whether the connection to its runner was lost. */
  readonly lost?: boolean | undefined;
  /** What the agent threw while it read the output; `endedBy` is then 'fault'. */
  readonly fault?: unknown;
}

/** A running `claude`. */
export interface ClaudeProcess {
  /** Settles as soon as the result is known; never rejects. */
  readonly report: Promise<ClaudeReport>;
  /** Settles when no process of the run is left; rejects if one cannot be killed. */
  readonly reaped: Promise<void>;
  /** Ends the run: interrupt, then SIGTERM, then SIGKILL. The first reason counts. Does nothing after the result. */
  end(reason: EndReason): void;
}

/**
 * Starts `claude` on a host; its prompt may come later.
 * @throws what {@link ProcessHost.start} throws.
 */
export function startClaude(command: ProcessCommand, host: Pick<ProcessHost, 'start'>): WaitingClaude {
  const transcript = new Transcript();
  const splitter = new LineSplitter(MAX_LINE_BYTES);
  const stderr = new CappedText(STDERR_CHARS);
  const answered = Promise.withResolvers<undefined>();
  const exited = Promise.withResolvers<undefined>();
  /** Settles when the process answers the last question, which is sent after its result. */
  const stays = Promise.withResolvers<undefined>();
  const lastQuestion = randomUUID();
  let exit: ProcessExit | undefined;
  let endedBy: EndReason | undefined;
  let settled = false;
  let retryWaitMs = Infinity;
  let fault: unknown;
  let onHeard: ClaudeTurn['onHeard'];
  let asks: Asks | undefined;
  let deadline: Deadline | undefined;
  let files: PromptFiles | undefined;
  /** Settles if the process cannot get its prompt. */
  const unprompted = Promise.withResolvers<string>();
  let isPrompted = false;

  const hosted = host.start(command, {
    stdout: (chunk) => takeSafely(() => splitter.push(chunk)),
    stderr: (chunk) => stderr.append(chunk.toString('utf8')),
  });

  void hosted.exit.then(async (how) => {
    exit = how;
    await Promise.race([hosted.outputEnd, sleep(PIPES_AFTER_EXIT_MS)]);
    takeSafely(() => splitter.flush());
    exited.resolve(undefined);
  });

  function take(lines: string[]): void {
    for (const line of lines) {
      if (transcript.isComplete && line.includes(lastQuestion)) stays.resolve(undefined);
      transcript.add(line);
      if (isWanted()) asks?.take(line);
      onHeard?.(transcript);
    }
    if (transcript.isComplete) answered.resolve(undefined);
    else if (splitter.dropped > 0) end('overflow');
    else if (transcript.retryWaitMs > retryWaitMs) end('retries');
    // It exits by itself when its background tasks have ended, but not before its input is closed.
    else if (transcript.result) hosted.closeStdin();
  }

  function takeSafely(read: () => string[]): void {
    try {
      take(read());
    } catch (error) {
      fault ??= error;
      end('fault');
    }
  }

  /** Whether an answer still reaches a process that goes on. */
  function isWanted(): boolean {
    return endedBy === undefined && !settled && exit === undefined && hosted.writable;
  }

  function write(message: object): void {
    hosted.write(`${JSON.stringify(message)}\n`);
  }

  async function exitsWithin(ms: number): Promise<boolean> {
    return (await Promise.race([exited.promise, sleep(ms, 'late', { ref: false })])) !== 'late';
  }

  async function terminate(): Promise<void> {
    hosted.signal('SIGTERM');
    if (await exitsWithin(TERM_MS)) return;
    hosted.signal('SIGKILL');
    if (!(await exitsWithin(KILL_MS))) exited.resolve(undefined);
  }

  async function prompt({ prompt: text, before = [] }: ClaudeTurn): Promise<void> {
    try {
      const blocks = [...before, ...((await files?.give()) ?? [])];
      if (!isWanted()) return;
      isPrompted = true;
      const content = blocks.length > 0 ? [...blocks, { type: 'text', text }] : text;
      write({ type: 'user', message: { role: 'user', content } });
    } catch (error) {
      unprompted.resolve(error instanceof Error ? error.message : String(error));
    }
  }

  async function finish(at: number): Promise<ClaudeReport> {
    deadline = new Deadline(at, () => end('deadline'));
    const problem = await Promise.race([answered.promise, exited.promise, unprompted.promise]);
    asks?.end();
    deadline.clear();
    write({ type: 'control_request', request_id: lastQuestion, request: { subtype: 'ping' } });
    hosted.closeStdin();
    await Promise.race([stays.promise, exitsWithin(EXIT_AFTER_RESULT_MS)]);
    settled = true;
    const report: ClaudeReport = {
      endedBy: endedBy ?? 'itself',
      transcript,
      exitCode: exit?.code,
      signal: exit?.signal,
      stderr: stderr.toString().trim(),
      startError: exit?.startError ?? problem,
      reason: exit?.reason,
      lost: exit?.lost,
      fault,
    };
    return { ...report, collected: isPrompted ? await files?.collect(transcript.removedMedia) : undefined };
  }

  async function reap(afterwards?: Afterwards): Promise<void> {
    hosted.closeStdin();
    if (!(await exitsWithin(CLOSED_STDIN_MS))) await terminate();
    await hosted.sweep(afterwards);
  }

  async function interrupt(): Promise<void> {
    if (!hosted.writable || !isPrompted) return terminate();
    write({ type: 'control_request', request_id: randomUUID(), request: { subtype: 'interrupt' } });
    const late = await Promise.race([answered.promise, exited.promise, sleep(INTERRUPT_MS, 'late', { ref: false })]);
    if (late === 'late') await terminate();
  }

  function end(reason: EndReason): void {
    if (settled || endedBy !== undefined || transcript.isComplete) return;
    endedBy = reason;
    asks?.end();
    void interrupt();
  }

  return {
    get waits() {
      return exit === undefined && !transcript.result;
    },
    exited: exited.promise,
    get stderr() {
      return stderr.toString().trim();
    },
    residentBytes: () => hosted.residentBytes(),
    pull: () => hosted.pull?.() ?? Promise.resolve(),
    begin(turn) {
      transcript.onText = turn.onText;
      transcript.onEvent = turn.onEvent;
      retryWaitMs = turn.retryWaitMs;
      onHeard = turn.onHeard;
      const tell = (message: object) => isWanted() && write(message);
      if (turn.answer) asks = new Asks(turn.answer, tell, (open) => deadline?.pause(open > 0));
      files = turn.files && new PromptFiles(turn.files, hosted.folder);
      void prompt(turn);
      const report = finish(turn.deadline);
      return { report, reaped: report.then(() => reap(turn.afterwards)), end };
    },
    discard(continues) {
      if (continues) hosted.signal('SIGKILL');
      return reap();
    },
  };
}
