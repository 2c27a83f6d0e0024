import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runRequest } from '../../../agent/http/api/run-request.ts';
import { runQuery } from '../../../agent/http/api/run-query.ts';
import { Agent, until } from '../../support/agent.ts';
import { McpClient } from '../../support/mcp.ts';
import { answer, call } from '../steps/claude-steps.ts';

const sha256 = (token: string) => [createHash('sha256').update(token).digest('hex')];
const TOKENS = { mine: 'token-mine', other: 'token-other', reader: 'token-reader' };
const CALLERS = [
  { name: 'mine', sha256: sha256(TOKENS.mine), may: ['run'], labels: { team: 'mine' } },
  { name: 'other', sha256: sha256(TOKENS.other), may: ['run'] },
  { name: 'reader', sha256: sha256(TOKENS.reader), may: ['read'] },
];
/** A caller whose budget is nothing that a run could be paid from. */
const BUDGETS = [{ usd: 0.000_001, per: 'day', label: 'spent' }];

const USES_A_TOOL = [call('a', 'Bash', { command: 'ls' }), answer('a', 'x'), { do: 'result', text: 'done' }] as const;

describe('the tools', () => {
  let agent: Agent;
  let operator: McpClient;
  let mine: McpClient;
  let other: McpClient;
  let reader: McpClient;
  const file = () => path.join(agent.folder, 'goes-on');
  const gated = (name: string) => ({
    [name]: [
      call('a', 'Bash', { command: 'ls' }),
      answer('a', 'x'),
      { do: 'shell', command: `while [ ! -e "$HOME/../goes-on" ]; do sleep 0.02; done` },
      { do: 'result', text: 'done' },
    ] as const,
  });

  beforeAll(async () => {
    agent = await Agent.start({
      prompts: {
        'uses a tool': USES_A_TOOL,
        ...gated('long'),
        ...gated('other long'),
        fails: [{ do: 'exit', code: 3 }],
      },
      env: {
        AGENT_CALLERS: JSON.stringify(CALLERS),
        AGENT_BUDGETS: JSON.stringify(BUDGETS),
        AGENT_QUEUE_LIMIT: '1',
      },
    });
    [operator, mine, other, reader] = await Promise.all([
      McpClient.connect(agent),
      McpClient.connect(agent, TOKENS.mine),
      McpClient.connect(agent, TOKENS.other, 'modern'),
      McpClient.connect(agent, TOKENS.reader),
    ]);
  });
  afterAll(async () => {
    for (const client of [operator, mine, other, reader]) await client[Symbol.asyncDispose]();
    await agent[Symbol.asyncDispose]();
  });

  it('are described with the fields of the HTTP interface, without what n8n cannot read', async () => {
    const { tools } = await operator.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['run', 'get_run', 'list_runs', 'cancel_run']);
    const fields = Object.fromEntries(tools.map((tool) => [tool.name, Object.keys(tool.inputSchema.properties ?? {})]));
    expect(fields).toEqual({
      run: [...Object.keys(runRequest.shape), 'idempotencyKey', 'waitSeconds'],
      get_run: ['id', 'waitSeconds'],
      list_runs: Object.keys(runQuery.shape),
      cancel_run: ['id'],
    });
    expect(JSON.stringify(tools)).not.toContain('"pattern":"');
    for (const { outputSchema } of tools) expect(outputSchema).toMatchObject({ type: 'object' });
  });

  it('run a prompt, and return the run as GET /runs/{id} does', async () => {
    for (const client of [mine, other]) {
      const { isError, text, content } = await client.call('run', { prompt: 'hello', labels: { workflow: 'w' } });
      expect({ isError, content }).toMatchObject({
        isError: false,
        content: { state: 'ended', success: true, output: 'echo: hello', labels: { workflow: 'w' } },
      });
      expect(content).not.toHaveProperty('hint');
      expect(JSON.parse(text)).toEqual(content);
      expect(await (await agent.fetch(`/runs/${content.id}`)).json()).toEqual(content);
    }
  });

  it('record the caller and its labels, and continue its conversations only', async () => {
    const { content } = await mine.call('run', { prompt: 'x', labels: { team: 'other' } });
    expect(content).toMatchObject({ caller: 'mine', labels: { team: 'mine' } });
    const { sessionId } = content;
    expect((await mine.call('run', { prompt: 'y', sessionId })).content).toMatchObject({ sessionId, success: true });
    const refused = await other.call('run', { prompt: 'y', sessionId });
    expect(refused).toMatchObject({ isError: true, text: expect.stringContaining('another caller') as string });
  });

  it('return what became of a run that failed', async () => {
    const { isError, content } = await mine.call('run', { prompt: 'fails' });
    expect({ isError, content }).toMatchObject({ isError: false, content: { success: false, outcome: 'failed' } });
  });

  it('execute a request once that is repeated with its key', async () => {
    const once = () => mine.call('run', { prompt: 'with a key', idempotencyKey: 'execution-1' });
    const [first, second] = await Promise.all([once(), once()]);
    expect(first.content.id).toBe(second.content.id);
    const reused = await mine.call('run', { prompt: 'another', idempotencyKey: 'execution-1' });
    expect(reused).toMatchObject({ isError: true, text: expect.stringContaining('"execution-1"') as string });
  });

  it('report all mistakes of a request at once', async () => {
    const refused = await mine.call('run', { prompt: '', maxTurns: 'x', jsonSchema: {}, callbackUrl: 'http://x.y/' });
    expect(refused.isError).toBe(true);
    for (const said of ['`prompt` must be', '`maxTurns` must be', 'Did you mean `outputSchema`?', '`callbackUrl`']) {
      expect(refused.text).toContain(said);
    }
    const wrong: [string, object, string][] = [
      ['run', { prompt: 'x', waitSeconds: 51 }, '`waitSeconds` must be a whole number of seconds from 0 to 50'],
      ['run', { prompt: 'x', idempotencyKey: 'a b' }, 'visible ASCII'],
      ['get_run', {}, '`id` must be a string; it is missing'],
      ['get_run', { id: 'x', wait: 1 }, '`wait` is not an argument. Available: `id`, `waitSeconds`.'],
      ['get_run', { id: 'x' }, 'Run "x" does not exist'],
      ['list_runs', { limit: 1000, label: ['x'] }, '`label` must be NAME:VALUE'],
      ['list_runs', { since: {} }, '`since` must be a time'],
      ['cancel_run', { id: 5 }, '`id` must be a string; it is the number 5'],
    ];
    for (const [tool, args, said] of wrong) {
      const { isError, text } = await operator.call(tool, { ...args });
      expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining(said) as string });
    }
    await expect(operator.call('delete_everything')).rejects.toThrow('delete_everything');
  });

  it('are those that a caller has the right to, with its own runs', async () => {
    const { content } = await mine.call('run', { prompt: 'private' });
    const { id } = content;
    expect((await reader.call('get_run', { id })).content.id).toBe(id);
    for (const [client, tool, said] of [
      [reader, 'run', 'The caller reader may read, and the tool run needs the right run or admin.'],
      [reader, 'cancel_run', 'The caller reader may read, and the tool cancel_run needs the right run or admin.'],
      [other, 'get_run', `Run "${id}" does not exist.`],
      [other, 'cancel_run', `Run "${id}" does not exist.`],
    ] as const) {
      const { isError, text } = await client.call(tool, tool === 'run' ? { prompt: 'x' } : { id });
      expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining(said) as string });
    }
    const callersIn = async (client: McpClient, args = {}) =>
      new Set((await client.call('list_runs', { limit: 200, ...args })).content.runs?.map(({ caller }) => caller));
    expect(await callersIn(mine)).toEqual(new Set(['mine']));
    expect(await callersIn(reader)).toEqual(new Set(['mine', 'other']));
    expect(await callersIn(reader, { caller: 'mine', label: ['team:mine'] })).toEqual(new Set(['mine']));
    expect((await mine.call('list_runs', { caller: 'other' })).isError).toBe(true);
  });

  it('tell the progress of a run, with its id first', async () => {
    const messages: string[] = [];
    const { content } = await mine.call('run', { prompt: 'uses a tool' }, (message) => messages.push(message));
    expect(messages[0]).toMatch(new RegExp(`^Run ${content.id} is (queued|running)\\.$`));
    expect(messages.at(-1)).toBe('Claude uses Bash.');
  });

  it('hand out the id of a run that takes longer, and cancel it', async () => {
    const messages: string[] = [];
    const started = await mine.call('run', { prompt: 'long', waitSeconds: 0 });
    const { id } = started.content;
    expect(started.content).toMatchObject({ state: expect.stringMatching('queued|running') as string });
    expect(started.content.hint).toContain(`Call get_run with {"id":"${id}","waitSeconds":50}`);
    await until(() => agent.claude.begun().includes('long'));

    const waiting = await other.call('run', { prompt: 'other long', waitSeconds: 0 });
    expect(waiting.content).toMatchObject({ state: 'queued', queue: { place: 1 } });
    const full = await mine.call('run', { prompt: 'x' });
    expect(full).toMatchObject({ isError: true });
    expect(full.text).toMatch(
      /^Queue full: .* The run was not accepted\. Try again later\. Try again after 30 seconds\.$/,
    );
    expect((await other.call('cancel_run', { id: waiting.content.id })).content).toMatchObject({
      outcome: 'cancelled',
    });

    const short = await mine.call('get_run', { id, waitSeconds: 1 }, (message) => messages.push(message));
    expect(short.content).toMatchObject({ id, state: 'running' });
    // What had happened before is no news.
    expect(messages).toEqual([`Run ${id} is running.`]);
    const rest = mine.call('get_run', { id, waitSeconds: 50 });
    writeFileSync(file(), '');
    expect((await rest).content).toMatchObject({ id, state: 'ended', output: 'done' });
    expect((await mine.call('cancel_run', { id })).content).toMatchObject({ outcome: 'succeeded' });
  });

  it('say when the agent accepts no run, and when to try again', async () => {
    const spent = () => operator.call('run', { prompt: 'x', labels: { spent: 'yes' } });
    await spent();
    const refused = await spent();
    expect(refused).toMatchObject({ isError: true });
    expect(refused.text).toMatch(/^Budget spent: .* The run was not accepted\. Try again after \d{4}-.*Z\.$/);
    await agent.fetch('/pause', { method: 'POST', body: '{"reason": "maintenance"}' });
    const paused = await mine.call('run', { prompt: 'x' });
    await agent.fetch('/resume', { method: 'POST' });
    expect(paused).toMatchObject({ isError: true });
    expect(paused.text).toMatch(
      /^Paused: .*\(maintenance\)\. The run was not accepted\. Try again after 60 seconds\.$/,
    );
  });

  it('are counted, and logged without what was asked and answered', async () => {
    await mine.call('run', { prompt: 'a secret question' });
    const metrics = await (await agent.fetch('/metrics')).text();
    expect(metrics).toMatch(/claude_agent_mcp_calls_total\{tool="run",result="ok"\} \d+/);
    expect(metrics).toMatch(/claude_agent_mcp_calls_total\{tool="run",result="refused"\} [1-9]/);
    expect(metrics).toContain('claude_agent_mcp_calls_total{tool="cancel_run",result="failed"} 0');
    expect(metrics.match(/^claude_agent_mcp_calls_total\{/gm)).toHaveLength(12);
    const logged = agent.lines.find((line) => line.includes('"MCP call"') && line.includes('"problem":"queue-full"'));
    expect(logged).toContain('"tool":"run","caller":"mine","result":"refused"');
    expect(agent.lines.join('\n')).not.toContain('a secret question');
  });
});
