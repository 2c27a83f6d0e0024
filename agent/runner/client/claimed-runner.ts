import {
  type ProcessCommand,
  type ProcessOutput,
  type ClaimedPlace,
  type ProgramCommand,
  type ProgramExit,
} from '../../claude/host.ts';
import { EarlierRunnerError } from '../../claude/programs.ts';
import { Inlet } from '../flow.ts';
import { ProtocolError, type Channel, type FromRunner } from '../protocol.ts';
import { commandOn, inTime, RemoteProcess, type Way } from './remote-process.ts';
import { RemoteProgram } from './remote-program.ts';

/** The connection of a {@link ClaimedRunner}. */
export interface RunnerWay extends Omit<Way, 'inlets' | 'programs'> {
  /** Whether it runs programs. */
  readonly runsPrograms: boolean;
}

/** A runner that is taken for a run, until its connection ends. */
export class ClaimedRunner implements ClaimedPlace {
  readonly #way: RunnerWay;
  readonly #inlets: Way['inlets'];
  readonly #swept = Promise.withResolvers<undefined>();
  readonly #gone = Promise.withResolvers<undefined>();
  #process: RemoteProcess | undefined;
  #program: RemoteProgram | undefined;
  #isUsed = false;
  #isGone = false;

  constructor(way: RunnerWay) {
    this.#way = way;
    const inlet = (channel: 'stdout' | 'stderr') =>
      new Inlet((bytes) => way.say({ type: 'acknowledge', channel, bytes }));
    this.#inlets = { stdout: inlet('stdout'), stderr: inlet('stderr') };
  }

  /** Whether a program or any input was sent there. Before, nothing of a run is on the runner. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  async run(command: ProgramCommand): Promise<ProgramExit> {
    if (!this.#way.runsPrograms) throw new EarlierRunnerError();
    command.signal.throwIfAborted();
    if (this.#isGone) return { lost: true, stderr: '' };
    this.#use();
    const { isLast, say } = this.#way;
    const program = new RemoteProgram(command, this.#inlets, () => say({ type: 'signal', name: 'SIGKILL' }));
    this.#program = program;
    say({
      type: 'program',
      file: command.file,
      ...commandOn(this.#way, command),
      input: command.input ?? '',
      isLast,
    });
    try {
      return await program.exit;
    } finally {
      this.#program = undefined;
    }
  }

  start(command: ProcessCommand, output: ProcessOutput): RemoteProcess {
    this.#process = new RemoteProcess(command, output, {
      ...this.#way,
      inlets: this.#inlets,
      programs: this,
      onUse: () => this.#use(),
    });
    return this.#process;
  }

  release(): Promise<void> {
    return inTime(this.#way, async () => {
      this.#way.say({ type: 'sweep' });
      await Promise.race([this.#swept.promise, this.#gone.promise]);
      this.#way.say({ type: 'clean' });
      await this.#gone.promise;
    });
  }

  /** @throws {ProtocolError} */
  take(message: FromRunner): void {
    if (message.type === 'programEnd') {
      if (!this.#program) throw new ProtocolError('an end of no program');
      const { type: _, ...exit } = message;
      this.#program.end(exit);
    } else if (this.#process) this.#process.take(message);
    else if (message.type === 'swept') this.#swept.resolve(undefined);
    else throw new ProtocolError(`no time for ${message.type}`);
  }

  /** @throws {ProtocolError} */
  takeData(channel: Channel, data: Buffer): void {
    if (this.#program) this.#program.takeData(channel, data);
    else if (this.#process) this.#process.takeData(channel, data);
    else throw new ProtocolError('data without a process');
  }

  /**
   * The connection has ended.
   * @param code with which the runner closed it.
   */
  lose(code: number): void {
    this.#isGone = true;
    this.#program?.end({ lost: true });
    this.#process?.lose(code);
    this.#gone.resolve(undefined);
  }

  #use(): void {
    if (!this.#isUsed) this.#way.onUse();
    this.#isUsed = true;
  }
}
