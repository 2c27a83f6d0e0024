import { execa } from 'execa';

const TIMEOUT_MS = 60_000;

/** What to start. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Starts a `claude`, sends one prompt as stream-json, and returns when its result line is there; it has not ended yet. */
export async function untilResult(
  command: Command,
  prompt: string,
): Promise<Disposable & { exited: Promise<unknown> }> {
  const { file, args, env, cwd } = command;
  const child = execa(file, args, {
    ...{ env, extendEnv: false, cwd, buffer: false, reject: false, timeout: TIMEOUT_MS },
    // As the agent does it: Linux shares the processor among sessions.
    detached: true,
  });
  child.stdin.write(`${JSON.stringify({ type: 'user', message: { role: 'user', content: prompt } })}\n`);
  const result = Promise.withResolvers<undefined>();
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    if (text.includes('"type":"result"')) result.resolve(undefined);
  });
  void child.then(() => result.reject(new Error(`${file} ended without a result: ${text}`)));
  await result.promise;
  child.stdin.end();
  return { exited: child, [Symbol.dispose]: () => child.kill('SIGKILL') };
}
