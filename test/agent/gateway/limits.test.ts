import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { GatewayLimits } from '../../../agent/gateway/limits.ts';
import { begin, send, startGateway, startUpstream } from '../../support/gateway.ts';
import { until } from '../../support/agent.ts';

const MESSAGES = '/v1/messages';

/** A gateway with limits, and an API that answers when the test does. */
async function limited(limits: Partial<GatewayLimits>) {
  const answers: ServerResponse[] = [];
  const api = await startUpstream((request, response) => {
    request.resume();
    answers.push(response);
  });
  const own = await startGateway(api.url, { limits });
  return {
    ...own,
    answers,
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

/** A connection that sends this and reads until its end. */
async function raw({ url }: { readonly url: string }, sent: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(sent);
  return text(socket);
}

it('refuses further requests of a run while too many are open, and none of another run', async () => {
  await using own = await limited({ requestsPerToken: 2 });
  const [busy, other] = [own.tokens.issue('run-1'), own.tokens.issue('run-2')];
  const ask = (token: string) => {
    const request = begin(own.url + MESSAGES, token);
    request.end('{}');
    return once(request, 'response') as Promise<[IncomingMessage]>;
  };
  const open = [ask(busy), ask(busy)];
  await until(() => own.answers.length === 2, 'both requests');
  const refused = await send(own.url + MESSAGES, busy);
  expect({ status: refused.status, body: JSON.parse(refused.text) as object }).toEqual({
    status: 429,
    body: { type: 'error', error: { type: 'rate_limit_error', message: 'This run has too many open requests.' } },
  });
  expect(own.refused).toEqual(['too_many_requests']);

  const others = ask(other);
  await until(() => own.answers.length === 3, 'the request of another run');
  own.answers[0]?.end('{}');
  await until(() => own.exchanged.length === 1, 'the end of a request');
  const next = ask(busy);
  await until(() => own.answers.length === 4, 'the next request');
  for (const answer of own.answers) answer.end('{}');
  const responses = await Promise.all([...open, others, next]);
  for (const [response] of responses) expect(response.resume().statusCode).toBe(200);
});

it.each([
  ['headers', 'headersMs', 'POST /v1/messages HTTP/1.1\r\nHost: gateway\r\n'],
  [
    'body',
    'requestMs',
    'POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nContent-Length: 10\r\nAuthorization: Bearer TOKEN\r\n\r\n{',
  ],
] as const)('closes a connection whose %s do not arrive in time', async (_what, limit, sent) => {
  await using own = await limited({ headersMs: 50, [limit]: 50 });
  const said = await raw(own, sent.replace('TOKEN', own.tokens.issue('run-1')));
  expect(said).toMatch(/^HTTP\/1\.1 408 /);
  expect(said).toContain('"type":"error"');
  expect(own.refused).toEqual(['too_slow']);
});

it('closes a connection that stays without a request', async () => {
  await using own = await limited({ idleMs: 50 });
  const said = await raw(own, 'GET / HTTP/1.1\r\nHost: gateway\r\n\r\n');
  expect(said).toMatch(/^HTTP\/1\.1 403 /);
  expect(own.refused).toEqual(['path']);
});

it.each(['connections', 'connectionsPerAddress'] as const)(
  'closes a connection above the limit of %s',
  async (limit) => {
    await using own = await limited({ [limit]: 2 });
    const { port } = new URL(own.url);
    const open = [connect(Number(port), '127.0.0.1'), connect(Number(port), '127.0.0.1')];
    await Promise.all(open.map((socket) => once(socket, 'connect')));
    const surplus = connect(Number(port), '127.0.0.1');
    surplus.on('error', () => undefined).resume();
    await once(surplus, 'close');
    expect(own.refused).toEqual(['too_many_connections']);

    for (const socket of open) socket.destroy();
    const answered = () =>
      send(own.url, '', '{}').then(
        ({ status }) => status === 403,
        () => false,
      );
    await until(answered, 'room for a connection');
  },
);
