import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { withoutProxyTo } from '../claude/environment.ts';
import type { ProcessExit } from '../claude/host.ts';
import type { Log } from '../log.ts';
import { Child } from './child.ts';
import { PROJECTS_IN_HOME, sendFiles, sendLeft, writeFiles } from './files.ts';
import { isFileName } from '../files/file-name.ts';
import { ByteQueue, Outlet } from './flow.ts';
import { watchMemory } from './memory-limit.ts';
import { ProtocolError, type Channel, type FromRunner, type ToRunner } from './protocol.ts';

/** The folder of the process, in HOME. */
const RUN_IN_HOME = 'run';
const OWNER_MAY_READ = 0o400;

type Start = Extract<ToRunner, { type: 'start' }>;
type Program = Extract<ToRunner, { type: 'program' }>;

/** What a {@link Run} needs. */
export interface RunOptions {
  /** The CLI. */
  readonly claudePath: string;
  readonly home: string;
  readonly workspace: string;
  /** Variables that each process gets, whatever the agent says. */
  readonly environment: Readonly<Record<string, string>>;
  /** Kills all processes of the run, and settles when they are gone. */
  readonly kill: () => Promise<void>;
  readonly say: (message: FromRunner) => void;
  readonly send: (frame: Buffer) => void;
  /** Called with what must end the connection. */
  readonly fail: (error: unknown) => void;
  readonly log: Log;
}

/** One process for the agent, and programs before and after it, until the connection ends. */
export class Run {
  readonly #options: RunOptions;
  readonly #queues: Readonly<Record<'stdin' | 'file', ByteQueue>>;
  readonly #outlets: Readonly<Record<'stdout' | 'stderr' | 'file', Outlet>>;
  #child: Child | undefined;
  #program: Child | undefined;
  #isStarted = false;
  /** Why the files could not be written. */
  #written: Promise<string | undefined> = Promise.resolve(undefined);
  #isSwept = false;
  #isPulling = false;
  #isGiven = false;
  #isCollected = false;
  /** Why the runner ended it. */
  #reason: string | undefined;
  #endWatch: (() => void) | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    const queue = (channel: Channel) => new ByteQueue((bytes) => options.say({ type: 'acknowledge', channel, bytes }));
    const outlet = (channel: Channel) => new Outlet(channel, options.send);
    this.#queues = { stdin: queue('stdin'), file: queue('file') };
    this.#outlets = { stdout: outlet('stdout'), stderr: outlet('stderr'), file: outlet('file') };
  }

  /** @throws {ProtocolError} */
  take(message: ToRunner): void {
    switch (message.type) {
      case 'signal':
        return (this.#program ?? this.#child)?.signal(message.name);
      case 'closeStdin':
        this.#queues.stdin.end();
        return;
      case 'measure':
        this.#options.say({ type: 'memory', residentBytes: this.#child?.residentBytes ?? 0 });
        return;
      case 'acknowledge':
        if (message.channel === 'stdin') throw new ProtocolError('stdin was acknowledged');
        this.#outlets[message.channel].acknowledge(message.bytes);
        return;
      case 'pull':
        if (this.#isPulling) throw new ProtocolError('a second pull');
        this.#pull(message).catch(this.#options.fail);
        return;
      case 'put':
        if (this.#isGiven) throw new ProtocolError('a second put');
        this.#isGiven = true;
        this.#put(message);
        return;
      case 'collect':
        if (this.#isPulling || this.#isCollected) throw new ProtocolError('no time for collect');
        this.#isCollected = true;
        this.#collect(message).catch(this.#options.fail);
        return;
      case 'sweep':
        this.#sweep().catch(this.#options.fail);
        return;
      case 'start':
        if (this.#isStarted || this.#program) throw new ProtocolError('no time for start');
        this.#isStarted = true;
        this.#start(message).catch(this.#options.fail);
        return;
      case 'program':
        if (this.#program || (this.#isStarted && !this.#isSwept)) throw new ProtocolError('no time for program');
        this.#runProgram(message).catch(this.#options.fail);
        return;
      case 'authenticate':
      case 'clean':
        throw new ProtocolError(`no time for ${message.type}`);
    }
  }

  /** @throws {ProtocolError} */
  takeData(channel: Channel, data: Buffer): void {
    if (channel !== 'stdin' && channel !== 'file') throw new ProtocolError(`data in ${channel}`);
    this.#queues[channel].push(data);
  }

  /** Call when the connection has ended. Settles when it writes nothing any more; never rejects. */
  end(): Promise<void> {
    for (const queue of Object.values(this.#queues)) queue.end();
    for (const outlet of Object.values(this.#outlets)) outlet.end();
    return this.#stop();
  }

  /** Starts no process any more. Settles when it writes nothing any more. */
  async #stop(): Promise<void> {
    this.#isSwept = true;
    this.#endWatch?.();
    this.#queues.file.end();
    await this.#written;
  }

  async #start({ file, args, env, cwd, files, hasFolder = false }: Start): Promise<void> {
    const { claudePath, home, workspace, say, log } = this.#options;
    const folder = path.resolve(workspace, cwd);
    const problem =
      (await this.#write(files, [home, workspace])) ??
      folderProblem(folder) ??
      (hasFolder ? this.#makeFolder() : undefined);
    // The agent has ended it meanwhile.
    if (this.#isSwept) return;
    if (problem !== undefined) {
      say({ type: 'exit', startError: problem });
      say({ type: 'outputEnd' });
      return;
    }
    const command = {
      file: file === 'claude' ? claudePath : file,
      args,
      env: this.#environmentOf(env),
      cwd: folder,
    };
    this.#endWatch = watchMemory((reason) => this.#endFor(reason));
    this.#child = new Child(command, {
      stdin: this.#queues.stdin,
      stdout: this.#outlets.stdout,
      stderr: this.#outlets.stderr,
    });
    log.info({}, 'started');
    void this.#child.outputEnd.then(() => say({ type: 'outputEnd' }));
    const exit: ProcessExit = await this.#child.exit;
    const { code, signal, startError } = exit;
    log.info({ code, signal, startError }, 'exited');
    say({ type: 'exit', ...exit, ...(this.#reason !== undefined && { reason: this.#reason }) });
  }

  async #runProgram({ file, args, env, cwd, input }: Program): Promise<void> {
    const { workspace, say, log, kill } = this.#options;
    const folder = path.resolve(workspace, cwd);
    const problem = folderProblem(folder);
    if (problem !== undefined) {
      say({ type: 'programEnd', startError: problem });
      return;
    }
    const stdin = new ByteQueue(() => undefined);
    if (input !== '') stdin.push(Buffer.from(input));
    stdin.end();
    const { stdout, stderr } = this.#outlets;
    const endWatch = watchMemory((reason) => this.#endFor(reason));
    this.#program = new Child({ file, args, env: this.#environmentOf(env), cwd: folder }, { stdin, stdout, stderr });
    const exit = await this.#program.exit;
    endWatch();
    await kill();
    await this.#program.outputEnd;
    this.#program = undefined;
    log.info({ code: exit.code, signal: exit.signal, startError: exit.startError }, 'a program ended');
    say({ type: 'programEnd', ...exit, ...(this.#reason !== undefined && { reason: this.#reason }) });
  }

  /** The gateway is called directly, whatever proxy the runner has. */
  #environmentOf(env: Readonly<Record<string, string>>): Record<string, string> {
    const { environment } = this.#options;
    return { ...env, ...environment, ...withoutProxyTo(env['ANTHROPIC_BASE_URL'] ?? '', environment) };
  }

  /** Returns why it cannot be made. */
  #makeFolder(): string | undefined {
    try {
      for (const name of ['in', 'out']) {
        mkdirSync(path.join(this.#options.home, RUN_IN_HOME, name), { recursive: true, mode: 0o700 });
      }
      return undefined;
    } catch (error) {
      return `the folder for its files cannot be made (${String(error)})`;
    }
  }

  /** After the files before them in the channel. Settles with why one could not be written; never rejects. */
  #write(files: Start['files'], folders: readonly string[]): Promise<string | undefined> {
    this.#written = this.#written
      .then(() => writeFiles(files, this.#queues.file, folders))
      .then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
    return this.#written;
  }

  #put({ files }: Extract<ToRunner, { type: 'put' }>): void {
    const folder = path.join(this.#options.home, RUN_IN_HOME, 'in');
    const wrong = files.find(({ name }) => !isFileName(name));
    if (wrong) throw new ProtocolError('a file with an invalid name');
    const inFolder = files.map(({ name, bytes }) => ({ path: path.join(folder, name), mode: OWNER_MAY_READ, bytes }));
    void this.#write(inFolder, [folder]).then((problem) =>
      this.#options.say({ type: 'putEnd', ...(problem !== undefined && { problem }) }),
    );
  }

  async #collect({ limits }: Extract<ToRunner, { type: 'collect' }>): Promise<void> {
    const { home, say } = this.#options;
    await sendLeft(home, [RUN_IN_HOME, 'out'], limits, say, this.#outlets.file);
  }

  #endFor(reason: string): void {
    this.#reason = reason;
    this.#options.log.warn({ reason }, 'run ended');
    this.#options.kill().catch(this.#options.fail);
  }

  async #sweep(): Promise<void> {
    await this.#stop();
    await this.#options.kill();
    // The output of a program must not mix with it.
    await this.#child?.outputEnd;
    this.#options.say({ type: 'swept' });
  }

  async #pull({ known }: Extract<ToRunner, { type: 'pull' }>): Promise<void> {
    const { home, say } = this.#options;
    this.#isPulling = true;
    const skipped = await sendFiles(path.join(home, PROJECTS_IN_HOME), known, say, this.#outlets.file);
    this.#isPulling = false;
    say({ type: 'pullEnd', skipped });
  }
}

/** Why a run cannot work in a folder; undefined if it can. */
function folderProblem(folder: string): string | undefined {
  try {
    return statSync(folder).isDirectory() ? undefined : `the working directory ${folder} is no folder`;
  } catch (error) {
    return `the working directory ${folder} cannot be used (${(error as NodeJS.ErrnoException).code})`;
  }
}
