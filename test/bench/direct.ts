import { spawn } from 'node:child_process';
import { once } from 'node:events';

const TIMEOUT_MS = 60_000;

/** A command to start. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * Starts a `claude` as the agent does, sends one prompt as stream-json, and returns when the result line has arrived.
 * @returns `exited` settles when the process has ended.
 */
export async function untilResult(
  { file, args, env, cwd }: Command,
  prompt: string,
): Promise<{ exited: Promise<unknown> }> {
  // In a session of its own, as in the agent, because Linux divides CPU time among sessions.
  const child = spawn(file, args, { env, cwd, detached: true, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  const exited = once(child, 'close');
  child.stdin.write(`${JSON.stringify({ type: 'user', message: { role: 'user', content: prompt } })}\n`);
  let text = '';
  const result = new Promise<undefined>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('"type":"result"')) resolve(undefined);
    });
  });
  const ended = await Promise.race([result, exited]);
  if (ended) throw new Error(`${file} ended without a result: ${text}`);
  child.stdin.end();
  return { exited };
}
