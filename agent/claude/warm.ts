import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Log } from '../log.ts';
import type { WaitingClaude } from './process.ts';

/** A process is as old as this at most when its prompt comes, in milliseconds. */
const RENEWED_AFTER_MS = 30 * 60_000;

/** A process started ahead. */
interface Prepared {
  readonly process: WaitingClaude;
  readonly sessionId: string;
  /** Tells whether it is what a run would start now: equal where it is. */
  readonly fingerprint: string;
  readonly renewal: NodeJS.Timeout;
  /** Whether its session id was given to a run. */
  promised: boolean;
}

/** What {@link WarmStart} starts. */
export interface PreparedStart {
  readonly fingerprint: string;
  start(): WaitingClaude;
}

/**
 * Keeps one process ready while nothing runs, so that a run with default options does not wait for `claude` to start.
 * It serves one prompt: nothing of one run is known to the next. Never lives beside another process.
 */
export class WarmStart {
  readonly #startFor: (sessionId: string) => PreparedStart | undefined;
  readonly #log: Log;
  #prepared: Prepared | undefined;
  /** Settles when the process that was discarded last is gone. */
  #gone: Promise<void> = Promise.resolve();
  #mayPrepare = false;

  /** @param startFor what a run with default options would start, or undefined where there is no use in it. */
  constructor(startFor: (sessionId: string) => PreparedStart | undefined, log: Log) {
    this.#startFor = startFor;
    this.#log = log;
  }

  /** The session id of the process that waits, for the first who asks; else a new one. */
  newSessionId(): string {
    if (!this.#prepared || this.#prepared.promised) return randomUUID();
    this.#prepared.promised = true;
    return this.#prepared.sessionId;
  }

  /** Nothing runs: starts a process, where none waits. One that fails is left to the next run to tell of. */
  prepare(): void {
    this.#mayPrepare = true;
    if (this.#prepared) return;
    const sessionId = randomUUID();
    try {
      const prepared = this.#startFor(sessionId);
      if (prepared) this.#keep(prepared.start(), sessionId, prepared.fingerprint);
    } catch (error) {
      this.#log.warn({ err: error }, 'the warm process could not be started');
    }
  }

  /**
   * A run begins.
   * @returns the process that waits for just such a run; otherwise none waits any more.
   */
  async take(sessionId: string, fingerprint: string): Promise<WaitingClaude | undefined> {
    this.#mayPrepare = false;
    const prepared = this.#prepared;
    if (prepared?.process.waits && prepared.sessionId === sessionId && prepared.fingerprint === fingerprint) {
      clearTimeout(prepared.renewal);
      this.#prepared = undefined;
      return prepared.process;
    }
    await this.#discard();
    return undefined;
  }

  /** Ends the process that waits, until {@link prepare} is called again. Settles when it is gone. */
  close(): Promise<void> {
    this.#mayPrepare = false;
    return this.#discard();
  }

  /** Memory of the process that waits, in bytes; 0 where none does, or where there is no /proc. */
  get residentBytes(): number {
    const pid = this.#prepared?.process.pid;
    if (pid === undefined) return 0;
    try {
      const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return Number(kilobytes) * 1024;
    } catch {
      return 0;
    }
  }

  #keep(process: WaitingClaude, sessionId: string, fingerprint: string): void {
    const renewal = setTimeout(() => void this.#renew(), RENEWED_AFTER_MS).unref();
    const prepared: Prepared = { process, sessionId, fingerprint, renewal, promised: false };
    this.#prepared = prepared;
    void process.exited.then(() => {
      if (this.#prepared !== prepared) return;
      this.#log.warn({ stderr: process.stderr }, 'the warm process exited unexpectedly');
      void this.#discard();
    });
  }

  #discard(): Promise<void> {
    const prepared = this.#prepared;
    if (!prepared) return this.#gone;
    clearTimeout(prepared.renewal);
    this.#prepared = undefined;
    this.#gone = prepared.process
      .discard()
      .catch((error: unknown) => this.#log.warn({ err: error }, 'the warm process cannot be killed'));
    return this.#gone;
  }

  async #renew(): Promise<void> {
    await this.#discard();
    if (this.#mayPrepare) this.prepare();
  }
}
