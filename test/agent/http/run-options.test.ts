import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Agent, until } from '../../support/agent.ts';

describe('options of a run', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('become arguments of claude', async () => {
    await agent.run('with options', {
      model: 'sonnet',
      fallbackModel: 'haiku,claude-opus-5-5',
      effort: 'xhigh',
      systemPrompt: '--you are a heron',
      appendSystemPrompt: '--be brief',
      allowedTools: ['Read', 'Bash(git log:*)'],
      disallowedTools: ['WebFetch', 'Bash(git push:*)', 'mcp__tickets__close', 'Task', 'Web*'],
      permissionMode: 'dontAsk',
      maxTurns: 3,
      maxBudgetUsd: 0.5,
      labels: { workflow: 'w1' },
    });
    const entry = agent.claude.journal().find(({ prompt }) => prompt === 'with options');
    expect(entry).toMatchObject({
      args: expect.arrayContaining([
        '--model=sonnet',
        '--fallback-model=haiku,claude-opus-5-5',
        'xhigh',
        '--system-prompt=--you are a heron',
        '--append-system-prompt=--be brief',
        '--allowedTools=Read',
        '--allowedTools=Bash(git log:*)',
        '--disallowedTools=WebFetch',
        '--disallowedTools=Bash(git push:*)',
        '--disallowedTools=mcp__tickets__close',
        '--disallowedTools=Task',
        '--disallowedTools=Web*',
        'dontAsk',
        '--max-turns',
        '3',
        '--max-budget-usd',
        '0.5',
      ]) as string[],
    });
  });

  it.each([
    ['model', '--help'],
    ['model', ''],
    ['model', 'a\0b'],
    ['fallbackModel', 'sonnet,'],
    ['fallbackModel', 'sonnet haiku'],
    ['effort', 'maximum'],
    ['systemPrompt', ''],
    ['systemPrompt', 'a\0b'],
    ['appendSystemPrompt', 'a\0b'],
    ['allowedTools', ['Read\0']],
    ['disallowedTools', 'Bash'],
    ['disallowedTools', ['Bash\0']],
    ['disallowedTools', Array.from({ length: 101 }, () => 'Bash')],
    ['appendSystemPrompt', ''],
    ['appendSystemPrompt', 'x'.repeat(20_001)],
    ['allowedTools', 'Read'],
    ['allowedTools', [1]],
    ['permissionMode', 'yolo'],
    ['maxTurns', 0],
    ['maxBudgetUsd', 0],
    ['outputSchema', 'string'],
    ['outputSchema', { description: 'x'.repeat(65_536) }],
    ['outputSchema', null],
    ['outputSchema', []],
    ['sessionId', 'latest'],
    ['labels', { a: 1 }],
    ['labels', { '': 'x' }],
    ['labels', JSON.parse('{"__proto__": "x"}') as object],
    ['labels', Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`l${i}`, 'x']))],
  ])('that are invalid are refused: %s %j', async (field, value) => {
    const response = await agent.post({ prompt: 'refused', [field]: value });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { field: string; message: string }[] };
    expect(errors.map((error) => error.field)).toEqual([field]);
    expect(errors[0]?.message).toMatch(new RegExp(`^\`${field}\` must be `));
    expect(agent.claude.begun()).not.toContain('refused');
  });

  it.each([
    ['labels', { a: 'x', b: 1 }, 'the one named the string "b" is the number 1.'],
    ['labels', { a: 'x', '': 'x' }, 'the one named the string "" is the string "x".'],
    ['allowedTools', ['Read', 1], 'item 2 is the number 1.'],
    ['disallowedTools', ['Write', 'bash'], 'item 2, the string "bash", is not a tool of claude. Did you mean `Bash`?'],
    ['disallowedTools', ['Shell'], 'item 1, the string "Shell", is not a tool of claude.'],
    ['disallowedTools', ['Bash(git'], 'is not a rule; a rule is NAME or NAME(PATTERN), one per string.'],
    ['disallowedTools', ['Bash, Read'], 'is not a rule; a rule is NAME or NAME(PATTERN), one per string.'],
    ['disallowedTools', ['Write(/etc/**)'], 'claude ignores: for files it checks Edit(/etc/**).'],
    ['disallowedTools', ['B*(rm:*)'], 'has a pattern, which a name with * does not support.'],
    ['disallowedTools', ['Shell*'], 'matches no tool of claude.'],
    ['disallowedTools', ['mcp__a__b(c)'], 'has a pattern, which MCP tools do not support.'],
    ['outputSchema', { type: 'nothing' }, 'claude rejects it: schema/type must be equal to one of'],
    ['outputSchema', { type: 'object', example: 1 }, 'unknown keyword: "example"'],
    ['outputSchema', { $schema: 'https://json-schema.org/draft/2020-12/schema' }, 'leave `$schema` out'],
    ['outputSchema', { description: 'x'.repeat(65_536) }, 'it has 65554 bytes.'],
  ])('that are partly invalid are refused with the invalid part: %s %j', async (field, value, says) => {
    const response = await agent.post({ prompt: 'refused', [field]: value });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { field: string; message: string }[] };
    expect(errors.map((error) => error.field)).toEqual([field]);
    expect(errors[0]?.message).toContain(says);
  });

  it('that would take gigabytes to compile are refused, and the next request is checked', async () => {
    const of = (count: number, schema: object) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, schema]));
    const outputSchema = {
      definitions: { a: { properties: of(900, { type: 'string' }) } },
      properties: of(1200, { $ref: '#/definitions/a' }),
    };
    const response = await agent.post({ prompt: 'refused', outputSchema });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('too much time or memory');
    expect((await agent.post({ prompt: 'x', outputSchema: { type: 'object' } })).status).toBe(200);
  });

  it.each(['outputSchema', 'labels', 'prompt', 'colour'])('that are nested too deep are refused: %s', async (field) => {
    for (const levels of [101, 5000, 500_000]) {
      const body = `{"prompt": "refused", "${field}": ${'['.repeat(levels)}${']'.repeat(levels)}}`;
      const response = await agent.post(body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        errors: [{ field, message: `\`${field}\` must be nested at most 100 levels deep; it is nested deeper.` }],
      });
    }
  });

  it.each(['labels', 'allowedTools', 'disallowedTools'])(
    'that are far too many are only counted: %s',
    async (field) => {
      const many = Array.from({ length: 300_000 }, () => 1);
      const response = await agent.post({ prompt: 'refused', [field]: many });
      expect(await response.json()).toMatchObject({
        errors: [{ field, message: expect.stringContaining('it has 300000.') as string }],
      });
    },
  );

  it('treat an empty or null sessionId as none, and ignore its case', async () => {
    for (const sessionId of ['', null]) expect(await agent.run('anew', { sessionId })).toMatchObject({ success: true });
    const started = agent.claude.journal().flatMap((entry) => (entry.what === 'began' ? [entry] : []));
    const args = started.filter(({ prompt }) => prompt === 'anew').map((entry) => entry.args);
    expect(args).toHaveLength(2);
    expect(args.flat()).not.toContain('--resume');
    const id = crypto.randomUUID();
    expect(await agent.run('goes on', { sessionId: id.toUpperCase() })).toMatchObject({ sessionId: id });
  });
});

describe('the model of the agent', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({ env: { AGENT_MODEL: 'haiku' } });
  });
  afterAll(() => agent[Symbol.asyncDispose]());
  const modelsOf = (prompt: string) =>
    agent.claude
      .journal()
      .flatMap((entry) => (entry.what === 'began' && entry.prompt === prompt ? entry.args : []))
      .filter((argument) => argument.startsWith('--model'));

  it('applies to a run that names none, also in a warm process', async () => {
    await until(() => agent.claude.started().length === 1);
    await agent.run('unnamed');
    expect(modelsOf('unnamed')).toEqual(['--model=haiku']);
    const metrics = await (await agent.fetch('/metrics')).text();
    expect(metrics).toContain('claude_agent_warm_starts_total{result="hit"} 1');
  });

  it('is overridden by the model of a run', async () => {
    await agent.run('named', { model: 'opus' });
    expect(modelsOf('named')).toEqual(['--model=opus']);
  });
});
