import type { Log } from '../../log.ts';
import type { ByteQueue } from '../flow.ts';
import { ProtocolError, type FromRunner, type ToRunner } from '../protocol.ts';
import { Mirror } from './mirror.ts';

/** How to speak to a runner. */
export interface Speech {
  readonly say: (message: ToRunner) => void;
  /** Gives the runner up. */
  readonly giveUp: (problem: unknown) => void;
  readonly log: Log;
}

/** Copies the conversations of a process on a runner to the agent, whenever it is asked to. */
export class Pull {
  readonly #way: Speech;
  readonly #mirror: Mirror | undefined;
  /** What the runner sends. */
  readonly #content: ByteQueue;
  #asked: PromiseWithResolvers<undefined> | undefined;
  #copying: Promise<void> = Promise.resolve();
  #hasEnded = false;

  /** @param folder the agent's folder for them; undefined if nothing is copied. */
  constructor(folder: string | undefined, way: Speech, content: ByteQueue) {
    this.#way = way;
    this.#mirror = folder === undefined ? undefined : new Mirror(folder);
    this.#content = content;
  }

  /** Settles when all that has changed is copied, or the connection has ended. Never rejects. */
  async now(): Promise<void> {
    if (!this.#mirror || this.#hasEnded) return;
    if (!this.#asked) {
      this.#asked = Promise.withResolvers();
      this.#way.say({ type: 'pull', known: this.#mirror.known });
    }
    await this.#asked.promise;
  }

  /** Settles when all that has changed by now is copied: a copy that has begun earlier may miss the end of a file. */
  async last(): Promise<void> {
    await this.idle();
    await this.now();
  }

  /** @throws {ProtocolError} */
  take(message: Extract<FromRunner, { type: 'pulled' | 'pullEnd' }>): void {
    if (message.type === 'pulled') this.#copy(message);
    else this.#finish(message.skipped);
  }

  /** Settles when no copy is in progress. */
  async idle(): Promise<void> {
    await this.#asked?.promise;
  }

  /** The connection has ended. Settles when nothing is written any more; never rejects. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    this.#asked?.resolve(undefined);
    await this.#copying;
  }

  #copy({ file, offset }: Extract<FromRunner, { type: 'pulled' }>): void {
    const mirror = this.#mirror;
    if (!mirror || !this.#asked) throw new ProtocolError('a file that nobody asked for');
    this.#copying = this.#copying
      .then(() => mirror.take(file, offset, this.#content))
      .catch((error: unknown) => {
        if (error instanceof ProtocolError) this.#way.giveUp(error);
        else if (!this.#hasEnded) this.#way.log.error({ err: error }, 'a conversation on a runner cannot be copied');
      });
  }

  #finish(skipped: number): void {
    if (skipped > 0) this.#way.log.warn({ skipped }, 'a run has more files of conversations than are copied');
    const asked = this.#asked;
    void this.#copying.then(() => {
      this.#asked = undefined;
      asked?.resolve(undefined);
    });
  }
}
