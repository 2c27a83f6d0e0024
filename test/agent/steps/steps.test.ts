import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Transcript } from '../../../agent/http/api/transcript.ts';
import type { Step as ClaudeStep } from '../../doubles/claude/script.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { answer, call, system } from './claude-steps.ts';

const SECRET_VALUE = 'a "quoted" \\ value of a header';

const everything: ClaudeStep[] = [
  { do: 'say', text: 'I look.' },
  call('t1', 'Bash', { command: 'echo `hi`' }),
  answer('t1', '```\nhi\n```'),
  system('api_retry', { error: 'overloaded', error_status: 529, attempt: 1, retry_delay_ms: 5.4 }),
  call('t2', 'Agent', { prompt: 'sub' }),
  system('task_started', { tool_use_id: 't2', description: 'sub' }),
  call('t3', 'Read', { file_path: '/a' }, 't2'),
  answer(
    't3',
    [
      { type: 'text', text: 'a' },
      { type: 'image', source: {} },
    ],
    {},
    't2',
  ),
  system('task_notification', { tool_use_id: 't2', status: 'completed', summary: 'done' }),
  call('t4', 'Write', { content: 'x'.repeat(5000) }),
  system('permission_denied', { tool_name: 'Write', tool_use_id: 't4', message: 'no' }),
  answer('t4', 'y'.repeat(5000), { is_error: true }),
  { do: 'event', event: { type: 'assistant', message: { content: 'odd' } } },
  { do: 'event', event: { type: 'user', message: { content: [{ type: 'tool_result' }, null, 7] } } },
  { do: 'result', text: 'done' },
];

const secrets: ClaudeStep[] = [
  call('s1', 'Bash', { command: `curl -H 'Authorization: Bearer ${TOKEN}'`, raw: SECRET_VALUE }),
  answer('s1', `${'z'.repeat(4090)}${TOKEN} and ${JSON.stringify({ a: SECRET_VALUE })}`),
  answer('s1', JSON.stringify({ a: JSON.stringify({ b: SECRET_VALUE }) })),
  answer('s1', 'sk-ant-oat01-of-the-login-file, sk-ant-ort01-of-the-login-file, hunter2hunter2, git-host-token'),
  { do: 'say', text: `The token is ${TOKEN}.` },
  { do: 'result', text: 'done' },
];

const big = (text: string) => Array.from({ length: 40 }, (_, i): ClaudeStep => answer(`b${i}`, text.repeat(4000)));

const prompts = {
  everything,
  secrets,
  // 320 results of 4,000 characters are more than 1 MiB.
  much: [...Array.from({ length: 8 }, () => big('m')).flat(), { do: 'result', text: 'done' }] as ClaudeStep[],
  crash: [...big('c'), { do: 'hang' }] as ClaudeStep[],
};

let agent: Agent;
beforeAll(async () => {
  agent = new Agent({ prompts, env: { AGENT_WARM_START: 'off' } });
  const config = path.join(agent.folder, 'mcp.json');
  writeFileSync(
    config,
    JSON.stringify({
      mcpServers: {
        one: { type: 'http', url: 'https://example.org', headers: { 'X-Key': SECRET_VALUE } },
        two: { command: 'two', env: { PASSWORD: 'hunter2hunter2' } },
      },
    }),
  );
  const login = { accessToken: 'sk-ant-oat01-of-the-login-file', refreshToken: 'sk-ant-ort01-of-the-login-file' };
  mkdirSync(path.join(agent.folder, 'config'));
  writeFileSync(
    path.join(agent.folder, 'config/.credentials.json'),
    JSON.stringify({ claudeAiOauth: { ...login, expiresAt: Date.now() + 8 * 3_600_000 } }),
  );
  const tokenFile = path.join(agent.folder, 'git-token');
  writeFileSync(tokenFile, 'git-host-token\n');
  Object.assign(agent.env, {
    AGENT_MCP_CONFIG: config,
    AGENT_GIT_HOSTS: JSON.stringify([{ repositories: ['https://git.example.org/*'], type: 'plain', tokenFile }]),
    CLAUDE_CONFIG_DIR: path.join(agent.folder, 'config'),
  });
  await agent.start();
});
afterAll(() => agent[Symbol.asyncDispose]());

const transcriptOf = async (id: string) => (await (await agent.fetch(`/runs/${id}/transcript`)).json()) as Transcript;
const eventsOf = async (id: string, headers = {}) => {
  const text = await (await agent.fetch(`/runs/${id}/events`, { headers })).text();
  return [...text.matchAll(/event: tool\ndata: (.*)\nid: (.*)/g)].map(([, data = '', eventId = '']) => ({
    eventId,
    ...(JSON.parse(data) as { type: string; toolUseId: string }),
  }));
};

/** The last events of a run are sent with its end. */
const idOf = async (prompt: string) => (await agent.run(prompt)).runId;

describe('what Claude did', () => {
  it('is a list of steps in the order they happened', async () => {
    const { state, steps, truncated } = await transcriptOf(await idOf('everything'));
    expect({ state, truncated }).toEqual({ state: 'ended', truncated: false });
    expect(steps.map(({ number }) => number)).toEqual(steps.map((_, i) => i + 1));
    expect(steps.map(({ number, at, ...step }) => (expect(Date.parse(at)).toBeGreaterThan(0), step))).toEqual([
      { type: 'text', text: 'I look.' },
      { type: 'tool_call', toolUseId: 't1', tool: 'Bash', input: { command: 'echo `hi`' } },
      { type: 'tool_result', toolUseId: 't1', output: '```\nhi\n```', isError: false },
      { type: 'retry', error: 'overloaded', status: 529, attempt: 1, delayMs: 5 },
      { type: 'tool_call', toolUseId: 't2', tool: 'Agent', input: { prompt: 'sub' } },
      { type: 'task', toolUseId: 't2', state: 'started', description: 'sub' },
      { type: 'tool_call', toolUseId: 't3', tool: 'Read', input: { file_path: '/a' }, parentToolUseId: 't2' },
      { type: 'tool_result', toolUseId: 't3', output: 'a\n[image]', isError: false, parentToolUseId: 't2' },
      { type: 'task', toolUseId: 't2', state: 'completed', description: 'done' },
      {
        type: 'tool_call',
        toolUseId: 't4',
        tool: 'Write',
        input: `{"content":"${'x'.repeat(4096 - 12)}`,
        omittedChars: 5000 + 14 - 4096,
      },
      { type: 'denied', toolUseId: 't4', tool: 'Write' },
      { type: 'tool_result', toolUseId: 't4', output: 'y'.repeat(4096), isError: true, omittedChars: 904 },
    ]);
  });

  it('is a readable text too, whose fences the content cannot end', async () => {
    const id = await idOf('everything');
    const response = await agent.fetch(`/runs/${id}/transcript`, { headers: { Accept: 'text/markdown' } });
    expect(response.headers.get('Content-Type')).toBe('text/markdown; charset=utf-8');
    const text = await response.text();
    expect(text).toContain('````\n```\nhi\n```\n````');
    expect(text).toContain('## 2. Tool `Bash`');
  });

  it('comes as events while the run goes on, after its end, and after a restart', async () => {
    const id = await idOf('everything');
    const live = await eventsOf(id);
    expect(live.map(({ type, toolUseId }) => `${type} ${toolUseId}`)).toEqual([
      ...['tool_call t1', 'tool_result t1', 'tool_call t2', 'tool_call t3', 'tool_result t3'],
      ...['tool_call t4', 'tool_result t4'],
    ]);
    await agent.end('SIGTERM');
    await agent.start();
    expect(await eventsOf(id)).toEqual(live);
    const [, second] = live;
    expect(await eventsOf(id, { 'Last-Event-ID': second?.eventId ?? '' })).toEqual(live.slice(2));
  });

  it('shows no secret that the agent knows, in any form', async () => {
    const id = await idOf('secrets');
    const { steps } = await transcriptOf(id);
    const text = JSON.stringify(steps) + JSON.stringify(await eventsOf(id));
    for (const secret of [TOKEN, TOKEN.slice(0, 12), 'of-the-login-file', 'hunter2', 'git-host-token', 'quoted']) {
      expect(text).not.toContain(secret);
    }
    expect(steps[0]).toMatchObject({
      input: { command: "curl -H 'Authorization: Bearer [masked]'", raw: '[masked]' },
    });
    expect(steps[1]).toMatchObject({ output: `${'z'.repeat(4090)}[masked]` });
    expect(steps.at(-1)).toMatchObject({ text: 'The token is [masked].' });
  });

  it('is the first mebibyte of a run, and says how much is missing', async () => {
    const { steps, truncated, omittedSteps } = await transcriptOf(await idOf('much'));
    expect(truncated).toBe(true);
    expect(steps.length + omittedSteps).toBe(320);
    const bytes = steps.reduce((sum, step) => sum + Buffer.byteLength(JSON.stringify(step)), 0);
    expect(bytes).toBeLessThanOrEqual(1_048_576);
    expect(bytes).toBeGreaterThan(1_048_576 - 5000);
  });

  it('can be read while the run goes on, and stays up to the last part when the agent is killed', async () => {
    const id = await agent.submit('crash');
    await until(async () => {
      const response = await agent.fetch(`/runs/${id}/transcript`);
      return response.ok && ((await response.json()) as Transcript).steps.length === 40;
    }, 'all steps');
    await agent.crash();
    const { state, steps } = await transcriptOf(id);
    expect(state).toBe('ended');
    // Every 64 KiB are recorded, which 16 of these steps are.
    expect(steps.map(({ number }) => number)).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
  });

  it('is not kept with AGENT_TRANSCRIPT_DAYS=0, but shown while it happens', async () => {
    const kept = await idOf('everything');
    await agent.end('SIGTERM');
    agent.env['AGENT_TRANSCRIPT_DAYS'] = '0';
    await agent.start();
    const id = await agent.submit('everything');
    await until(async () => (await (await agent.fetch(`/runs/${id}`)).text()).includes('endedAt'), 'the end');
    expect(await eventsOf(id)).toEqual([]);
    const watched = await agent.submit('crash');
    const stream = (await agent.fetch(`/runs/${watched}/events`)).body?.getReader();
    let heard = '';
    while (!heard.includes('event: tool')) heard += Buffer.from((await stream?.read())?.value ?? []).toString();
    await stream?.cancel();
    const responses = await Promise.all([id, kept].map((each) => agent.fetch(`/runs/${each}/transcript`)));
    expect(responses.map(({ status }) => status)).toEqual([404, 404]);
    expect(await responses[0]?.json()).toMatchObject({ type: expect.stringContaining('no-transcript') as string });
  });
});
