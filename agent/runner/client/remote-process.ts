import {
  RUN_FOLDER,
  RUNNER_HOME,
  RUNNER_WORKSPACE,
  type HostedProcess,
  type ProcessCommand,
  type ProcessExit,
  type ProcessOutput,
  type RunFolder,
  type Afterwards,
  type Programs,
} from '../../claude/host.ts';
import { ByteQueue, Outlet, type Inlet } from '../flow.ts';
import { CLOSE, ProtocolError, type Channel, type FromRunner } from '../protocol.ts';
import { FileExchange } from './exchange.ts';
import { Pull, type Speech } from './pull.ts';

/** A runner kills and cleans in seconds, or ends. One that does not is given up. */
const SWEEP_MS = 120_000;

/** The connection of a {@link RemoteProcess}. */
export interface Way extends Speech {
  readonly send: (frame: Buffer) => void;
  /** The folders of the runner. */
  readonly home: string;
  readonly workspace: string;
  /** Whether the runner ends after a run. */
  readonly isLast: boolean;
  /** Whether processes can have a folder for files there. */
  readonly takesFiles: boolean;
  /** What the process and programs there write. */
  readonly inlets: Readonly<Record<'stdout' | 'stderr', Inlet>>;
  readonly programs: Programs;
  /** Called before its process gets any input. */
  readonly onUse: () => void;
}

type Places = Pick<Way, 'home' | 'workspace'>;

const ownFolder = ({ home }: Places) => `${home}/run`;

/** Puts the paths of a runner in place of the marks for them in a text. */
function placesOn(way: Places): (text: string) => string {
  return (text) =>
    text
      .replaceAll(RUNNER_HOME, way.home)
      .replaceAll(RUNNER_WORKSPACE, way.workspace)
      .replaceAll(RUN_FOLDER, ownFolder(way));
}

/** The parts of a command that have paths, with those of a runner. */
export function commandOn(way: Places, { args, env, cwd }: Pick<ProcessCommand, 'args' | 'env' | 'cwd'>) {
  const there = placesOn(way);
  return {
    args: args.map(there),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, there(value)])),
    cwd: there(cwd),
  };
}

/** A process on a runner, from its start until the connection ends. */
export class RemoteProcess implements HostedProcess {
  readonly exit: Promise<ProcessExit>;
  readonly outputEnd: Promise<undefined>;
  readonly #way: Way;
  readonly #output: ProcessOutput;
  readonly #exit = Promise.withResolvers<ProcessExit>();
  readonly #outputEnd = Promise.withResolvers<undefined>();
  readonly #swept = Promise.withResolvers<undefined>();
  readonly #gone = Promise.withResolvers<undefined>();
  readonly #outlets: Readonly<Record<'stdin' | 'file', Outlet>>;
  readonly #content: ByteQueue;
  readonly #pull: Pull;
  readonly #exchange: FileExchange;
  /** Settles when its files are copied; a pull would use the same channel. */
  #collected: Promise<unknown> = Promise.resolve();
  readonly folder: RunFolder | undefined;
  readonly #measures: ((bytes: number) => void)[] = [];
  #isWritable = true;
  #isSwept = false;
  #isGone = false;

  constructor(command: ProcessCommand, output: ProcessOutput, way: Way) {
    this.#way = way;
    this.#output = output;
    this.exit = this.#exit.promise;
    this.outputEnd = this.#outputEnd.promise;
    this.#outlets = { stdin: new Outlet('stdin', way.send), file: new Outlet('file', way.send) };
    this.#content = new ByteQueue((bytes) => way.say({ type: 'acknowledge', channel: 'file', bytes }));
    this.#pull = new Pull(command.mirror, way, this.#content);
    this.#exchange = new FileExchange(way, this.#outlets.file, this.#content);
    const own = ownFolder(way);
    const hasFolder = command.hasFolder === true && way.takesFiles;
    this.folder = hasFolder ? this.#folderAt(own) : undefined;
    const there = placesOn(way);
    const files = command.files ?? [];
    way.say({
      type: 'start',
      file: command.file,
      ...commandOn(way, command),
      files: files.map(({ path, mode, content }) => ({ path: there(path), mode, bytes: content.length })),
      isLast: way.isLast,
      ...(hasFolder && { hasFolder }),
    });
    for (const { content } of files) this.#outlets.file.write(content);
  }

  get writable(): boolean {
    return this.#isWritable;
  }

  write(text: string): void {
    this.#way.onUse();
    if (this.#isWritable) this.#outlets.stdin.write(Buffer.from(text));
  }

  closeStdin(): void {
    if (!this.#isWritable) return;
    this.#isWritable = false;
    void this.#outlets.stdin.sent().then(() => this.#way.say({ type: 'closeStdin' }));
  }

  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    this.#way.say({ type: 'signal', name });
  }

  residentBytes(): Promise<number> {
    if (this.#isGone) return Promise.resolve(0);
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#measures.push(resolve);
    this.#way.say({ type: 'measure' });
    return promise;
  }

  async pull(): Promise<void> {
    await this.#collected;
    await this.#pull.now();
  }

  async sweep(afterwards?: Afterwards): Promise<void> {
    await inTime(this.#way, async () => {
      this.#isSwept = true;
      this.#way.say({ type: 'sweep' });
      await Promise.race([this.#swept.promise, this.#gone.promise]);
      await this.#collected;
      await this.#pull.last();
    });
    await afterwards?.(this.#way.programs);
    await inTime(this.#way, async () => {
      this.#way.say({ type: 'clean' });
      await this.#gone.promise;
    });
  }

  /** @throws {ProtocolError} */
  take(message: FromRunner): void {
    switch (message.type) {
      case 'exit': {
        const { type: _, ...how } = message;
        this.#isWritable = false;
        this.#exit.resolve(how);
        return;
      }
      case 'outputEnd':
        this.#outputEnd.resolve(undefined);
        return;
      case 'memory':
        return this.#measures.shift()?.(message.residentBytes);
      case 'swept':
        this.#swept.resolve(undefined);
        return;
      case 'acknowledge':
        if (message.channel !== 'stdin' && message.channel !== 'file')
          throw new ProtocolError('a wrong acknowledgement');
        this.#outlets[message.channel].acknowledge(message.bytes);
        return;
      case 'pulled':
      case 'pullEnd':
        this.#pull.take(message);
        return;
      case 'putEnd':
      case 'left':
      case 'leftOut':
      case 'collectEnd':
        this.#exchange.take(message);
        return;
      case 'programEnd':
      case 'hello':
      case 'ready':
        throw new ProtocolError(`no time for ${message.type}`);
    }
  }

  /** @throws {ProtocolError} */
  takeData(channel: Channel, data: Buffer): void {
    if (channel === 'stdin') throw new ProtocolError('data in stdin');
    if (channel === 'file') {
      this.#content.push(data);
      return;
    }
    const inlet = this.#way.inlets[channel];
    inlet.receive(data.length);
    this.#output[channel](data);
    inlet.take(data.length);
  }

  /**
   * The connection has ended.
   * @param code with which the runner closed it.
   */
  lose(code: number): void {
    this.#isGone = true;
    this.#isWritable = false;
    const isClean = code === CLOSE.clean && this.#isSwept;
    this.#exit.resolve(isClean ? { signal: 'SIGKILL' } : { lost: true });
    this.#outputEnd.resolve(undefined);
    for (const outlet of Object.values(this.#outlets)) outlet.end();
    for (const measured of this.#measures.splice(0)) measured(0);
    this.#content.end();
    this.#exchange.end();
    void this.#pull.end().then(() => this.#gone.resolve(undefined));
  }

  #folderAt(own: string): RunFolder {
    return {
      in: `${own}/in`,
      out: `${own}/out`,
      put: (files) => {
        this.#way.onUse();
        return this.#exchange.put(files);
      },
      collect: (to) => {
        const collected = this.#pull.idle().then(() => this.#exchange.collect(to));
        this.#collected = collected;
        return collected;
      },
    };
  }
}

/** Cleans a run away, and gives its runner up if that takes too long. */
export async function inTime({ giveUp }: Pick<Way, 'giveUp'>, clean: () => Promise<void>): Promise<void> {
  const late = setTimeout(() => giveUp(new Error('its run was not cleaned away in time')), SWEEP_MS);
  await clean();
  clearTimeout(late);
}
