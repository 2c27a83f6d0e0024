import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { composeAgent, type Agent } from '../../../agent/compose.ts';
import type { Outcome } from '../../../agent/contract.ts';
import { loadFeatures } from '../../../agent/features.ts';
import type { RunAnswer, RunResource } from '../../../agent/http/api/run.ts';
import type { Health, LoginReport } from '../../../agent/http/api/state.ts';
import { closeServer, listen, serverOf } from '../../../agent/http/server.ts';
import type { HoldWaits } from '../../../agent/quota/queue-hold.ts';
import { readSettings } from '../../../agent/settings.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { TOKEN, until } from '../../support/agent.ts';
import { AS_ROOT } from '../../support/claude.ts';
import { assertDocumented } from '../../support/openapi.ts';

/** The agent in the process of the test, with the pinned CLI: the waits of the queue are no setting. */
class WaitingAgent implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'quota-'));
  readonly api: AnthropicDouble;
  readonly #waits: HoldWaits;
  env: Record<string, string> = {};
  #agent: Agent | undefined;
  #server: ReturnType<typeof serverOf> | undefined;
  #url = '';

  constructor(api: AnthropicDouble, waits: HoldWaits) {
    this.api = api;
    this.#waits = waits;
  }

  async start(): Promise<void> {
    mkdirSync(path.join(this.folder, 'home'), { recursive: true });
    const settings = readSettings({
      PATH: process.env['PATH'],
      HOME: path.join(this.folder, 'home'),
      AGENT_TOKEN: TOKEN,
      AGENT_STATE_DIR: path.join(this.folder, 'state'),
      AGENT_WARM_START: 'off',
      AGENT_RUNNERS: 'local:3',
      AGENT_AUTH_MODE: 'oauthToken',
      CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-test',
      ANTHROPIC_BASE_URL: this.api.url,
      ...AS_ROOT,
      ...this.env,
    });
    this.#agent = composeAgent(settings, await loadFeatures(settings), pino({ level: 'silent' }), this.#waits);
    await this.#agent.service.recover();
    this.#server = serverOf(this.#agent.app.fetch);
    this.#url = await listen(this.#server, '127.0.0.1', 0);
  }

  async stop(): Promise<void> {
    await this.#agent?.service.drain(0);
    if (this.#server) await closeServer(this.#server);
    this.#agent?.close();
    this.#agent = undefined;
  }

  async ask(method: string, route: string, body?: object): Promise<unknown> {
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
    const response = await fetch(this.#url + route, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    await assertDocumented(method, route, response);
    return route === '/metrics' ? response.text() : response.json();
  }

  readonly run = async (prompt: string, fields: object = {}) =>
    (await this.ask('POST', '/run', { prompt, ...fields })) as RunAnswer;
  readonly submit = async (prompt: string, fields: object = {}) =>
    ((await this.ask('POST', '/runs', { prompt, ...fields })) as RunResource).id;
  readonly get = async (id: string) => (await this.ask('GET', `/runs/${id}`)) as RunResource;
  readonly health = async () => (await this.ask('GET', '/health')) as Health;
  readonly metrics = async () => ((await this.ask('GET', '/metrics')) as string).split('\n');
  readonly check = async () => (await this.ask('POST', '/auth/check')) as LoginReport;

  /** The status page, or the page of a run. */
  async page(run = ''): Promise<string> {
    const body = new URLSearchParams({ action: 'show', token: TOKEN, ...(run !== '' && { run }) });
    return (await fetch(this.#url, { method: 'POST', body })).text();
  }

  /** Waits for the end of runs and returns their outcomes. */
  async outcomes(...ids: string[]): Promise<Outcome[]> {
    const ended = async () => (await Promise.all(ids.map(this.get))).every(({ state }) => state === 'ended');
    await until(ended, 'the end of the runs');
    const runs = await Promise.all(ids.map(this.get));
    return runs.flatMap((run) => (run.state === 'ended' ? [run.outcome] : []));
  }

  /** The prompts that reached the API, with those of retries. */
  get prompts(): string[] {
    return this.api.messages().map(({ prompt }) => prompt);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

let api: AnthropicDouble;
let agent: WaitingAgent;
beforeEach(async () => {
  api = await startAnthropicDouble();
  agent = new WaitingAgent(api, { afterResetMs: 0, outageMs: [300, 600_000] });
});
afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await api.close();
});

const gate = () => path.join(agent.folder, 'gate');
const held = (text: string) => `[[bash:until [ -e ${gate()} ]; do sleep 0.05; done]] ${text}`;
const limit = (resets: number | 'none') => `[[fail:usage_limit]][[resets:${resets}]] limited`;

describe('at a usage limit', () => {
  it('runs wait for the reset, one goes first, and the others follow', async () => {
    await agent.start();
    const { outcome, resetsAt = '' } = await agent.run(limit(4));
    expect(outcome).toBe('usage_limited');
    const first = await agent.submit(held('first'));
    const second = await agent.submit('second');
    const third = await agent.submit('third');
    await until(() => agent.prompts.includes(held('first')), 'the first run');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(resetsAt));
    const hold = { reason: 'usage_limit', since: expect.any(String) as string };
    expect(await agent.get(second)).toMatchObject({ state: 'queued', queue: { place: 1, hold } });
    expect((await agent.health()).hold).toEqual(hold);
    expect(agent.prompts).toEqual([limit(4), held('first')]);
    writeFileSync(gate(), '');
    expect(await agent.outcomes(first, second, third)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    const { endedAt } = (await agent.get(first)) as { endedAt: string };
    for (const id of [second, third]) expect((await agent.get(id)).startedAt ?? '').toSatisfy((at) => at >= endedAt);
    expect(await agent.health()).not.toHaveProperty('hold');
    expect(await agent.metrics()).toContain('claude_agent_queue_held{reason="usage_limit"} 0');
  });

  it('runs say where they wait and until when, and so do /health, /ready, the metrics and the page', async () => {
    await agent.start();
    const { resetsAt = '' } = await agent.run(limit(3600));
    const first = await agent.submit('first', { queueTimeout: 7_200_000 });
    const second = await agent.submit('second', { queueTimeout: 7_200_000 });
    const hold = { reason: 'usage_limit', since: expect.any(String) as string, until: resetsAt };
    expect(await agent.get(first)).toMatchObject({ state: 'queued', queue: { place: 1, hold } });
    expect(await agent.get(second)).toMatchObject({ state: 'queued', queue: { place: 2, hold } });
    expect(await agent.health()).toMatchObject({ hold, activeRequests: 0, queued: 2 });
    expect(await agent.ask('GET', '/ready')).toMatchObject({ notice: expect.stringContaining(resetsAt) as string });
    expect(await agent.metrics()).toContain('claude_agent_queue_held{reason="usage_limit"} 1');
    expect(await agent.page()).toMatch(/Usage limit.*Runs wait until/s);
    expect(await agent.page(second)).toMatch(/Runs wait until.*Place<\/dt>\s*<dd>2</s);

    const early = await agent.run('early');
    expect(early).toMatchObject({ outcome: 'usage_limited', exitCode: 75, resetsAt });
    expect(early.error).toContain('not started');
    expect(agent.prompts).toEqual([limit(3600)]);
  });

  it('waiting runs whose time ends before the reset end at once; the wait survives a restart, and ends with a check', async () => {
    agent.env = { AGENT_RUNNERS: 'local:1' };
    await agent.start();
    const limited = agent.run(`[[wait:1000]]${limit(3600)}`);
    await until(() => agent.prompts.length === 1, 'the first request');
    const short = await agent.submit('short', { timeout: 600_000 });
    const shortWait = await agent.submit('short wait', { timeout: 3_600_000, queueTimeout: 60_000 });
    const patient = await agent.submit('patient', { timeout: 60_000, queueTimeout: 7_200_000 });
    const { resetsAt } = await limited;
    expect(await agent.outcomes(short, shortWait)).toEqual(['usage_limited', 'usage_limited']);
    expect(await agent.get(short)).toMatchObject({ resetsAt, success: false });
    expect(await agent.get(short)).not.toHaveProperty('startedAt');
    const { hold } = await agent.health();
    expect(hold?.until).toBe(resetsAt);

    await agent.stop();
    await agent.start();
    expect((await agent.health()).hold).toEqual(hold);
    expect(await agent.get(patient)).toMatchObject({ state: 'queued', queue: { place: 1, hold } });
    expect((await agent.run('early', { timeout: 5000 })).outcome).toBe('usage_limited');
    expect(agent.prompts).toHaveLength(1);

    expect((await agent.check()).state).toBe('ok');
    expect(await agent.outcomes(patient)).toEqual(['succeeded']);
  });

  it('the wait does not survive a restart with another login', async () => {
    await agent.start();
    await agent.run(limit(3600));
    await agent.stop();
    agent.env = { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-another' };
    await agent.start();
    expect(await agent.health()).not.toHaveProperty('hold');
    expect((await agent.run('hello')).outcome).toBe('succeeded');
  });

  it.each([-60, 9 * 86_400, 'none'] as const)('with a reset in %s seconds the queue does not wait', async (resets) => {
    await agent.start();
    expect((await agent.run(limit(resets))).outcome).toBe('usage_limited');
    expect(await agent.health()).not.toHaveProperty('hold');
    expect((await agent.run('hello')).outcome).toBe('succeeded');
  });

  it('with AGENT_ON_USAGE_LIMIT=fail the queue does not wait', async () => {
    agent.env = { AGENT_ON_USAGE_LIMIT: 'fail' };
    await agent.start();
    expect((await agent.run(limit(3600))).outcome).toBe('usage_limited');
    expect((await agent.run('hello')).outcome).toBe('succeeded');
  });

  it('that a login check meets, runs wait too', async () => {
    api.configure({ mode: limit(3600) });
    await agent.start();
    const { state, resetsAt } = await agent.check();
    expect([state, (await agent.health()).hold?.until]).toEqual(['usage_limited', resetsAt]);
  });

  it('a run finds no full queue if it does not wait: it ends at once', async () => {
    agent.env = { AGENT_QUEUE_LIMIT: '1' };
    await agent.start();
    await agent.run(limit(3600));
    await agent.submit('patient', { queueTimeout: 7_200_000 });
    expect((await agent.run('early')).outcome).toBe('usage_limited');
    expect(await agent.ask('POST', '/runs', { prompt: 'one too many', queueTimeout: 7_200_000 })).toMatchObject({
      status: 429,
    });
  });
});

describe('what is known about the quota', () => {
  it('is in /health and the metrics', async () => {
    const reset = Math.floor(Date.now() / 1000) + 3600;
    const prefix = 'anthropic-ratelimit-unified';
    api.configure({
      headers: {
        [`${prefix}-status`]: 'allowed',
        [`${prefix}-representative-claim`]: 'five_hour',
        [`${prefix}-reset`]: String(reset),
        [`${prefix}-5h-status`]: 'allowed',
        [`${prefix}-5h-utilization`]: '0.42',
        [`${prefix}-5h-reset`]: String(reset),
      },
    });
    await agent.start();
    expect(await agent.health()).not.toHaveProperty('quota');
    await agent.run('hello');
    expect((await agent.health()).quota).toEqual([
      {
        window: 'five_hour',
        utilization: 0.42,
        status: 'allowed',
        resetsAt: new Date(reset * 1000).toISOString(),
      },
    ]);
    expect(await agent.page()).toMatch(/Five hours.*42 %.*resets in/s);
    expect(await agent.metrics()).toEqual(
      expect.arrayContaining([
        'claude_agent_quota_utilization{window="five_hour"} 0.42',
        `claude_agent_quota_reset_timestamp_seconds{window="five_hour"} ${reset}`,
      ]),
    );
  });
});

describe('in an outage', () => {
  /** The CLI sends a request again for a quarter of the time of its run. */
  const SHORT = { timeout: 8000 };
  const fail = async () => {
    const ids = await Promise.all(['a', 'b', 'c'].map((name) => agent.submit(`[[fail:overloaded]] ${name}`, SHORT)));
    expect(await agent.outcomes(...ids)).toEqual(['unavailable', 'unavailable', 'unavailable']);
  };

  it('of three runs the queue waits, one goes first, and the others follow when it succeeded', async () => {
    await agent.start();
    await fail();
    const first = await agent.submit(held('first'));
    const second = await agent.submit('second');
    expect(await agent.get(second)).toMatchObject({
      queue: { place: expect.any(Number) as number, hold: { reason: 'outage' } },
    });
    await until(() => agent.prompts.includes(held('first')), 'the first run');
    expect(await agent.get(second)).toMatchObject({
      state: 'queued',
      queue: { place: 1, hold: { reason: 'outage' } },
    });
    writeFileSync(gate(), '');
    expect(await agent.outcomes(first, second)).toEqual(['succeeded', 'succeeded']);
    expect(await agent.health()).not.toHaveProperty('hold');
  });

  it('that goes on the next try comes later, and a run whose time ends until then is unavailable', async () => {
    await agent.start();
    await fail();
    expect((await agent.run('[[fail:overloaded]] first', SHORT)).outcome).toBe('unavailable');
    const { hold } = await agent.health();
    expect(Date.parse(hold?.until ?? '')).toBeGreaterThan(Date.now() + 500_000);
    const waited = await agent.run('waits', { timeout: 200 });
    expect(waited).toMatchObject({ outcome: 'unavailable', exitCode: 69 });
    expect(waited.error).toContain('not started');
    expect(agent.prompts).not.toContain('waits');
  });
});
