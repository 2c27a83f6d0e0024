import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

describe('options of a run with the real CLI', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  beforeAll(async () => {
    api = await startAnthropicDouble();
    agent = new Agent({ env: { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: api.url } });
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

  it('outputSchema yields a structured output; without one the run fails', async () => {
    const met = (await agent.run('a name', { outputSchema })) as { structuredOutput?: unknown };
    expect(met).toMatchObject({ success: true, structuredOutput: { name: 'a name' } });
    const unmet = await agent.run('[[structured:none]] prose', { outputSchema });
    expect(unmet).toMatchObject({
      success: false,
      outcome: 'failed',
      error: expect.stringContaining('schema') as string,
    });
    expect(unmet).not.toHaveProperty('structuredOutput');
    const wrong = await agent.post({ prompt: 'x', outputSchema: { type: 'nothing' } });
    expect(wrong.status).toBe(400);
  });

  it('maxTurns and maxBudgetUsd end a run with an explanation', async () => {
    const turns = await agent.run('[[bash:true]] x', { maxTurns: 1 });
    expect(turns).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('maximum number of turns') as string,
    });
    const budget = await agent.run('[[bash:true]] x', { maxBudgetUsd: 0.000_001 });
    expect(budget).toMatchObject({ outcome: 'failed', error: expect.stringContaining('maximum budget') as string });
  });

  it('sessionId continues the conversation, also after a crash of the agent', async () => {
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

  it('in a continued conversation Claude gets the system prompt of each run', async () => {
    const systemOf = (prompt: string) =>
      JSON.stringify(
        (api.messages().findLast((request) => request.prompt === prompt)?.body as { system: unknown }).system,
      );
    const { sessionId } = await agent.run('sys one', { appendSystemPrompt: 'Say egret.' });
    expect(systemOf('sys one')).toContain('Say egret.');
    await agent.run('sys two', { sessionId, appendSystemPrompt: 'Say heron.' });
    expect(systemOf('sys two')).toContain('Say heron.');
    expect(systemOf('sys two')).not.toContain('Say egret.');
    await agent.run('sys three', { sessionId, systemPrompt: 'You are a stork.' });
    expect(systemOf('sys three')).toContain('You are a stork.');
    expect(systemOf('sys three')).not.toContain('Say egret.');
  });

  it('disallowedTools are denied although the mode allows everything', async () => {
    const options = { permissionMode: 'bypassPermissions' };
    const free = await agent.run('[[bash:echo ran]] x', options);
    expect(free.output).toContain('ran');
    const withPattern = await agent.run('[[bash:echo ran]] x', { ...options, disallowedTools: ['Bash(echo:*)'] });
    expect(withPattern.permissionDenials).toHaveLength(1);
    const whole = await agent.run('[[bash:echo ran]] x', { ...options, disallowedTools: ['Bash'] });
    expect(whole.output).toContain('No such tool available: Bash');
  });

  it('effort and fallbackModel are accepted', async () => {
    await agent.run('effort', { effort: 'low', model: 'sonnet', fallbackModel: 'haiku' });
    const request = api.messages().findLast(({ prompt }) => prompt === 'effort');
    expect(request?.body).toMatchObject({ output_config: { effort: 'low' } });
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
