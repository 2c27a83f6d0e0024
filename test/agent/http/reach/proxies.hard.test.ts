import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Step } from '../../../doubles/claude/script.ts';
import { Agent, TOKEN } from '../../../support/agent.ts';
import { McpClient } from '../../../support/mcp.ts';
import { behindProxies, Proxy, PUBLIC_HOST } from '../../../support/proxies.ts';
import { rawRequest } from '../../../support/raw-request.ts';

const ME = { Authorization: `Bearer ${TOKEN}` };
const prompts: Record<string, readonly Step[]> = {
  waits: [
    { do: 'stream', deltas: ['one '], every: 1 },
    { do: 'shell', command: 'for i in $(seq 600); do [ -e go ] && break; sleep 0.05; done' },
    { do: 'result', text: 'one two' },
  ],
};

behindProxies((certificate) => {
  describe.each(['nginx', 'haproxy'] as const)('%s', (kind) => {
    let agent: Agent;
    let direct: string;
    let proxy: Proxy;
    beforeAll(async () => {
      agent = new Agent({
        prompts,
        env: {
          AGENT_TRUSTED_PROXIES: '1',
          AGENT_SOURCE_RANGES: '127.0.0.1/32',
          AGENT_PAGE_URL: `https://${PUBLIC_HOST}/`,
        },
      });
      await agent.start();
      direct = agent.url;
      proxy = await Proxy[kind]({ target: direct, certificate: certificate() });
      agent.url = proxy.url;
    });
    afterAll(async () => {
      await proxy[Symbol.asyncDispose]();
      await agent[Symbol.asyncDispose]();
    });

    it('hands a run and its answer through', async () => {
      expect(await agent.run('hello')).toMatchObject({ success: true, output: 'echo: hello' });
    });

    it('shows the agent the real address, whatever the client claims', async () => {
      const ask = async (headers: object, localAddress: string) =>
        (await rawRequest(`${proxy.url}/runs`, { headers: { ...ME, ...headers }, localAddress })).status;
      for (const claim of ['203.0.113.7', '[2001:db8::1]:80', 'unknown', '', ['203.0.113.7', '198.51.100.1']]) {
        expect(await ask({ 'X-Forwarded-For': claim }, '127.0.0.1'), String(claim)).toBe(200);
      }
      for (const claim of ['127.0.0.1', ['127.0.0.1', '127.0.0.1'], '127.0.0.1, 127.0.0.1']) {
        expect(await ask({ 'X-Forwarded-For': claim }, '127.0.0.2'), String(claim)).toBe(403);
      }
      expect(await ask({ Forwarded: 'for=127.0.0.1', 'X-Real-IP': '127.0.0.1' }, '127.0.0.2')).toBe(403);
      expect((await rawRequest(`${direct}/health`, { localAddress: '127.0.0.2' })).status).toBe(200);
    });

    it('sends events on while the run is in progress', async () => {
      const id = await agent.submit('waits');
      const response = await agent.fetch(`/runs/${id}/events`);
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      let seen = '';
      const readTo = async (what: string) => {
        for (let piece; !seen.includes(what) && !(piece = await reader?.read())?.done;) seen += piece?.value ?? '';
        expect(seen).toContain(what);
      };
      await readTo('one ');
      expect(seen).not.toContain('event: ended');
      writeFileSync(path.join(agent.workspaceDir, 'go'), '');
      await readTo('event: ended');
    });

    it('takes a file of more than the usual megabyte, and gives it back', async () => {
      const content = Buffer.alloc(5 * 1_048_576, 'x');
      const stored = await agent.fetch('/files?name=a.txt', { method: 'PUT', body: content });
      expect(stored.status).toBe(201);
      expect(await stored.json()).toMatchObject({ bytes: content.length });
    });

    it('is a way to the tools of MCP', async () => {
      await using client = await McpClient.connect(agent);
      expect((await client.call('run', { prompt: 'by MCP' })).content).toMatchObject({ output: 'echo: by MCP' });
    });

    it('speaks HTTP/2 to its clients', async () => {
      const session = connect(proxy.url);
      try {
        const stream = session.request({ ':path': '/runs?limit=1', authorization: ME.Authorization });
        const answered = once(stream, 'response') as Promise<[IncomingHttpHeaders]>;
        const [headers] = await answered;
        const body = await text(stream);
        expect(headers[':status'], body).toBe(200);
        expect(JSON.parse(body)).toHaveProperty('runs');
      } finally {
        session.close();
      }
    });

    it('leads people to https, and programs nowhere without it', async () => {
      const headers = { Host: PUBLIC_HOST };
      const page = await rawRequest(`${proxy.plainUrl}/`, { headers });
      expect(page).toMatchObject({ status: 301, headers: { location: `https://${PUBLIC_HOST}/` } });
      expect((await rawRequest(`${proxy.plainUrl}/runs`, { headers: { ...headers, ...ME } })).status).toBe(403);
      const secure = await rawRequest(`${proxy.url}/`, { headers });
      expect(secure).toMatchObject({ status: 200, headers: { 'strict-transport-security': 'max-age=31536000' } });
    });
  });

  describe('two in a row', () => {
    let agent: Agent;
    let inner: Proxy;
    let outer: Proxy;
    beforeAll(async () => {
      agent = await Agent.start({
        env: { AGENT_TRUSTED_PROXIES: '2', AGENT_SOURCE_RANGES: '127.0.0.2/32, 127.0.0.4/32' },
      });
      inner = await Proxy.nginx({ target: agent.url, certificate: certificate() });
      const toTls = { ' pool-purge-delay': ' ssl verify none pool-purge-delay' };
      outer = await Proxy.haproxy({ target: inner.url, certificate: certificate(), changes: toTls });
    });
    afterAll(async () => {
      await outer[Symbol.asyncDispose]();
      await inner[Symbol.asyncDispose]();
      await agent[Symbol.asyncDispose]();
    });

    const ask = (url: string, localAddress: string, headers: object = {}) =>
      rawRequest(`${url}/runs`, { headers: { ...ME, ...headers }, localAddress });

    it('hide nothing: the second entry from the right counts', async () => {
      expect((await ask(outer.url, '127.0.0.2')).status).toBe(200);
      expect((await ask(outer.url, '127.0.0.2', { 'X-Forwarded-For': '203.0.113.7' })).status).toBe(200);
      expect((await ask(outer.url, '127.0.0.3', { 'X-Forwarded-For': '127.0.0.2' })).status).toBe(403);
      const past = await ask(inner.url, '127.0.0.2');
      expect(past.status).toBe(403);
      expect(past.body).toContain('AGENT_TRUSTED_PROXIES is 2');
    });

    it('do not hide who tries tokens, whatever he claims, and nobody else is slowed down', async () => {
      const WRONG = { Authorization: 'Bearer wrong' };
      const tried = [];
      for (let i = 1; i <= 11; i++) {
        const { status } = await ask(outer.url, '127.0.0.2', { ...WRONG, 'X-Forwarded-For': `203.0.113.${i}` });
        tried.push(status);
      }
      expect(tried).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
      expect((await ask(outer.url, '127.0.0.4', { ...WRONG, 'X-Forwarded-For': '127.0.0.2' })).status).toBe(401);
      expect((await ask(outer.url, '127.0.0.2')).status).toBe(200);
    });
  });
});
