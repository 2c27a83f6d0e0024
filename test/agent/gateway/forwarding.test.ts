import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { begin, REAL, send, startGateway, startUpstream } from '../../support/gateway.ts';
import { until } from '../../support/agent.ts';
import { closedPort } from '../../support/closed-port.ts';

const MESSAGES = '/v1/messages?beta=true';

it('passes a request on as it is, but with the credential of the agent', async () => {
  const seen: { url: string | undefined; headers: IncomingMessage['headers']; body: Buffer }[] = [];
  await using api = await startUpstream((request, response) => {
    void buffer(request).then((body) => {
      seen.push({ url: request.url, headers: request.headers, body });
      response.writeHead(200, {
        'content-type': 'application/json',
        'request-id': 'req_1',
        connection: 'x-hop',
        'x-hop': '1',
      });
      response.end('{"ok":true}');
    });
  });
  await using own = await startGateway(`${api.url}/prefix/`);
  const token = own.tokens.issue('run-1');
  const body = Buffer.from('{"text":"ä€😀"}');
  const answer = await send(own.url + MESSAGES, token, body, {
    headers: {
      'anthropic-beta': 'a,b',
      'x-app': 'cli',
      connection: 'close, x-mine',
      'x-mine': 'of this connection',
      'proxy-authorization': 'Basic none',
      'accept-encoding': 'gzip, br',
    },
  });
  expect(answer).toMatchObject({ status: 200, text: '{"ok":true}' });
  expect(answer.headers).toMatchObject({ 'request-id': 'req_1', 'content-type': 'application/json' });
  expect(answer.headers).not.toHaveProperty('x-hop');
  expect(seen).toHaveLength(1);
  expect(seen[0]?.url).toBe(`/prefix${MESSAGES}`);
  expect(seen[0]?.body).toEqual(body);
  expect(seen[0]?.headers).toEqual({
    authorization: `Bearer ${REAL}`,
    'content-type': 'application/json',
    'anthropic-beta': 'a,b',
    'x-app': 'cli',
    'accept-encoding': 'identity',
    'content-length': String(body.length),
    connection: 'keep-alive',
    host: new URL(api.url).host,
  });
});

it('takes the token of a run from where it was used first, for that run, until the run has ended', async () => {
  await using api = await startUpstream(
    (request, response) => void request.resume().on('end', () => response.end('{}')),
  );
  await using own = await startGateway(api.url);
  const [, token] = [own.tokens.issue('run-1'), own.tokens.issue('run-2')];
  const elsewhere = { localAddress: '127.0.0.2' };
  expect(await send(own.url + MESSAGES, token, '{}', elsewhere)).toMatchObject({ status: 200 });
  await until(() => own.exchanged.length === 1, 'it is exchanged');
  expect(own.exchanged).toMatchObject([{ sessionId: 'run-2' }]);
  const stolen = await send(own.url + MESSAGES, token, '{}', { localAddress: '127.0.0.3' });
  expect(stolen).toMatchObject({ status: 403 });
  expect(stolen.text).toContain('The token belongs to a run at another address.');
  expect(own.refused).toEqual(['address']);
  expect(await send(own.url + MESSAGES, token, '{}', elsewhere)).toMatchObject({ status: 200 });
  own.tokens.revoke(token);
  expect(await send(own.url + MESSAGES, token, '{}', elsewhere)).toMatchObject({ status: 403 });
});

it('puts an API key in the place of a bearer token, and a bearer token in the place of an API key', async () => {
  const seen: object[] = [];
  await using api = await startUpstream(({ headers: { authorization, 'x-api-key': key } }, response) => {
    seen.push({ authorization, key });
    response.end('{}');
  });
  await using byKey = await startGateway(api.url, {
    credential: {
      header: () => Promise.resolve({ name: 'x-api-key', value: 'sk-ant-api03-real' }),
      refused: () => Promise.resolve(),
    },
  });
  await using byToken = await startGateway(api.url);
  await send(byKey.url + MESSAGES, byKey.tokens.issue('run-1'));
  const headers = { 'x-api-key': byToken.tokens.issue('run-1'), authorization: '' };
  await send(byToken.url + MESSAGES, '', '{}', { headers });
  expect(seen).toEqual([
    { authorization: undefined, key: 'sk-ant-api03-real' },
    { authorization: `Bearer ${REAL}`, key: undefined },
  ]);
});

it('keeps its connections to the API', async () => {
  const ports = new Set<number | undefined>();
  await using api = await startUpstream((request, response) => {
    ports.add(request.socket.remotePort);
    request.resume().on('end', () => response.end('{}'));
  });
  await using own = await startGateway(api.url);
  const token = own.tokens.issue('run-1');
  for (let i = 0; i < 5; i += 1) await send(own.url + MESSAGES, token);
  expect(ports.size).toBe(1);
});

it('passes on each part of a request and of a response before the next one exists', async () => {
  const arrived: string[] = [];
  let answer: ServerResponse | undefined;
  await using api = await startUpstream((request, response) => {
    answer = response;
    request.on('data', (chunk: Buffer) => arrived.push(chunk.toString()));
    request.on('end', () => response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders());
  });
  await using own = await startGateway(api.url);
  const request = begin(own.url + MESSAGES, own.tokens.issue('run-1'));
  for (const part of ['one', 'two']) {
    request.write(part);
    await until(() => arrived.includes(part), part);
  }
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  for (const part of ['three', 'four']) {
    answer?.write(part);
    expect(String((await once(response, 'data'))[0])).toBe(part);
  }
  answer?.end();
  response.resume();
  await once(response, 'end');
});

/** A request whose response has begun and never ends. */
async function openStream(answers: ServerResponse[], url: string, token: string) {
  const request = begin(url + MESSAGES, token);
  request.on('error', () => undefined);
  request.end('{}');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined).resume();
  return { request, response, answer: answers.at(-1) };
}

it.each(['its token is revoked', 'its client goes away', 'the gateway is closed'])(
  'ends the request to the API when %s, and no other',
  async (cause) => {
    const answers: ServerResponse[] = [];
    await using api = await startUpstream((_, response) => {
      answers.push(response);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    });
    await using own = await startGateway(api.url);
    const [token, other] = [own.tokens.issue('run-1'), own.tokens.issue('run-2')];
    const ending = await openStream(answers, own.url, token);
    const staying = await openStream(answers, own.url, other);
    if (cause === 'its token is revoked') own.tokens.revoke(token);
    else if (cause === 'its client goes away') ending.request.destroy();
    else void own.gateway.close();
    await until(() => ending.answer?.destroyed === true, 'the end of the request');
    await until(() => ending.response.destroyed, 'the end of the response');
    if (cause === 'the gateway is closed') return;
    staying.answer?.end('data: last\n\n');
    await once(staying.response, 'end');
    expect(staying.response.complete).toBe(true);
    expect(ending.response.complete).toBe(false);
  },
);

it('ends the request to the API when the token is revoked before there is a response', async () => {
  let asked: IncomingMessage | undefined;
  await using api = await startUpstream((request) => void (asked = request.resume()));
  await using own = await startGateway(api.url);
  const token = own.tokens.issue('run-1');
  const failed = expect(send(own.url + MESSAGES, token)).rejects.toThrow(/socket hang up|ECONNRESET/);
  await until(() => asked !== undefined, 'the request');
  own.tokens.revoke(token);
  await failed;
  await until(() => asked?.socket.destroyed === true, 'the end of the connection');
});

it('breaks the response off where the API does', async () => {
  await using api = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n', () => response.destroy());
  });
  await using own = await startGateway(api.url);
  await expect(send(own.url + MESSAGES, own.tokens.issue('run-1'))).rejects.toThrow(/aborted|ECONNRESET/);
});

it('closes the connection if the API cannot be reached, and logs why', async () => {
  await using own = await startGateway(await closedPort());
  const token = own.tokens.issue('run-1');
  await expect(send(own.url + MESSAGES, token)).rejects.toThrow(/socket hang up|ECONNRESET/);
  expect(own.lines.join('\n')).toMatch(
    /ECONNREFUSED.*"sessionId":"run-1".*Anthropic cannot be reached|"sessionId":"run-1".*ECONNREFUSED/,
  );
  expect(own.exchanged).toEqual([{ sessionId: 'run-1', status: undefined, usage: undefined }]);
});

const CHUNK = Buffer.alloc(65_536, 'x');
const CHUNKS = 1024;
/** What the sockets of both connections and the streams hold at most. */
const HELD = CHUNK.length * CHUNKS * 0.5;

/** Writes until the other side has stopped reading for a while, and returns the number of bytes that were taken. */
async function writtenUntilFull(stream: { write(chunk: Buffer): boolean; writableLength: number }): Promise<number> {
  let chunks = 0;
  for (let stalls = 0; stalls < 20 && chunks < CHUNKS;) {
    if (stream.writableLength < CHUNK.length) {
      stream.write(CHUNK);
      chunks += 1;
      stalls = 0;
    } else {
      stalls += 1;
      await sleep(10);
    }
  }
  return chunks * CHUNK.length;
}

it('reads no more of a response than the client does', async () => {
  let answer: ServerResponse | undefined;
  await using api = await startUpstream((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    answer = response;
  });
  await using own = await startGateway(api.url);
  const request = begin(own.url + MESSAGES, own.tokens.issue('run-1'));
  request.end('{}');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (!answer) throw new Error('There is no answer.');
  const written = await writtenUntilFull(answer);
  expect(written).toBeLessThan(HELD);
  answer.end();
  expect((await buffer(response)).length).toBe(written);
});

it('reads no more of a request than the API does', async () => {
  let asked: IncomingMessage | undefined;
  await using api = await startUpstream((request) => void (asked = request));
  await using own = await startGateway(api.url);
  const request = begin(own.url + MESSAGES, own.tokens.issue('run-1'));
  request.on('error', () => undefined);
  const written = await writtenUntilFull(request);
  expect(written).toBeLessThan(HELD);
  request.end();
  if (!asked) throw new Error('There is no request.');
  expect((await buffer(asked)).length).toBe(written);
  request.destroy();
});
