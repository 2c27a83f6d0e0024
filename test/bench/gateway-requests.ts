import { once } from 'node:events';
import { Agent, request as ask, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { startDoubleProgram } from '../support/double-program.ts';

/** The CLI's first request has about this size. */
export const BODY_BYTES = 50_000;
const DOUBLE = path.join(import.meta.dirname, '..', 'doubles', 'anthropic', 'main.ts');

/** The body of a request to the API, streamed. */
export function body(prompt: string): string {
  const messages = [{ role: 'user', content: prompt }];
  return JSON.stringify({ model: 'claude-x', stream: true, messages, system: 'x'.repeat(BODY_BYTES) });
}

/** It is answered immediately. */
export const HELLO = body('hello');

/** Starts the double of the API in a process of its own. */
export async function startDouble(): Promise<AsyncDisposable & { readonly url: string }> {
  const { told, ...program } = await startDoubleProgram<{ url: string }>(DOUBLE);
  return { ...program, url: told.url };
}

/** Sends a request to the API or the gateway. @throws if the status of the response is not 200. */
export async function send(url: string, token: string, content: string, agent: Agent): Promise<IncomingMessage> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(content),
  };
  const request = ask(`${url}/v1/messages?beta=true`, { method: 'POST', agent, headers });
  request.end(content);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`The answer is ${response.statusCode}.`);
  response.on('error', () => undefined);
  return response;
}

/** Sends {@link HELLO} many times, some at once, and reads the responses. */
export async function sendMany(
  { url, token }: { readonly url: string; readonly token: string },
  count: number,
  atOnce: number,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  let left = count;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      const response = await send(url, token, HELLO, agent);
      await once(response.resume(), 'end');
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  agent.destroy();
}
