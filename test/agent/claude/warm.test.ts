import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Agent, isAlive, until } from '../../support/agent.ts';

const EARLIER = '0b3ef75a-4fd1-4ba3-9a6c-0d5c6a0a4c2e';

const journalOf = (agent: Agent) => agent.claude.journal().map(({ what, pid }) => `${what} ${pid}`);
const waiting = (agent: Agent) => {
  const prompted = new Set(agent.claude.journal().flatMap(({ what, pid }) => (what === 'began' ? [pid] : [])));
  return agent.claude.started().filter((pid) => isAlive(pid) && !prompted.has(pid));
};

/** The warm process. */
async function prepared(agent: Agent): Promise<number> {
  await until(() => waiting(agent).length === 1, 'a process that waits');
  return waiting(agent)[0] ?? 0;
}

async function starts(agent: Agent): Promise<{ hit: number; miss: number }> {
  const text = await (await agent.fetch('/metrics')).text();
  const count = (result: string) =>
    Number(new RegExp(`warm_starts_total\\{result="${result}"\\} (\\d+)`).exec(text)?.[1]);
  return { hit: count('hit'), miss: count('miss') };
}

describe('a run with default options', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({ prompts: { hangs: [{ do: 'hang' }] } });
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('is served by the warm process, in a new conversation', async () => {
    const pid = await prepared(agent);
    const { output, sessionId } = await agent.run('first');
    expect(output).toBe('echo: first');
    const began = agent.claude.journal().find((entry) => entry.what === 'began');
    expect(began).toMatchObject({ pid, cwd: agent.workspaceDir });
    expect(began?.args).toContain(sessionId);
    expect(await starts(agent)).toEqual({ hit: 1, miss: 0 });
  });

  it('is the only one of its process: the next run gets another', async () => {
    const pid = await prepared(agent);
    const { sessionId } = await agent.run('second');
    await until(() => !isAlive(pid));
    await prepared(agent);
    expect((await agent.run('third')).sessionId).not.toBe(sessionId);
    expect(await starts(agent)).toEqual({ hit: 3, miss: 0 });
  });

  it('has its own timeout', async () => {
    await prepared(agent);
    expect(await agent.run('hangs', { timeout: 200 })).toMatchObject({ outcome: 'timed_out' });
    expect(await starts(agent)).toEqual({ hit: 4, miss: 0 });
  });

  it('has a metric for the memory of the warm process', async () => {
    const pid = await prepared(agent);
    expect(pid).toBeGreaterThan(0);
    const text = await (await agent.fetch('/metrics')).text();
    const bytes = Number(/^claude_agent_warm_process_resident_memory_bytes (\d+)$/m.exec(text)?.[1]);
    expect(bytes).toBeGreaterThan(1_000_000);
  });
});

describe('the warm process', () => {
  let agent: Agent;
  let pid: number;
  beforeEach(async () => {
    agent = new Agent();
    const project = path.join(agent.folder, 'home/.claude/projects/-p');
    mkdirSync(project, { recursive: true });
    writeFileSync(path.join(project, `${EARLIER}.jsonl`), '{"type":"user"}\n');
    await agent.start();
    pid = await prepared(agent);
    return () => agent[Symbol.asyncDispose]();
  });

  it.each([
    ['other options', { model: 'opus' }],
    ['another permission mode', { permissionMode: 'plan' }],
    ['an earlier conversation', { sessionId: EARLIER }],
  ])('is gone before a run with %s has a process, and exists again after it', async (_, fields) => {
    await agent.run('cold', fields);
    const [, cold = 0] = agent.claude.started();
    const order = journalOf(agent);
    expect(order.indexOf(`ended ${pid}`)).toBeGreaterThan(0);
    expect(order.indexOf(`ended ${pid}`)).toBeLessThan(order.indexOf(`started ${cold}`));
    expect(await starts(agent)).toEqual({ hit: 0, miss: 1 });
    await until(() => !isAlive(cold));
    await prepared(agent);
  });

  it('is not used for a run in another folder', async () => {
    const workdir = path.join(agent.workspaceDir, 'project');
    mkdirSync(workdir);
    await agent.run('elsewhere', { workdir });
    expect(await starts(agent)).toEqual({ hit: 0, miss: 1 });
  });

  it.each(['settings.json', 'CLAUDE.md', 'skills/greet/SKILL.md'])('is not used once %s has changed', async (name) => {
    const file = path.join(agent.folder, 'home/.claude', name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, '{}');
    await agent.run('with other settings');
    expect(await starts(agent)).toEqual({ hit: 0, miss: 1 });
  });

  it('is replaced unnoticed if it has died', async () => {
    process.kill(pid, 'SIGKILL');
    await until(() => agent.lines.some((line) => line.includes('the warm process exited unexpectedly')));
    expect(await agent.run('after that')).toMatchObject({ success: true, output: 'echo: after that' });
    expect(await starts(agent)).toEqual({ hit: 0, miss: 1 });
  });

  it('is gone before a login check', async () => {
    const login = { claudeAiOauth: { accessToken: 'token', refreshToken: 'refresh' } };
    writeFileSync(path.join(agent.folder, 'home/.claude/.credentials.json'), JSON.stringify(login));
    await agent.fetch('/auth/check', { method: 'POST' });
    const [, probe = 0] = agent.claude.started();
    const order = journalOf(agent);
    expect(order.indexOf(`started ${probe}`)).toBeGreaterThan(order.indexOf(`ended ${pid}`));
    expect(order.indexOf(`ended ${pid}`)).toBeGreaterThan(0);
  });

  it('does not hide a cancellation that arrives while it is being ended', async () => {
    process.kill(pid, 'SIGSTOP');
    const { id } = (await (
      await agent.fetch('/runs', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ prompt: 'too late', model: 'opus' }),
      })
    ).json()) as { id: string };
    const state = async () => (await (await agent.fetch(`/runs/${id}`)).json()) as { state: string; outcome?: string };
    await until(async () => (await state()).state === 'running');
    await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
    await until(async () => (await state()).state === 'ended');
    expect(await state()).toMatchObject({ outcome: 'cancelled' });
  });

  it.each<NodeJS.Signals>(['SIGTERM', 'SIGKILL'])('is gone after the agent gets %s', async (signal) => {
    await agent.end(signal);
    await until(() => !isAlive(pid));
  });
});

it('is not started if the warm start is off', async () => {
  await using agent = await Agent.start({ env: { AGENT_WARM_START: 'off' } });
  await agent.run('one');
  await agent.run('two');
  expect(agent.claude.started()).toHaveLength(2);
  expect(await starts(agent)).toEqual({ hit: 0, miss: 2 });
});

it('is not used after the credential has changed', async () => {
  await using agent = new Agent({ env: { AGENT_AUTH_MODE: 'apiKey' } });
  const credential = path.join(agent.folder, 'key');
  writeFileSync(credential, 'sk-first');
  agent.env['AGENT_CREDENTIAL_FILE'] = credential;
  await agent.start();
  await prepared(agent);
  writeFileSync(credential, 'sk-second');
  await agent.run('with the new key');
  const began = agent.claude.journal().find((entry) => entry.what === 'began');
  expect(began?.env['ANTHROPIC_API_KEY']).toBe('sk-second');
});
