import { appendFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../doubles/claude/script.ts';
import { Agent, isAlive, until } from '../../support/agent.ts';

const EARLIER = '0b3ef75a-4fd1-4ba3-9a6c-0d5c6a0a4c2e';

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
  let before: { hit: number; miss: number };
  beforeAll(async () => {
    agent = new Agent();
    const project = path.join(agent.folder, 'home/.claude/projects/-p');
    mkdirSync(project, { recursive: true });
    writeFileSync(path.join(project, `${EARLIER}.jsonl`), '{"type":"user"}\n');
    const login = { claudeAiOauth: { accessToken: 'token', refreshToken: 'refresh' } };
    writeFileSync(path.join(agent.folder, 'home/.claude/.credentials.json'), JSON.stringify(login));
    await agent.start();
  });
  beforeEach(async () => {
    // The end of a run replaces what is outdated.
    await until(() => agent.isIdle());
    pid = await prepared(agent);
    before = await starts(agent);
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  const since = async () => {
    const { hit, miss } = await starts(agent);
    return { hit: hit - before.hit, miss: miss - before.miss };
  };

  it('is kept during a login check', async () => {
    await agent.fetch('/auth/check', { method: 'POST' });
    expect(agent.claude.started()).toHaveLength(2);
    expect(await prepared(agent)).toBe(pid);
  });

  it('is kept during a run of more than ten minutes, which has a process with more time for commands', async () => {
    const id = await agent.submit('long', { timeout: 600_001 });
    await until(async () => (await (await agent.fetch(`/runs/${id}`)).text()).includes('"state":"ended"'));
    expect(await since()).toEqual({ hit: 0, miss: 1 });
    await until(() => agent.isIdle());
    expect(await prepared(agent)).toBe(pid);
  });

  it.each([
    ['other options', { model: 'opus' }],
    ['another permission mode', { permissionMode: 'plan' }],
    ['an earlier conversation', { sessionId: EARLIER }],
  ])('is not used for a run with %s, and kept for the next run', async (what, fields) => {
    await agent.run(`cold ${what}`, fields);
    expect(await since()).toEqual({ hit: 0, miss: 1 });
    expect(await prepared(agent)).toBe(pid);
    await agent.run(`warm ${what}`);
    const began = agent.claude.journal().find((entry) => entry.what === 'began' && entry.prompt === `warm ${what}`);
    expect(began?.pid).toBe(pid);
    expect(await since()).toEqual({ hit: 1, miss: 1 });
  });

  it('is not used for a run in another folder', async () => {
    const workdir = path.join(agent.workspaceDir, 'project');
    mkdirSync(workdir);
    await agent.run('elsewhere', { workdir });
    expect(await since()).toEqual({ hit: 0, miss: 1 });
  });

  it.each(['settings.json', 'CLAUDE.md', 'skills/greet/SKILL.md', '.credentials.json'])(
    'is not used once %s has changed',
    async (name) => {
      const file = path.join(agent.folder, 'home/.claude', name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, '{}');
      await agent.run('with other settings');
      expect(await since()).toEqual({ hit: 0, miss: 1 });
    },
  );

  it('is not used once the workspace is a git repository, whose state it does not know, and none is started there', async () => {
    mkdirSync(path.join(agent.workspaceDir, '.git'));
    expect((await agent.run('commits')).output).toBe('echo: commits');
    expect(await since()).toEqual({ hit: 0, miss: 1 });
    await until(() => !isAlive(pid));
    await until(async () => (await agent.health()).activeRequests === 0);
    expect(waiting(agent)).toEqual([]);
    rmSync(path.join(agent.workspaceDir, '.git'), { recursive: true });
    await agent.run('anything');
    await prepared(agent);
  });

  it('is replaced unnoticed if it has died', async () => {
    process.kill(pid, 'SIGKILL');
    await until(() => agent.lines.some((line) => line.includes('a warm process exited unexpectedly')));
    expect(await agent.run('after that')).toMatchObject({ success: true, output: 'echo: after that' });
    expect(await since()).toEqual({ hit: 0, miss: 1 });
  });

  it.each<NodeJS.Signals>(['SIGTERM', 'SIGKILL'])('is gone after the agent gets %s', async (signal) => {
    await agent.end(signal);
    await until(() => !isAlive(pid));
    await agent.start();
  });
});

describe('a full queue', () => {
  const PROMPTS = { held: [{ do: 'hang' }] } as const;

  /** Starts a run that takes until it is cancelled. */
  async function hold(agent: Agent): Promise<string> {
    await prepared(agent);
    const id = await agent.submit('held');
    await until(() => agent.claude.begun().length === 1);
    return id;
  }

  it('has a warm process for each run in turn, whatever its options', async () => {
    await using agent = await Agent.start({ prompts: PROMPTS });
    const held = await hold(agent);
    const runs = [{}, { model: 'opus' }, { systemPrompt: 'Be brief.' }, {}].map((fields, n) =>
      agent.run(`p${n}`, fields),
    );
    await until(async () => (await agent.health()).queued === 4);
    await until(() => waiting(agent).length === 3);
    await agent.fetch(`/runs/${held}`, { method: 'DELETE' });
    expect((await Promise.all(runs)).map(({ output }) => output)).toEqual([
      'echo: p0',
      'echo: p1',
      'echo: p2',
      'echo: p3',
    ]);
    expect(await starts(agent)).toEqual({ hit: 5, miss: 0 });
  });

  it('has none for a run that was cancelled while it waited', async () => {
    await using agent = await Agent.start({ prompts: PROMPTS });
    await hold(agent);
    const cancelled = await agent.submit('never', { model: 'opus' });
    await until(() => waiting(agent).length === 1 && agent.claude.started().length === 2);
    const pid = await prepared(agent);
    await agent.fetch(`/runs/${cancelled}`, { method: 'DELETE' });
    await until(() => !isAlive(pid));
    expect(await prepared(agent)).not.toBe(pid);
  });

  it('has as many as there are slots', async () => {
    await using agent = await Agent.start({ prompts: PROMPTS, env: { AGENT_RUNNERS: 'local:3' } });
    await until(() => waiting(agent).length === 3);
    await Promise.all(['held', 'held', 'held'].map((prompt) => agent.submit(prompt)));
    await until(() => agent.claude.begun().length === 3);
    await until(() => waiting(agent).length === 3);
    expect(await starts(agent)).toEqual({ hit: 3, miss: 0 });
    expect(await (await agent.fetch('/metrics')).text()).toMatch(/^claude_agent_warm_processes 3$/m);
  });

  it('has two more than there are slots while more runs wait', async () => {
    await using agent = await Agent.start({ prompts: PROMPTS });
    const [held = ''] = await Promise.all(['held', 'a', 'b', 'c', 'd'].map((prompt) => agent.submit(prompt)));
    await until(() => waiting(agent).length === 3);
    await agent.fetch(`/runs/${held}`, { method: 'DELETE' });
    await until(() => agent.claude.begun().length === 5 && waiting(agent).length === 1);
    expect(await starts(agent)).toEqual({ hit: 5, miss: 0 });
  });
});

describe('a run in the queue that continues a conversation', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = new Agent({ prompts: { held: [{ do: 'hang' }] } });
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    const login = { claudeAiOauth: { accessToken: 'token', refreshToken: 'refresh' } };
    writeFileSync(path.join(seed, '.credentials.json'), JSON.stringify(login));
    agent.env['AGENT_SESSION_DIR'] = seed;
    await agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  /** Begins a conversation, and then holds the slot. */
  async function begin(): Promise<{ sessionId: string; release: () => Promise<unknown> }> {
    const { sessionId } = await agent.run('first');
    await until(() => agent.isIdle());
    const held = await agent.submit('held');
    await until(() => agent.claude.begun().at(-1) === 'held');
    return { sessionId, release: () => agent.fetch(`/runs/${held}`, { method: 'DELETE' }) };
  }
  /** The process that waits to continue a conversation. */
  async function resumed(): Promise<number> {
    const found = () => waiting(agent).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--resume'));
    await until(() => found() !== undefined, 'a process that continues a conversation');
    return found() ?? 0;
  }
  const queued = (count: number) => until(async () => (await agent.health()).queued === count);
  const argsOf = (prompt: string) =>
    agent.claude.journal().flatMap((entry) => (entry.what === 'began' && entry.prompt === prompt ? [entry.args] : []));
  /** What a conversation contains: prompts, and other types of rows. */
  const rowsOf = (sessionId: string) =>
    readFileSync(path.join(agent.stateDir, 'conversations', sessionId, `${sessionId}.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { type: string; message?: { content: Content } })
      .map(({ type, message: { content = type } = {} }) =>
        typeof content === 'string' ? content : (content.at(-1)?.text ?? ''),
      );

  it('has a warm process once no other run of that conversation is before it', async () => {
    const { sessionId, release } = await begin();
    const before = await starts(agent);
    const runs = ['second', 'third'].map((prompt) => agent.submit(prompt, { sessionId }));
    await Promise.all(runs);
    await resumed();
    await release();
    await until(() => agent.claude.begun().at(-1) === 'third');
    await until(() => agent.isIdle());
    for (const prompt of ['second', 'third']) expect(argsOf(prompt)[0]).toContain('--resume');
    expect(await starts(agent)).toEqual({ hit: before.hit + 1, miss: before.miss + 1 });
    expect(rowsOf(sessionId)).toEqual(['first', 'second', 'third']);
  });

  it('has a new process if somebody continued the conversation meanwhile, and nothing of that is lost', async () => {
    const { sessionId, release } = await begin();
    const before = await starts(agent);
    await agent.submit('after a person', { sessionId });
    await resumed();
    const projects = path.join(agent.stateDir, 'claude/projects');
    const [folder = ''] = readdirSync(projects).filter((name) =>
      readdirSync(path.join(projects, name)).includes(`${sessionId}.jsonl`),
    );
    const row = JSON.stringify({ type: 'user', message: { content: 'by a person' } });
    appendFileSync(path.join(projects, folder, `${sessionId}.jsonl`), `${row}\n`);
    await release();
    await until(() => agent.claude.begun().at(-1) === 'after a person');
    await until(() => agent.isIdle());
    expect(await starts(agent)).toEqual({ ...before, miss: before.miss + 1 });
    expect(rowsOf(sessionId)).toEqual(['first', 'by a person', 'after a person']);
  });

  it('leaves its conversation as it was if it is cancelled', async () => {
    const { sessionId, release } = await begin();
    const run = await agent.submit('never', { sessionId });
    const pid = await resumed();
    await agent.fetch(`/runs/${run}`, { method: 'DELETE' });
    await until(() => !isAlive(pid));
    await release();
    expect(await agent.run('at last', { sessionId })).toMatchObject({ success: true });
    await until(() => agent.isIdle());
    expect(rowsOf(sessionId)).toEqual(['first', 'at last']);
  });

  it('ends as before if there is no such conversation', async () => {
    const { release } = await begin();
    const missing = agent.run('lost', { sessionId: EARLIER });
    await queued(1);
    await release();
    expect((await missing).error).toContain('No conversation found');
    expect(agent.lines.join()).not.toContain('could not be started');
  });
});

it('is not started while memory is short, and a login check then waits for a slot', async () => {
  await using agent = await Agent.start({
    prompts: { held: [{ do: 'hang' }] },
    env: { AGENT_WARM_START_FREE_MEGABYTES: '10000000', AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant' },
  });
  const held = await agent.submit('held');
  await until(() => agent.claude.begun().length === 1);
  const check = agent.fetch('/auth/check', { method: 'POST' });
  await until(async () => (await agent.health()).queued === 1);
  expect(agent.claude.started()).toHaveLength(1);
  await agent.fetch(`/runs/${held}`, { method: 'DELETE' });
  expect(await (await check).json()).toMatchObject({ state: 'ok', evidence: 'probe' });
  expect(agent.claude.started()).toHaveLength(2);
  expect(await starts(agent)).toEqual({ hit: 0, miss: 1 });
  expect(agent.lines.join()).toContain('no warm processes while memory is short');
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
