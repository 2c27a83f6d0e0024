import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownSite } from '../../../agent/http/own-site.ts';
import { Agent, TOKEN } from '../../support/agent.ts';
import { rawRequest } from '../../support/raw-request.ts';

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

describe('without a token, on loopback', () => {
  let agent: Agent;
  let host: string;
  beforeAll(async () => {
    agent = await Agent.start({ env: { AGENT_ALLOWED_HOSTS: 'claude.example.org, *.inside.example.org' } });
    ({ host } = new URL(agent.url));
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  const statusOf = async (path: string, headers: object) =>
    (await rawRequest(`${agent.url}${path}`, { headers: { ...headers } })).status;
  const post = (headers: object, fields = '') =>
    rawRequest(`${agent.url}/`, { method: 'POST', headers: { ...FORM, ...headers }, body: fields });

  it.each(['/', '/health', '/ready'])('%s responds under the names of the machine and of a Service', async (path) => {
    const names = [
      ...['127.0.0.1:3000', '[::1]:3000', '10.42.0.7:3000', 'localhost', 'LOCALHOST:3000', 'localhost.', 'a.localhost'],
      ...['claude-agent', 'claude-agent.claude-agent.svc', 'claude-agent.claude-agent.svc.cluster.local:80'],
      ...['host.docker.internal:3000', 'claude.example.org', 'a.inside.example.org:8443'],
    ];
    for (const name of names) expect(await statusOf(path, { Host: name }), name).toBe(200);
  });

  it.each(['/', '/health', '/ready'])('%s is refused under any other name', async (path) => {
    const names = ['evil.example:3000', 'claude-agent.evil.example', 'svc.evil.example', '127.0.0.1.evil.example'];
    for (const name of [...names, 'localhost.evil.example', 'inside.example.org']) {
      expect(await statusOf(path, { Host: name }), name).toBe(403);
    }
    for (const name of ['evil.example@localhost', '%']) {
      expect(await statusOf(path, { Host: name }), name).toBe(400);
    }
  });

  it.each(['/', '/health', '/ready'])('%s is refused to pages of other sites only', async (path) => {
    for (const Origin of ['http://evil.example', 'null', 'http://localhost:1', `http://evil.${host}`, 'x']) {
      expect(await statusOf(path, { Origin }), Origin).toBe(403);
    }
    expect(await statusOf(path, { Origin: agent.url })).toBe(200);
    expect(await statusOf(path, { Origin: 'https://claude.example.org' })).toBe(200);
    expect(await statusOf(path, { Origin: 'https://c.example.net', 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
    expect(await statusOf(path, { Origin: 'https://c.example.net', 'X-Forwarded-Host': 'c.example.net' })).toBe(200);
  });

  it('a link from another site opens the page', async () => {
    expect(await statusOf('/', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' })).toBe(200);
  });

  it("another site's form does nothing, even with the token", async () => {
    const fields = `token=${TOKEN}&action=pause`;
    for (const from of [{ Origin: 'http://evil.example' }, { Origin: 'null' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
      const { status, headers, body } = await post(from, fields);
      expect(status).toBe(403);
      expect(headers['content-type']).toBe('application/problem+json');
      expect(JSON.parse(body)).toMatchObject({ type: 'urn:claude-code-agent:problem:forbidden' });
      expect(body).toContain('AGENT_ALLOWED_HOSTS');
    }
    expect((await agent.health()).paused).toBeUndefined();
    expect((await post({ Origin: agent.url }, fields)).status).toBe(200);
  });

  it('a request with a token is accepted under every name', async () => {
    const headers = { Host: 'evil.example', Authorization: `Bearer ${TOKEN}` };
    expect(await statusOf('/runs', headers)).toBe(200);
  });
});

describe('without a token, from a network', () => {
  const app = new Hono().use(ownSite([])).all('/', (c) => c.text('here'));
  const statusAt = async (localAddress: string, headers: Record<string, string>) =>
    (await app.request('/', { headers }, { incoming: { socket: { localAddress } } })).status;

  it('any name is accepted, since a proxy may have it, but no page of another site', async () => {
    for (const address of ['10.42.0.7', '::ffff:10.42.0.7', 'fd00::7']) {
      expect(await statusAt(address, { Host: 'claude.example.com' })).toBe(200);
      expect(await statusAt(address, { Host: 'claude.example.com', Origin: 'https://claude.example.com' })).toBe(200);
      expect(await statusAt(address, { Host: 'claude.example.com', Origin: 'https://evil.example' })).toBe(403);
    }
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      expect(await statusAt(address, { Host: 'claude.example.com' })).toBe(403);
    }
  });
});
