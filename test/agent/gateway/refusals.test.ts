import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '../../../agent/gateway/exchange.ts';
import { REAL, send, startGateway, startUpstream, type TestGateway } from '../../support/gateway.ts';

const MESSAGES = '/v1/messages';
const SECRET_BODY = '{"messages":"the prompt of a run"}';

let asked = 0;
let received = 0;
let api: Awaited<ReturnType<typeof startUpstream>>;
let own: TestGateway;

beforeEach(async () => {
  asked = received = 0;
  api = await startUpstream((request, response) => {
    asked += 1;
    request.on('data', (chunk: Buffer) => (received += chunk.length));
    request.on('end', () => response.end('{}'));
  });
  own = await startGateway(api.url);
});

afterEach(async () => {
  await own[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** The error of a response in Anthropic's form. */
const errorOf = ({ text: body }: { text: string }) => {
  const { type, error } = JSON.parse(body) as { type: string; error: { type: string; message: string } };
  expect(type).toBe('error');
  expect(error.message).toMatch(/\.$/);
  return error.type;
};

describe('the gateway refuses', () => {
  it.each([
    ['POST', '/v1/models'],
    ['GET', '/v1/models'],
    ['GET', MESSAGES],
    ['PUT', MESSAGES],
    ['POST', '/v1/messages/batches'],
    ['POST', '/v1/messages/'],
    ['POST', '/v1/messages/../models'],
    ['POST', '/v1/%6dessages'],
    ['POST', '//v1/messages'],
    ['POST', 'http://api.anthropic.com/v1/messages'],
    ['POST', '/v1/oauth/token'],
    ['POST', '/'],
  ])('%s %s', async (method, path) => {
    const token = own.tokens.issue('run-1');
    const answer = await send(own.url, token, SECRET_BODY, { method, path });
    expect({ status: answer.status, type: errorOf(answer) }).toEqual({ status: 403, type: 'permission_error' });
    expect(own.refused).toEqual(['path']);
    expect(asked).toBe(0);
  });

  it('a request without a token, with another one, with the credential of the agent, or after the end of its run', async () => {
    const ended = own.tokens.issue('run-1');
    own.tokens.revoke(ended);
    const valid = own.tokens.issue('run-2');
    for (const token of ['', 'run_', `${valid}x`, valid.slice(0, -1), valid.toUpperCase(), REAL, ended]) {
      const answer = await send(own.url + MESSAGES, token, SECRET_BODY);
      expect({ status: answer.status, type: errorOf(answer) }).toEqual({ status: 403, type: 'permission_error' });
    }
    expect(own.refused).toEqual(Array(7).fill('token'));
    expect(asked).toBe(0);
    expect((await send(own.url + MESSAGES, valid)).status).toBe(200);
  });

  it('a body that is announced as larger than 32 MB, without asking the API', async () => {
    const token = own.tokens.issue('run-1');
    const body = Buffer.alloc(MAX_BODY_BYTES + 1, 'x');
    const answer = await send(own.url + MESSAGES, token, body, { headers: { 'content-length': body.length } });
    expect({ status: answer.status, type: errorOf(answer) }).toEqual({ status: 413, type: 'request_too_large' });
    expect({ asked, refused: own.refused }).toEqual({ asked: 0, refused: ['body_too_large'] });
  });

  it('a body without a length once it is larger than 32 MB, and nothing of it counts for the API', async () => {
    const token = own.tokens.issue('run-1');
    const answer = await send(own.url + MESSAGES, token, Buffer.alloc(MAX_BODY_BYTES + 1, 'x'), {
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect({ status: answer.status, type: errorOf(answer) }).toEqual({ status: 413, type: 'request_too_large' });
    expect(received).toBeLessThanOrEqual(MAX_BODY_BYTES);
    expect(own.refused).toEqual(['body_too_large']);
  });

  it('what is no HTTP, and a tunnel', async () => {
    const { port } = new URL(own.url);
    for (const sent of [
      'nonsense\r\n\r\n',
      'CONNECT api.anthropic.com:443 HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n',
    ]) {
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write(sent);
      const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
      expect(head).toMatch(/^HTTP\/1\.1 40[03] /);
      expect(JSON.parse(body)).toMatchObject({ type: 'error' });
    }
    expect(own.refused).toEqual(['malformed', 'path']);
  });
});

it('accepts a body of exactly 32 MB', async () => {
  const body = Buffer.alloc(MAX_BODY_BYTES, 'x');
  expect((await send(own.url + MESSAGES, own.tokens.issue('run-1'), body)).status).toBe(200);
  expect(received).toBe(MAX_BODY_BYTES);
});

it('logs each refusal, but no token, credential, query or body', async () => {
  const token = own.tokens.issue('run-1');
  const path = `/v1/files/${token}?key=${token}&prompt=secret`;
  await send(own.url, token, SECRET_BODY, { path });
  own.tokens.revoke(token);
  await send(own.url + MESSAGES, token, SECRET_BODY);
  expect(own.lines).toHaveLength(2);
  expect(own.lines[0]).toContain('"path":"/v1/files/…"');
  for (const line of own.lines) {
    expect(line).toContain('the gateway refused a request');
    for (const secret of [token, REAL, 'secret', 'the prompt']) expect(line).not.toContain(secret);
  }
});

it('logs a few of many refusals and how many were left out, and counts all', async () => {
  for (let i = 0; i < 25; i += 1) await send(own.url + MESSAGES, 'none');
  expect(own.refused).toHaveLength(25);
  expect(own.lines).toHaveLength(20);
  await own.gateway.close();
  expect(own.lines.slice(20)).toEqual([expect.stringContaining('"leftOut":5')]);
});
