import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunAnswer, RunResource } from '../../../../agent/http/api/run.ts';
import type { Step } from '../../../doubles/claude/script.ts';
import { Agent, TOKEN, until } from '../../../support/agent.ts';
import { McpClient } from '../../../support/mcp.ts';
import { behindProxies, Proxy } from '../../../support/proxies.ts';

const MEBIBYTE = 1_048_576;
const waitFor = (file: string): Step => ({
  do: 'shell',
  command: `for i in $(seq 1200); do [ -e ${file} ] && break; sleep 0.05; done`,
});
const prompts: Record<string, readonly Step[]> = {
  long: [waitFor('go-long'), { do: 'result', text: 'long, but done' }],
  blocks: [waitFor('go-blocks'), { do: 'result', text: 'out of the way' }],
  'half a minute': [
    { do: 'wait', ms: 32_000 },
    { do: 'result', text: 'after half a minute' },
  ],
  'a minute': [waitFor('go-minute'), { do: 'result', text: 'after a minute' }],
};
/** What each proxy's limit on the time without a byte is in its sample, and a short one. */
const SHORT = {
  nginx: { 'proxy_read_timeout 11m': 'proxy_read_timeout 2s' },
  haproxy: { 'timeout server 11m': 'timeout server 2s' },
} as const;
/** The shortest usual one. */
const USUAL = {
  nginx: { 'proxy_read_timeout 11m': 'proxy_read_timeout 20s' },
  haproxy: { 'timeout server 11m': 'timeout server 20s', 'timeout client 11m': 'timeout client 20s' },
} as const;

behindProxies((certificate) => {
  describe.each(['nginx', 'haproxy'] as const)('%s', (kind) => {
    let agent: Agent;
    let direct: string;
    beforeAll(async () => {
      agent = await Agent.start({
        prompts,
        env: { AGENT_TRUSTED_PROXIES: '1', AGENT_FILE_MEGABYTES: '64' },
      });
      direct = agent.url;
    });
    afterAll(() => agent[Symbol.asyncDispose]());

    const start = (changes?: Readonly<Record<string, string>>) =>
      Proxy[kind]({ target: direct, certificate: certificate(), ...(changes && { changes }) });
    const keyed = (prompt: string, key: string) =>
      fetch(`${agent.url}/run`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${TOKEN}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': key,
        },
        body: JSON.stringify({ prompt }),
      });
    const runs = async (query = 'limit=100') =>
      ((await (await agent.fetch(`/runs?${query}`)).json()) as { runs: RunResource[] }).runs;
    const begun = (prompt: string) => agent.claude.begun().filter((each) => each === prompt).length;

    it('cuts a long POST /run, and the run goes on: the same key gets its answer', async () => {
      await using proxy = await start(SHORT[kind]);
      agent.url = proxy.url;
      const cut = await keyed('long', 'long-1');
      expect(cut.status).toBe(504);
      const running = await runs('state=running');
      expect(running).toHaveLength(1);
      writeFileSync(path.join(agent.workspaceDir, 'go-long'), '');
      const id = running[0]?.id ?? '';
      await until(async () => (await runs()).find((run) => run.id === id)?.state === 'ended', 'the run ended');
      const again = await keyed('long', 'long-1');
      expect(again.status).toBe(200);
      expect((await again.json()) as RunAnswer).toMatchObject({ success: true, output: 'long, but done', runId: id });
      expect(begun('long')).toBe(1);
    });

    it('cuts a POST /run that waits: it is cancelled, and the same key runs it once', async () => {
      await using proxy = await start(SHORT[kind]);
      agent.url = proxy.url;
      const blocking = await agent.submit('blocks');
      expect((await keyed('waits in vain', 'waits-1')).status).toBe(504);
      await until(async () => (await runs('outcome=cancelled')).length === 1, 'the waiting run cancelled');
      writeFileSync(path.join(agent.workspaceDir, 'go-blocks'), '');
      await until(async () => (await runs()).find(({ id }) => id === blocking)?.state === 'ended', 'the way free');
      const again = await keyed('waits in vain', 'waits-1');
      expect(await again.json()).toMatchObject({ output: 'echo: waits in vain' });
      expect(begun('waits in vain')).toBe(1);
    });

    it('passes a file of 64 MiB on as it comes, and the refusals of what is too large', async () => {
      await using proxy = await start();
      agent.url = proxy.url;
      for (const chunked of [false, true]) {
        const stored = await send('PUT', '/files?name=big.bin', 64, chunked);
        expect(stored.status, stored.body).toBe(201);
        expect(JSON.parse(stored.body)).toMatchObject({ bytes: 64 * MEBIBYTE });
        for (const [method, route, mebibytes, problem] of [
          ['PUT', '/files?name=big.bin', 65, 'file-too-large'],
          ['POST', '/run', 8, 'body-too-large'],
        ] as const) {
          const refused = await send(method, route, mebibytes, chunked);
          expect(refused.status, refused.body).toBe(413);
          expect(JSON.parse(refused.body)).toMatchObject({ type: `urn:claude-code-agent:problem:${problem}` });
        }
      }
    });

    async function send(method: string, route: string, mebibytes: number, chunked: boolean) {
      const piece = Buffer.alloc(MEBIBYTE, 'x');
      const outgoing = request(agent.url + route, {
        method,
        headers: {
          Authorization: `Bearer ${TOKEN}`,
          'Content-Type': 'application/json',
          ...(!chunked && { 'Content-Length': mebibytes * MEBIBYTE }),
        },
        agent: false,
      });
      const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
      Readable.from(Array.from({ length: mebibytes }, () => piece)).pipe(outgoing);
      const [incoming] = await answered;
      // The rest of the request is no longer needed.
      outgoing.on('error', () => undefined);
      const body = await text(incoming);
      outgoing.destroy();
      return { status: incoming.statusCode, body };
    }
  });

  // Side by side, because they only wait.
  describe('what gives a sign of life in time', () => {
    let agent: Agent;
    beforeAll(async () => {
      agent = await Agent.start({ prompts, env: { AGENT_TRUSTED_PROXIES: '1', AGENT_RUNNERS: 'local:3' } });
    });
    afterAll(() => agent[Symbol.asyncDispose]());

    it.concurrent.each(['nginx', 'haproxy'] as const)(
      'is not cut by %s: something comes in a stream of events every 15 seconds',
      async (kind) => {
        await using proxy = await Proxy[kind]({
          target: agent.url,
          certificate: certificate(),
          changes: USUAL[kind],
        });
        const id = await agent.submit('half a minute');
        const headers = { Authorization: `Bearer ${TOKEN}` };
        const events = await (await fetch(`${proxy.url}/runs/${id}/events`, { headers })).text();
        expect(events).toContain(': keep-alive');
        expect(events).toContain('event: ended');
        expect(events).toContain('after half a minute');
      },
    );

    it.concurrent(
      "is not cut by nginx's own limit: the tool run answers before, with an id that get_run takes",
      async () => {
        await using proxy = await Proxy.nginx({
          target: agent.url,
          certificate: certificate(),
          changes: { 'proxy_read_timeout 11m;': '' },
        });
        await using client = await McpClient.connect(proxy);
        const { content } = await client.call('run', { prompt: 'a minute' });
        const { id } = content;
        expect(content).toMatchObject({ state: 'running', hint: expect.stringContaining(id) as string });
        writeFileSync(path.join(agent.workspaceDir, 'go-minute'), '');
        const { content: later } = await client.call('get_run', { id, waitSeconds: 50 });
        expect(later).toMatchObject({ id, state: 'ended', success: true, output: 'after a minute' });
      },
    );
  });
});
