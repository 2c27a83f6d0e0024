import { spawn } from 'node:child_process';
import { clockTicks } from './proc.ts';
import type { ProgramCommand, ProgramExit } from './host.ts';
import { TextEnd } from './programs.ts';
import { lockLimitOf, RUN_MARK, withLockLimit } from './run-mark.ts';
import { sweep, type Other } from './sweep.ts';

/**
 * Runs a program on this machine.
 * @param mark of the run.
 * @param inProgress the processes of all runs that are not swept yet; gets this one meanwhile.
 * @see Programs
 */
export async function runHere(command: ProgramCommand, mark: string, inProgress: Set<Other>): Promise<ProgramExit> {
  const { file, args, env, cwd, input = '', signal, stdout } = command;
  signal.throwIfAborted();
  const startedAt = clockTicks();
  const child = spawn(...withLockLimit(file, args, mark), {
    cwd,
    env: { ...env, [RUN_MARK]: mark },
    detached: true,
    stdio: 'pipe',
  });
  const exited = Promise.withResolvers<Omit<ProgramExit, 'stderr'>>();
  child.once('error', (error) => exited.resolve({ startError: error.message }));
  child.once('exit', (code, name) => exited.resolve({ code: code ?? undefined, signal: name ?? undefined }));
  const own = { pid: child.pid, lockLimit: lockLimitOf(mark), begunAt: startedAt };
  inProgress.add(own);
  const kill = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const stderr = new TextEnd();
  child.stderr.on('data', (chunk: Buffer) => stderr.append(chunk));
  // If the program exits early, writing fails. Its exit code and stderr explain why.
  for (const pipe of [child.stdin, child.stderr]) pipe.on('error', () => undefined);
  child.stdin.end(input);
  const taken = takeAll(child.stdout, stdout).then(
    () => undefined,
    (error: unknown) => {
      kill();
      return { error };
    },
  );
  try {
    const exit = await exited.promise;
    // What it has started may keep its output open.
    await sweep(mark, child.pid === undefined ? undefined : { pid: child.pid, startedAt }, inProgress);
    const failed = await taken;
    signal.throwIfAborted();
    if (failed) throw failed.error;
    return { ...exit, stderr: stderr.toString() };
  } finally {
    signal.removeEventListener('abort', kill);
    inProgress.delete(own);
  }
}

/** @throws what `take` rejects with, or if the output cannot be read. */
async function takeAll(output: AsyncIterable<Buffer>, take: ProgramCommand['stdout']): Promise<void> {
  for await (const chunk of output) await take?.(chunk);
}
