import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A double in a process of its own, and the line of JSON that it printed when it was ready. */
export interface DoubleProgram<T> extends AsyncDisposable {
  readonly told: T;
  readonly pid: number;
}

/**
 * Starts a double as a program, so that its work does not slow down the one that measures.
 * @param environment its variables; by default those of this process.
 */
export async function startDoubleProgram<T>(
  program: string,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<DoubleProgram<T>> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: environment });
  const kill = () => void child.kill();
  process.once('exit', kill);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return {
    told: JSON.parse(line) as T,
    pid: child.pid ?? NaN,
    async [Symbol.asyncDispose]() {
      process.off('exit', kill);
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}
