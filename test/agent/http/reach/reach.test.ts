import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DiskWait } from '../../../../agent/disk-wait.ts';
import { Reach } from '../../../../agent/http/reach/reach.ts';
import { Agent, TOKEN, until } from '../../../support/agent.ts';
import { rawRequest } from '../../../support/raw-request.ts';

const ME = { Authorization: `Bearer ${TOKEN}` };
const WRONG = { Authorization: 'Bearer wrong' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const from = (address: string) => ({ 'X-Forwarded-For': `198.51.100.1, ${address}` });

describe('behind a proxy', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({
      env: {
        AGENT_TRUSTED_PROXIES: '1',
        AGENT_SOURCE_RANGES: '203.0.113.0/24, 2001:db8::/32',
        AGENT_PAGE_URL: 'https://claude.example.org/',
      },
    });
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  const ask = async (route: string, headers: object, init: { method?: string; body?: string } = {}) => {
    const answer = await rawRequest(`${agent.url}${route}`, { ...init, headers: { ...headers } });
    const isProblem = answer.headers['content-type'] === 'application/problem+json';
    return { ...answer, problem: (isProblem ? JSON.parse(answer.body) : {}) as { type?: string; detail?: string } };
  };
  const metric = async (reason: string) => {
    const { body } = await ask('/metrics', ME);
    return Number(new RegExp(`^claude_agent_http_refusals_total\\{reason="${reason}"\\} (\\d+)`, 'm').exec(body)?.[1]);
  };

  it.each(['/health', '/ready', '/', '/runs', '/mcp', '/metrics', '/openapi.json', '/nothing'])(
    '%s is closed to callers from elsewhere, also with the token',
    async (route) => {
      for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db9::1', '[2001:db9::1]:4711']) {
        const { status, problem } = await ask(route, { ...ME, ...from(address) });
        expect(status, address).toBe(403);
        expect(problem.type).toBe('urn:claude-code-agent:problem:address-not-allowed');
        expect(problem.detail).toContain('AGENT_SOURCE_RANGES');
      }
    },
  );

  it('is open to callers from the ranges, and to those who come straight from its own network', async () => {
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '203.0.113.7:4711', '2001:db8::7']) {
      expect((await ask('/runs', { ...ME, ...from(address) })).status, address).toBe(200);
    }
    expect((await ask('/runs', ME)).status).toBe(200);
    expect((await ask('/health', {})).status).toBe(200);
  });

  it('refuses a header that cannot come from the proxy, and takes two lines of it as one', async () => {
    for (const lie of ['unknown', '', '203.0.113.7, unknown']) {
      const { status, problem } = await ask('/runs', { ...ME, 'X-Forwarded-For': lie });
      expect(status, lie).toBe(403);
      expect(problem.type).toBe('urn:claude-code-agent:problem:unknown-address');
      expect(problem.detail).toContain('AGENT_TRUSTED_PROXIES is 1');
    }
    expect((await ask('/runs', { ...ME, 'X-Forwarded-For': ['203.0.113.7', '192.0.2.1'] })).status).toBe(403);
    expect((await ask('/runs', { ...ME, 'X-Forwarded-For': ['192.0.2.1', '203.0.113.7'] })).status).toBe(200);
  });

  it('refuses more than a few wrong tokens from one address, but never the right one', async () => {
    const neighbour = from('203.0.113.99');
    for (let i = 0; i < 10; i++) {
      const { status } = await ask(i % 2 === 0 ? '/runs' : '/nothing', { ...WRONG, ...neighbour });
      expect(status).toBe(401);
    }
    const refused = await ask('/runs', { ...WRONG, ...neighbour });
    expect(refused.status).toBe(429);
    expect(refused.problem.type).toBe('urn:claude-code-agent:problem:too-many-wrong-tokens');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask('/runs', { ...ME, ...neighbour })).status).toBe(200);
    expect((await ask('/runs', { ...neighbour })).status).toBe(401);
    expect((await ask('/runs', { ...WRONG, ...from('203.0.113.98') })).status).toBe(401);

    for (const [headers, token] of [
      [WRONG, ''],
      [{}, 'wrong'],
    ] as const) {
      const onPage = await ask('/', { ...FORM, ...headers, ...neighbour }, { method: 'POST', body: `token=${token}` });
      expect(onPage.status).toBe(429);
      expect(onPage.headers['retry-after']).toMatch(/^\d+$/);
      expect(onPage.body).toContain('too many wrong tokens');
    }
    const right = await ask('/', { ...FORM, ...neighbour }, { method: 'POST', body: `token=${TOKEN}` });
    expect(right.status).toBe(200);
  });

  it('counts what it refuses, and writes a few lines about it', async () => {
    const before = await metric('address');
    for (let i = 0; i < 60; i++) await ask('/health', from('192.0.2.1'));
    expect(await metric('address')).toBe(before + 60);
    expect(await metric('wrong_token')).toBeGreaterThan(10);
    expect(await metric('too_many_wrong_tokens')).toBeGreaterThan(2);
    expect(await metric('forwarded_for')).toBe(3);
    const lines = agent.lines.filter((line) => line.includes('192.0.2.1'));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(20);
    for (let i = 0; i < 30; i++) await ask('/runs', { ...WRONG, ...from('203.0.113.97') });
    const unknown = agent.lines.filter((line) => line.includes('without a valid token'));
    expect(unknown.length).toBeLessThanOrEqual(20);
  });

  it('names the address of a caller in the line of his request', async () => {
    await ask('/runs?limit=3', { ...ME, ...from('203.0.113.42') });
    await until(() => agent.lines.some((line) => line.includes('"address":"203.0.113.42"')), 'the line');
  });

  it('tells browsers to use https alone for the host of the page, and nobody else', async () => {
    const hsts = async (route: string, headers: object) =>
      (await ask(route, headers)).headers['strict-transport-security'];
    const host = { Host: 'claude.example.org:8443', ...from('203.0.113.7') };
    for (const route of ['/', '/health', '/runs', '/nothing']) {
      expect(await hsts(route, host)).toBe('max-age=31536000');
    }
    expect(await hsts('/', { ...host, ...from('192.0.2.1') })).toBe('max-age=31536000');
    expect(await hsts('/', { Host: 'a.claude.example.org' })).toBeUndefined();
    expect(await hsts('/', {})).toBeUndefined();
    expect((await ask('/', host)).status).toBe(200);
  });
});

describe('without a trusted proxy', () => {
  it('the header counts for nothing, and a wrong token for the connection', async () => {
    await using agent = await Agent.start();
    const status = async (headers: object) =>
      (await rawRequest(`${agent.url}/runs`, { headers: { ...headers } })).status;
    for (let i = 0; i < 10; i++) expect(await status({ ...WRONG, 'X-Forwarded-For': `192.0.2.${i}` })).toBe(401);
    expect(await status({ ...WRONG, 'X-Forwarded-For': '192.0.2.77' })).toBe(429);
    expect(await status({ ...ME, 'X-Forwarded-For': 'lies' })).toBe(200);
  });
});

describe('while the disk cannot be written', () => {
  it('the agent is closed to the same callers', async () => {
    const log = pino({ level: 'silent' });
    using reach = new Reach({ trustedProxies: 1, sourceRanges: ['203.0.113.0/24'], pageUrl: undefined }, log);
    const { app } = new DiskWait({ authMode: 'session', slots: 1 }, '1', log, [], reach);
    const status = async (address: string) =>
      (await app.request('/health', { headers: { 'X-Forwarded-For': address } }, {})).status;
    expect([await status('192.0.2.1'), await status('203.0.113.7')]).toEqual([403, 200]);
  });
});
