import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type {
  HostedProcess,
  ProcessCommand,
  ProcessExit,
  ProcessHost,
  ProcessOutput,
} from '../../../agent/claude/host.ts';
import { LocalFolder } from '../../../agent/claude/local-folder.ts';
import { frameOf, frameReader, type Question, type ToClient, type ToHost } from './frames.ts';

/** The command of the program. */
export const PROGRAM = [process.execPath, path.join(import.meta.dirname, 'main.ts')] as const;

/** What is known here about a process at the other end. */
interface Remote {
  readonly output: ProcessOutput;
  readonly exit: PromiseWithResolvers<ProcessExit>;
  readonly outputEnd: PromiseWithResolvers<undefined>;
  writable: boolean;
}

/** Starts processes through a program at the other end of a pipe. Disposing ends the program and all its processes. */
export class PipeHost implements ProcessHost, AsyncDisposable {
  readonly #program: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #processes = new Map<number, Remote>();
  readonly #questions = new Map<number, PromiseWithResolvers<number>>();
  #lastId = 0;

  /** @param command starts the program. */
  constructor(command: readonly string[] = PROGRAM) {
    const [file = '', ...args] = command;
    const program = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#program = program;
    const read = frameReader<ToClient>();
    program.stdout.on('data', (chunk: Buffer) => {
      for (const message of read(chunk)) this.#take(message);
    });
    program.stdin.on('error', () => undefined);
    this.#gone = new Promise((resolve) =>
      program.once('close', () => {
        this.#lose();
        resolve();
      }),
    );
  }

  start(command: ProcessCommand, output: ProcessOutput): HostedProcess {
    const id = this.#nextId();
    const remote: Remote = {
      output,
      exit: Promise.withResolvers(),
      outputEnd: Promise.withResolvers(),
      writable: true,
    };
    this.#processes.set(id, remote);
    const folder = command.hasFolder ? new LocalFolder(command.mark) : undefined;
    this.#send({ do: 'start', id, command: { ...command, ...folder?.inCommand(command), hasFolder: false } });
    return {
      folder,
      get writable() {
        return remote.writable;
      },
      write: (text) => remote.writable && this.#send({ do: 'write', id, text }),
      closeStdin: () => {
        remote.writable = false;
        this.#send({ do: 'closeStdin', id });
      },
      signal: (name) => this.#send({ do: 'signal', id, name }),
      exit: remote.exit.promise,
      outputEnd: remote.outputEnd.promise,
      sweep: async () => {
        await this.#ask({ what: 'sweep', id });
        this.#processes.delete(id);
        await folder?.remove();
      },
      residentBytes: () => this.#ask({ what: 'residentBytes', id }).catch(() => 0),
    };
  }

  killLeftovers(instance: string): Promise<number> {
    return this.#ask({ what: 'killLeftovers', instance });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#program.stdin?.end();
    await this.#gone;
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #send(message: ToHost): void {
    this.#program.stdin?.write(frameOf(message));
  }

  #ask(what: Question): Promise<number> {
    const question = this.#nextId();
    const answer = Promise.withResolvers<number>();
    this.#questions.set(question, answer);
    this.#send({ do: 'ask', question, ...what });
    return answer.promise.finally(() => this.#questions.delete(question));
  }

  #take(message: ToClient): void {
    if (message.say === 'answer') return this.#questions.get(message.question)?.resolve(message.value);
    if (message.say === 'failure') return this.#questions.get(message.question)?.reject(new Error(message.error));
    const remote = this.#processes.get(message.id);
    if (!remote) return;
    if (message.say === 'exit') {
      remote.writable = false;
      remote.exit.resolve(message.exit);
    } else if (message.say === 'outputEnd') remote.outputEnd.resolve(undefined);
    else remote.output[message.say](Buffer.from(message.data, 'base64'));
  }

  /** The program has ended. */
  #lose(): void {
    for (const { exit, outputEnd } of this.#processes.values()) {
      exit.resolve({ startError: 'the program that starts it has ended' });
      outputEnd.resolve(undefined);
    }
    for (const { reject } of this.#questions.values()) reject(new Error('the process host has ended'));
  }
}

/** Under this name `agent/compose.ts` imports it; see `into-agent.ts`. */
export { PipeHost as LocalHost };
