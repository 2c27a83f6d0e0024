import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { Agent } from '../support/agent.ts';
import { AS_ROOT } from '../support/claude.ts';

describe('options of a run', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('become arguments of claude', async () => {
    await agent.run('with options', {
      model: 'sonnet',
      appendSystemPrompt: '--be brief',
      allowedTools: ['Read', 'Bash(git log:*)'],
      permissionMode: 'dontAsk',
      maxTurns: 3,
      maxBudgetUsd: 0.5,
      labels: { workflow: 'w1' },
    });
    const entry = agent.claude.journal().find(({ prompt }) => prompt === 'with options');
    expect(entry).toMatchObject({
      args: expect.arrayContaining([
        '--model=sonnet',
        '--append-system-prompt=--be brief',
        '--allowedTools=Read',
        '--allowedTools=Bash(git log:*)',
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
    ['appendSystemPrompt', ''],
    ['appendSystemPrompt', 'x'.repeat(20_001)],
    ['allowedTools', 'Read'],
    ['allowedTools', [1]],
    ['permissionMode', 'yolo'],
    ['maxTurns', 0],
    ['maxBudgetUsd', 0],
    ['outputSchema', 'string'],
    ['outputSchema', { description: 'x'.repeat(65_536) }],
    ['sessionId', 'latest'],
    ['labels', { a: 1 }],
    ['labels', { '': 'x' }],
    ['labels', Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`l${i}`, 'x']))],
  ])('that are wrong are refused: %s %j', async (field, value) => {
    const response = await agent.post({ prompt: 'refused', [field]: value });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { field: string; message: string }[] };
    expect(errors.map((error) => error.field)).toEqual([field]);
    expect(errors[0]?.message).toMatch(new RegExp(`^\`${field}\` must be `));
    expect(agent.claude.begun()).not.toContain('refused');
  });
});

describe('options of a run with the real CLI', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  beforeAll(async () => {
    api = await startAnthropicDouble();
    agent = new Agent({ env: { AGENT_CLAUDE_PATH: undefined, ANTHROPIC_BASE_URL: api.url, ...AS_ROOT } });
    const claudeDir = path.join(agent.folder, 'home/.claude');
    mkdirSync(claudeDir);
    const login = {
      accessToken: 'a',
      refreshToken: 'r',
      expiresAt: Date.now() + 3_600_000,
      scopes: ['user:inference'],
    };
    writeFileSync(path.join(claudeDir, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
    await agent.start();
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  const outputSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };

  it('outputSchema gives a structured output, and no success without one', async () => {
    const met = (await agent.run('a name', { outputSchema })) as { structuredOutput?: unknown };
    expect(met).toMatchObject({ success: true, structuredOutput: { name: 'a name' } });
    const unmet = await agent.run('[[structured:none]] prose', { outputSchema });
    expect(unmet).toMatchObject({
      success: false,
      outcome: 'failed',
      error: expect.stringContaining('schema') as string,
    });
    expect(unmet).not.toHaveProperty('structuredOutput');
    const wrong = await agent.run('x', { outputSchema: { type: 'nothing' } });
    expect(wrong).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('not a valid JSON Schema') as string,
    });
  });

  it('maxTurns and maxBudgetUsd end a run, and say so', async () => {
    const turns = await agent.run('[[bash:true]] x', { maxTurns: 1 });
    expect(turns).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('maximum number of turns') as string,
    });
    const budget = await agent.run('[[bash:true]] x', { maxBudgetUsd: 0.000_001 });
    expect(budget).toMatchObject({ outcome: 'failed', error: expect.stringContaining('maximum budget') as string });
  });

  it('sessionId goes on with the conversation, after a crash of the agent too', async () => {
    const { sessionId } = await agent.run('first');
    await agent.crash();
    const second = await agent.run('second', { sessionId });
    expect(second).toMatchObject({ success: true, sessionId });
    expect(JSON.stringify(api.messages().at(-1)?.body)).toContain('echo: first');
    const unknown = await agent.run('third', { sessionId: '00000000-0000-4000-8000-000000000000' });
    expect(unknown).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('No conversation found') as string,
    });
  });

  it('model, appendSystemPrompt and allowedTools reach Claude', async () => {
    await agent.run('x', {
      model: 'claude-haiku-4-5',
      appendSystemPrompt: '--speak like a pirate',
      permissionMode: 'dontAsk',
    });
    const request = api.messages().findLast(({ prompt }) => prompt === 'x');
    expect(request?.model).toBe('claude-haiku-4-5');
    expect(JSON.stringify(request?.body)).toContain('--speak like a pirate');
    const denied = await agent.run('[[bash:touch made]] x', { permissionMode: 'dontAsk' });
    expect(denied.permissionDenials).toHaveLength(1);
    const allowed = await agent.run('[[bash:touch made]] x', {
      permissionMode: 'dontAsk',
      allowedTools: ['Read', 'Bash(touch made)'],
    });
    expect(allowed.permissionDenials).toHaveLength(0);
  });
});
