import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent, until, WITHOUT_TOKEN } from '../../support/agent.ts';

let agent: Agent;
beforeEach(async () => {
  agent = await Agent.start({
    prompts: {
      slow: [
        { do: 'wait', ms: 500 },
        { do: 'result', text: 'slow' },
      ],
    },
  });
});
afterEach(() => agent[Symbol.asyncDispose]());

const post = (route: string, body?: object) =>
  agent.fetch(route, { method: 'POST', ...(body && { body: JSON.stringify(body) }) });

describe('a pause', () => {
  it('refuses runs with 503 and Retry-After, lets the running one finish, and keeps the queue', async () => {
    const running = agent.run('slow');
    await until(() => agent.claude.begun().length === 1);
    const waiting = agent.run('waits');
    await until(async () => (await agent.health()).queued === 1);

    const paused = await post('/pause', { reason: 'maintenance' });
    expect(await paused.json()).toMatchObject({ paused: true, reason: 'maintenance', activeRequests: 1, queued: 1 });
    const refused = await agent.post({ prompt: 'x' });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('maintenance') as string });
    expect((await running).success).toBe(true);
    expect(await agent.health()).toMatchObject({ paused: { reason: 'maintenance' }, queued: 1 });
    expect((await agent.fetch('/ready', WITHOUT_TOKEN)).status).toBe(200);
    expect(agent.claude.begun()).toEqual(['slow']);

    expect(await (await post('/resume')).json()).toMatchObject({ paused: false });
    expect((await waiting).success).toBe(true);
  });

  it('survives a crash, allows login checks, and ends once', async () => {
    await post('/pause');
    const claudeDir = path.join(agent.folder, 'home/.claude');
    mkdirSync(claudeDir);
    writeFileSync(path.join(claudeDir, '.credentials.json'), '{"claudeAiOauth":{"accessToken":"a"}}');
    await agent.crash();
    expect((await agent.post({ prompt: 'x' })).status).toBe(503);
    expect(await (await post('/auth/check')).json()).toMatchObject({ state: 'ok', evidence: 'probe' });
    await post('/resume');
    expect((await post('/resume')).status).toBe(200);
    expect((await agent.run('x')).success).toBe(true);
  });

  it('does not extend the timeout of a run', async () => {
    await post('/pause');
    await post('/resume');
    const running = agent.run('slow');
    await until(() => agent.claude.begun().length === 1);
    const waiting = agent.run('waits', { timeout: 700 });
    await until(async () => (await agent.health()).queued === 1);
    await post('/pause');
    expect(await waiting).toMatchObject({ outcome: 'timed_out' });
    await running;
    expect(agent.claude.begun()).toEqual(['slow']);
  });

  it.each([{ reason: '' }, { reason: 7 }, { why: 'x' }])('with the body %j is refused', async (body) => {
    expect((await post('/pause', body)).status).toBe(400);
    expect(await agent.health()).not.toHaveProperty('paused');
  });
});

describe('GET /metrics', () => {
  it('reports outcomes, the queue and the state of the login', async () => {
    await agent.run('x');
    const response = await agent.fetch('/metrics');
    expect(response.headers.get('Content-Type')).toContain('text/plain');
    const lines = (await response.text()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'claude_agent_runs_total{outcome="succeeded"} 1',
        'claude_agent_runs_total{outcome="auth_failed"} 0',
        'claude_agent_run_duration_seconds_count 1',
        'claude_agent_run_duration_seconds_bucket{le="86400"} 1',
        'claude_agent_queue_wait_seconds_count 1',
        'claude_agent_queue_depth 0',
        'claude_agent_queue_limit 100',
        'claude_agent_tokens_total{kind="output"} 5',
        'claude_agent_cost_usd_total 0.25',
        'claude_agent_paused 0',
        'claude_agent_login_state{state="auth_failed"} 1',
        'claude_agent_login_expiry_timestamp_seconds 0',
        'claude_agent_login_renewable 0',
      ]),
    );
    expect((await agent.fetch('/metrics', WITHOUT_TOKEN)).status).toBe(401);
  });

  it('reports the time of the last login check, so that a silent watchdog is noticed', async () => {
    const askedAt = async () => {
      const text = await (await agent.fetch('/metrics')).text();
      return Number(/^claude_agent_login_check_timestamp_seconds (\S+)$/m.exec(text)?.[1]);
    };
    expect(await askedAt()).toBe(0);
    const before = Date.now() / 1000;
    await agent.fetch('/auth/check', { method: 'POST' });
    expect(await askedAt()).toBeGreaterThanOrEqual(before);
  });
});
