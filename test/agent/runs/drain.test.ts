import { afterEach, describe, expect, it } from 'vitest';
import { Agent, isAlive, until, WITHOUT_TOKEN } from '../../support/agent.ts';

const prompts = {
  slow: [
    { do: 'wait', ms: 700 },
    { do: 'result', text: 'slow' },
  ],
  hang: [{ do: 'setsid' }, { do: 'stream', deltas: ['partial'], every: 1 }, { do: 'hang' }],
} as const;

let agent: Agent;
afterEach(() => agent[Symbol.asyncDispose]());

const begun = () => until(() => agent.claude.begun().length === 1);

describe('SIGTERM', () => {
  it('lets the run in progress finish within the grace time, responds to its client and exits with 0', async () => {
    agent = await Agent.start({ prompts, env: { AGENT_GRACE_SECONDS: '20' } });
    const running = agent.run('slow');
    await begun();
    const exit = agent.end('SIGTERM');
    expect(await running).toMatchObject({ success: true, output: 'slow' });
    expect(await exit).toBe(0);
  });

  it('refuses new runs with 503 and Retry-After, and sends waiting clients away', async () => {
    agent = await Agent.start({ prompts, env: { AGENT_GRACE_SECONDS: '20' } });
    const running = agent.run('slow');
    await begun();
    const waiting = agent.post({ prompt: 'waits' });
    await until(async () => (await agent.health()).queued === 1);
    const exit = agent.end('SIGTERM');
    await until(async () => (await agent.fetch('/ready', WITHOUT_TOKEN)).status === 503, 'not ready');
    for (const response of [await agent.post({ prompt: 'new' }), await waiting]) {
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
    }
    expect((await running).success).toBe(true);
    expect(await exit).toBe(0);
    await agent.start();
    expect(agent.claude.begun()).toEqual(['slow']);
  });

  it('interrupts the run after the grace time, keeps its output and leaves no process', async () => {
    agent = await Agent.start({ prompts, env: { AGENT_GRACE_SECONDS: '1' } });
    const running = agent.run('hang');
    await begun();
    const exit = agent.end('SIGTERM');
    expect(await running).toMatchObject({ success: false, outcome: 'interrupted', exitCode: 143, output: 'partial' });
    expect(await exit).toBe(0);
    expect(agent.claude.journal().some(({ pid }) => isAlive(pid))).toBe(false);
  });

  it('ends an idle agent at once', async () => {
    agent = await Agent.start();
    expect(await agent.end('SIGTERM')).toBe(0);
  });
});

describe('the log', () => {
  it('has one JSON object per line, without prompt, answer or token', async () => {
    agent = await Agent.start({ prompts: { canary: [{ do: 'result', text: 'answer-canary' }] } });
    await agent.post({ prompt: 'canary', workdir: 'relative' });
    await agent.post('{"prompt": canary');
    expect((await agent.run('canary')).output).toBe('answer-canary');
    await agent.end('SIGTERM');
    const log = agent.lines.filter((line) => line.startsWith('{'));
    expect(log.length).toBeGreaterThan(4);
    expect(log.map((line) => JSON.parse(line) as object)).toSatisfy((lines: object[]) =>
      lines.every((line) => 'level' in line && 'time' in line && 'msg' in line),
    );
    expect(agent.lines.join('\n')).not.toMatch(/canary|the-token-of-the-tests/);
  });
});
