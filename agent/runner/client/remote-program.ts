import type { ProcessExit, ProgramCommand, ProgramExit } from '../../claude/host.ts';
import { TextEnd } from '../../claude/programs.ts';
import { ProtocolError, type Channel } from '../protocol.ts';
import type { Way } from './remote-process.ts';

/** A program on a runner, from its start to its end. Its output is acknowledged when it is taken. */
export class RemoteProgram {
  /** @see Programs.run */
  readonly exit: Promise<ProgramExit>;
  readonly #command: ProgramCommand;
  readonly #inlets: Way['inlets'];
  readonly #kill: () => void;
  readonly #ended = Promise.withResolvers<ProcessExit>();
  readonly #stderr = new TextEnd();
  #taking: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  /** @param kill kills the program on its runner. */
  constructor(command: ProgramCommand, inlets: Way['inlets'], kill: () => void) {
    this.#command = command;
    this.#inlets = inlets;
    this.#kill = kill;
    command.signal.addEventListener('abort', kill, { once: true });
    this.exit = this.#exit();
  }

  /** @throws {ProtocolError} */
  takeData(channel: Channel, data: Buffer): void {
    if (channel !== 'stdout' && channel !== 'stderr') throw new ProtocolError(`data in ${channel} of a program`);
    const inlet = this.#inlets[channel];
    inlet.receive(data.length);
    if (channel === 'stderr') {
      this.#stderr.append(data);
      inlet.take(data.length);
      return;
    }
    this.#taking = this.#taking.then(async () => {
      await this.#takeStdout(data);
      inlet.take(data.length);
    });
  }

  end(exit: ProcessExit): void {
    this.#ended.resolve(exit);
  }

  async #exit(): Promise<ProgramExit> {
    const { signal } = this.#command;
    const exit = await this.#ended.promise;
    await this.#taking;
    signal.removeEventListener('abort', this.#kill);
    signal.throwIfAborted();
    if (this.#failure) throw this.#failure.error;
    return { ...exit, stderr: this.#stderr.toString() };
  }

  /** What comes after a failure is dropped. */
  async #takeStdout(data: Buffer): Promise<void> {
    if (this.#failure) return;
    try {
      await this.#command.stdout?.(data);
    } catch (error) {
      this.#failure = { error };
      this.#kill();
    }
  }
}
