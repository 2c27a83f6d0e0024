import { createReadStream } from 'node:fs';
import { Collection, NotAllowedError } from '../../files/collection.ts';
import type { CollectedFiles, FilesOfPrompt, InputFile } from '../../files/run-files.ts';
import type { ByteQueue, Outlet } from '../flow.ts';
import { CHUNK_BYTES, LEFT_OUT_MOST, ProtocolError, type FromRunner } from '../protocol.ts';
import type { Speech } from './pull.ts';

/** A runner that sends nothing more for so long, in milliseconds, although it is alive, is given up. */
const COLLECT_MS = 120_000;

/** Gives a process on a runner its files, and copies those that it leaves. The runner is not trusted. */
export class FileExchange {
  readonly #way: Speech;
  readonly #outlet: Outlet;
  readonly #content: ByteQueue;
  readonly #put = Promise.withResolvers<string | undefined>();
  #collection: Collection | undefined;
  readonly #collected = Promise.withResolvers<undefined>();
  #copying: Promise<void> = Promise.resolve();
  #leftOut = 0;
  #isDone = false;
  #isLost = false;

  /** @param content what the runner sends. */
  constructor(way: Speech, outlet: Outlet, content: ByteQueue) {
    this.#way = way;
    this.#outlet = outlet;
    this.#content = content;
  }

  /** @throws if a file cannot be read here or written there. */
  async put(files: readonly InputFile[]): Promise<void> {
    this.#way.say({ type: 'put', files: files.map(({ name, bytes }) => ({ name, bytes })) });
    const problem = (await Promise.race([this.#send(files), this.#put.promise])) ?? (await this.#put.promise);
    if (problem !== undefined) throw new Error(problem);
  }

  /** Call it when no pull is in progress. Never rejects. */
  async collect(to: FilesOfPrompt): Promise<CollectedFiles> {
    const collection = new Collection(to);
    this.#collection = collection;
    if (this.#isLost) this.#collection.fail(lost());
    this.#way.say({ type: 'collect', limits: to.limits });
    const late = setTimeout(
      () => this.#way.giveUp(new Error('the files of its run were not copied in time')),
      COLLECT_MS,
    );
    await this.#collected.promise;
    await this.#copying;
    clearTimeout(late);
    return collection.result;
  }

  /** @throws {ProtocolError} */
  take(message: Extract<FromRunner, { type: 'putEnd' | 'left' | 'leftOut' | 'collectEnd' }>): void {
    if (message.type === 'putEnd') {
      this.#put.resolve(message.problem);
      return;
    }
    const collection = this.#collection;
    if (!collection || this.#isDone) throw new ProtocolError('files that nobody asked for');
    if (message.type === 'left') this.#copy(collection, message);
    else if (message.type === 'leftOut') {
      this.#leftOut += 1;
      if (this.#leftOut > LEFT_OUT_MOST) throw new ProtocolError('too many files');
      collection.leaveOut(message);
    } else {
      collection.leaveOutMore(message.more);
      this.#end();
    }
  }

  /** The connection has ended. */
  end(): void {
    this.#isLost = !this.#isDone;
    this.#put.resolve(lost().message);
    if (this.#isLost) this.#collection?.fail(lost());
    this.#end();
  }

  #end(): void {
    this.#isDone = true;
    this.#collected.resolve(undefined);
  }

  #copy(collection: Collection, { name, bytes }: Extract<FromRunner, { type: 'left' }>): void {
    const read = (most: number) => this.#content.read(most);
    this.#copying = this.#copying
      .then(() => collection.add(name, bytes, read))
      .catch((error: unknown) => {
        if (error instanceof NotAllowedError) this.#way.giveUp(new ProtocolError(error.message));
        else collection.fail(error);
      });
  }

  async #send(files: readonly InputFile[]): Promise<undefined> {
    for (const { name, bytes, path } of files) {
      let sent = 0;
      for await (const data of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
        sent += data.length;
        if (this.#outlet.hasEnded) return;
        this.#outlet.write(data);
        await this.#outlet.sent();
      }
      if (sent !== bytes) throw new Error(`the file ${JSON.stringify(name)} has changed on the agent's volume`);
    }
  }
}

const lost = () => new Error('the connection to its runner was lost');
