import { spawn, type ChildProcess } from 'node:child_process';
import type { HostedProcess, ProcessCommand, ProcessExit, ProcessOutput, ClaimableHost, ClaimedPlace } from './host.ts';
import { LocalFolder, removeFolders } from './local-folder.ts';
import { runHere } from './local-program.ts';
import { clockTicks, residentBytesOf } from './proc.ts';
import { lockLimitOf, withLockLimit } from './run-mark.ts';
import { sweep, type Other } from './sweep.ts';

/** Starts processes on this machine. */
export class LocalHost implements ClaimableHost {
  /** The processes that are not swept yet. */
  readonly #inProgress = new Set<Other>();

  claim(mark: string): ClaimedPlace {
    return {
      run: (command) => runHere(command, mark, this.#inProgress),
      start: (command, output) => this.start(command, output),
      release: () => Promise.resolve(),
    };
  }

  start(command: ProcessCommand, output: ProcessOutput): HostedProcess {
    const exit = Promise.withResolvers<ProcessExit>();
    const outputEnd = Promise.withResolvers<undefined>();
    const startedAt = clockTicks();
    using made = new DisposableStack();
    const folder = command.hasFolder
      ? made.adopt(new LocalFolder(command.mark), (each) => each.removeNew())
      : undefined;
    const { args, env } = folder?.inCommand(command) ?? command;
    const child: ChildProcess = spawn(...withLockLimit(command.file, args, command.mark), {
      cwd: command.cwd,
      env,
      // In a process group of its own, so that Ctrl-C in the terminal reaches only the agent.
      detached: true,
    });
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      exit.resolve({ startError: error.message });
      outputEnd.resolve(undefined);
    });
    const { stdin, stdout, stderr } = child;
    if (!stdin || !stdout || !stderr) throw new Error('too many files are open');
    made.move();

    const own = { pid: child.pid, lockLimit: lockLimitOf(command.mark), begunAt: Infinity };
    this.#inProgress.add(own);
    stdout.on('data', (chunk: Buffer) => output.stdout(chunk));
    stderr.on('data', (chunk: Buffer) => output.stderr(chunk));
    // If the process exits early, writing fails. Its exit code and stderr explain why.
    for (const pipe of [stdin, stdout, stderr]) pipe.on('error', () => undefined);
    child.once('exit', (code, signal) => exit.resolve({ code: code ?? undefined, signal: signal ?? undefined }));
    child.once('close', () => outputEnd.resolve(undefined));

    return {
      get writable() {
        return stdin.writable;
      },
      write(text) {
        if (own.begunAt === Infinity) own.begunAt = clockTicks();
        if (stdin.writable) stdin.write(text);
      },
      closeStdin: () => stdin.end(),
      signal: (name) => child.kill(name),
      exit: exit.promise,
      outputEnd: outputEnd.promise,
      folder,
      sweep: async (afterwards) => {
        try {
          const leader = child.pid === undefined ? undefined : { pid: child.pid, startedAt };
          await sweep(command.mark, leader, this.#inProgress);
        } finally {
          this.#inProgress.delete(own);
        }
        await afterwards?.(this.claim(command.mark));
        await folder?.remove();
      },
      residentBytes: () => Promise.resolve(child.pid === undefined ? 0 : residentBytesOf(child.pid)),
    };
  }

  async killLeftovers(instance: string): Promise<number> {
    const killed = await sweep(`${instance}/`);
    await removeFolders(instance);
    return killed;
  }
}
