/**
 * Calls the gateway for what a run is not to get: other paths, by other tokens, with too large a body. Its own token works
 * while its run goes on, which it tries, too.
 *
 * Usage: gateway.ts [--token TOKEN]… — tokens of other runs
 * @module
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { report } from './finding.ts';
import { ownToken } from './processes.ts';

const MESSAGES = '/v1/messages';
const COUNT = '/v1/messages/count_tokens';
/** Other methods and paths; those that only look like allowed ones, too. */
const OTHERS = [
  ['GET', '/'],
  ['GET', '/health'],
  ['GET', '/metrics'],
  ['GET', '/v1/models'],
  ['GET', '/v1/files'],
  ['POST', '/v1/files'],
  ['POST', '/v1/messages/batches'],
  ['POST', '/v1/oauth/token'],
  ['POST', `${MESSAGES}/../models`],
  ['POST', '//v1/messages'],
  ['POST', 'http://api.anthropic.com/v1/messages'],
  ['GET', 'http://169.254.169.254/metadata/instance'],
  ['POST', '/run'],
] as const;
const LARGE_BYTES = 34_000_000;
const CHUNK = Buffer.alloc(1_000_000, ' ');
const BODY = JSON.stringify({ model: 'claude-sonnet-4-5', messages: [{ role: 'user', content: 'x' }] });

const { values } = parseArgs({ options: { token: { type: 'string', multiple: true, default: [] } } });
const url = process.env['ANTHROPIC_BASE_URL'] ?? '';
const own = ownToken() ?? '';

report('the token of this run', 'found', own);
await call('its own token', own);
for (const [index, token] of values.token.entries()) await call(`token ${index} of another run`, token);
await call('no token', '');
await call('a token that is made up', `${own.slice(0, -4)}AAAA`);
for (const [method, path] of OTHERS) await call(`${method} ${path}`, own, { method, path });
await call('a large body with its length', own, { bytes: LARGE_BYTES, saysLength: true });
await call('a large body without a length', own, { bytes: LARGE_BYTES });

interface Request {
  readonly method?: string;
  readonly path?: string;
  /** Of a body of spaces. */
  readonly bytes?: number;
  /** Says the length before the body. */
  readonly saysLength?: boolean;
}

async function call(
  target: string,
  token: string,
  { method = 'POST', path = COUNT, bytes = 0, saysLength = false }: Request = {},
): Promise<void> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    ...(saysLength && { 'content-length': bytes }),
  };
  const sent = request(url, { method, path, headers, agent: false });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  // The gateway may close the connection while the body is on its way.
  sent.on('error', () => undefined);
  if (bytes > 0) Readable.from(spaces(bytes)).pipe(sent);
  else sent.end(method === 'GET' ? undefined : BODY);
  try {
    const [{ statusCode = 0 }] = await answered;
    report(target, statusCode < 400 ? 'found' : 'blocked', statusCode);
  } catch (error) {
    report(target, 'blocked', error);
  }
  sent.destroy();
}

function* spaces(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield CHUNK;
}
