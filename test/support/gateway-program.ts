/**
 * Runs a gateway as a program, for what only the start of a process decides and for benchmarks: `ANTHROPIC_BASE_URL` and
 * the proxy variables come from the environment. Sends `{url, token, secondToken}` over IPC when it listens, and its memory after a
 * garbage collection for each message that it gets. Ends with its parent.
 * @module
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startGateway } from './gateway.ts';
import { Upstream } from '../../agent/gateway/upstream.ts';

/** Memory of the program, in bytes. */
export type ProgramMemory = Pick<NodeJS.MemoryUsage, 'rss' | 'heapUsed' | 'external'>;

/** A gateway in a process of its own. Disposing kills it. */
export interface GatewayProgram extends AsyncDisposable {
  readonly url: string;
  /** A token that is valid until the end. */
  readonly token: string;
  /** Another one, because the open requests of a token are limited. */
  readonly secondToken: string;
  /** Its memory after a full garbage collection. */
  memory(): Promise<ProgramMemory>;
}

/** Starts the program. @param nodeOptions options of Node.js. */
export async function forkGateway(
  environment: Readonly<Record<string, string>>,
  nodeOptions: readonly string[] = [],
): Promise<GatewayProgram> {
  const child = fork(import.meta.filename, {
    env: { PATH: process.env['PATH'], ...environment },
    execArgv: ['--expose-gc', ...nodeOptions],
  });
  const message = async <T>() => (await once(child, 'message'))[0] as T;
  const told = await message<Pick<GatewayProgram, 'url' | 'token' | 'secondToken'>>();
  return {
    ...told,
    memory: () => {
      const reply = message<ProgramMemory>();
      child.send('memory');
      return reply;
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

if (process.send !== undefined) {
  const { tokens, url } = await startGateway('', { upstream: new Upstream(process.env) });
  process.on('disconnect', () => process.exit());
  process.on('message', () => {
    globalThis.gc?.();
    process.send?.(process.memoryUsage());
  });
  const [token, secondToken] = ['one run', 'another'].map((id) => tokens.issue(id));
  process.send({ url, token, secondToken });
}
