import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Agent, TOKEN } from '../../support/agent.ts';
import { rawRequest } from '../../support/raw-request.ts';

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const RIGHT = { Authorization: `Bearer ${TOKEN}` };
const WRONG = { Authorization: 'Bearer wrong' };
const LARGE = { 'Content-Length': 1_000_000 };

let agent: Agent;
beforeAll(async () => {
  agent = await Agent.start();
});
afterAll(() => agent[Symbol.asyncDispose]());

const post = (headers: object, body?: string) =>
  rawRequest(`${agent.url}/`, { method: 'POST', headers: { ...headers }, ...(body !== undefined && { body }) });

describe('a form of the status page', () => {
  it('is not read if the token in the header is wrong', async () => {
    expect((await post({ ...FORM, ...WRONG, ...LARGE })).status).toBe(401);
  });

  it('is refused unread if it is large, whatever the token', async () => {
    expect((await post({ ...FORM, ...LARGE })).status).toBe(413);
    expect((await post({ ...FORM, ...RIGHT, ...LARGE })).status).toBe(413);
    expect((await post(FORM, 'a&'.repeat(520_000))).status).toBe(413);
    expect((await post({ ...FORM, 'Transfer-Encoding': 'chunked' }, 'a&'.repeat(520_000))).status).toBe(413);
    expect((await post({ ...FORM, ...RIGHT }, `action=show&x=${'x'.repeat(16_000)}`)).status).toBe(200);
  });

  it('must not be multipart, whole or broken: it is not searched for a token', async () => {
    const multipart = { 'Content-Type': 'multipart/form-data; boundary=x' };
    const part = `--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n${TOKEN}\r\n--x--\r\n`;
    for (const body of [part, part.slice(0, 40), '']) {
      expect((await post(multipart, body)).status).toBe(401);
      expect((await post({ ...multipart, ...RIGHT }, body)).status).toBe(415);
    }
    expect((await post({ 'Content-Type': 'multipart/form-data', ...RIGHT }, 'x')).status).toBe(415);
  });

  it('may be omitted by a program that has the token', async () => {
    const { status, body } = await post(RIGHT);
    expect(status).toBe(200);
    expect(body).toContain('id="summary"');
  });
});
