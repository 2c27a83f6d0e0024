import { randomUUID } from 'node:crypto';
import type { Log } from '../log.ts';
import type { ConfiguredClaude } from './configured.ts';

/** The maximum age of a warm process, in milliseconds. */
const RENEWED_AFTER_MS = 30 * 60_000;

/** A warm process. */
interface Prepared {
  readonly process: ConfiguredClaude;
  readonly sessionId: string;
  /** Equal to the fingerprint of a run if the process is what the run would start now. */
  readonly fingerprint: string;
  readonly renewal: NodeJS.Timeout;
  /** Whether a run has its session id. */
  promised: boolean;
}

/** What {@link WarmStart} starts. */
export interface PreparedStart {
  readonly fingerprint: string;
  start(): ConfiguredClaude;
}

/**
 * Keeps one process ready while nothing runs, so that a run with default options does not wait for `claude` to start. The
 * process serves one prompt, so nothing of one run is known to the next. It never exists at the same time as another one.
 */
export class WarmStart {
  readonly #startFor: (sessionId: string) => PreparedStart | undefined;
  readonly #log: Log;
  #prepared: Prepared | undefined;
  /** Settles when the last discarded process is gone. */
  #gone: Promise<void> = Promise.resolve();
  #mayPrepare = false;

  /** @param startFor what a run with default options would start, or undefined for no warm process. */
  constructor(startFor: (sessionId: string) => PreparedStart | undefined, log: Log) {
    this.#startFor = startFor;
    this.#log = log;
  }

  /** The session id of the warm process for the first caller; otherwise a new one. */
  newSessionId(): string {
    if (!this.#prepared || this.#prepared.promised) return randomUUID();
    this.#prepared.promised = true;
    return this.#prepared.sessionId;
  }

  /** Call when nothing runs: starts a process if there is none. If that fails, the next run reports the error. */
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
   * Call when a run starts.
   * @returns the warm process if it matches the run; otherwise the process is discarded.
   */
  async take(sessionId: string, fingerprint: string): Promise<ConfiguredClaude | undefined> {
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

  /** Ends the warm process; {@link prepare} starts another. Settles when it is gone. */
  close(): Promise<void> {
    this.#mayPrepare = false;
    return this.#discard();
  }

  /** Memory of the warm process, in bytes; 0 if there is none. Never rejects. */
  async residentBytes(): Promise<number> {
    return (await this.#prepared?.process.residentBytes()) ?? 0;
  }

  #keep(process: ConfiguredClaude, sessionId: string, fingerprint: string): void {
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
