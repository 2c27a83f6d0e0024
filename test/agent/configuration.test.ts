import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { Agent } from '../support/agent.ts';
import { REAL_CLAUDE } from '../support/claude.ts';

const MCP_DOUBLE = path.join(import.meta.dirname, '..', 'doubles', 'mcp', 'main.ts');

/** An MCP server that logs the calls of its tool. */
const mcpServer = (journal: string, env: Record<string, string> = {}) => ({
  command: process.execPath,
  args: [MCP_DOUBLE, journal],
  env,
});

describe('the configuration of Claude', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  const at = (...parts: string[]) => path.join(agent.folder, ...parts);
  const bodyOf = (prompt: string) =>
    JSON.stringify(api.messages().findLast((request) => request.prompt === prompt)?.body);

  beforeAll(async () => {
    api = await startAnthropicDouble();
    agent = new Agent();
    mkdirSync(at('traces'));
    const touch = (name: string) => ({ hooks: [{ type: 'command', command: `touch ${at('traces', name)}` }] });
    const servers = { double: mcpServer(at('calls'), { WORD: 'heron' }), gone: { command: '/nowhere/mcp' } };
    writeFileSync(at('mcp.json'), JSON.stringify({ mcpServers: servers }));
    const settings = {
      hooks: { UserPromptSubmit: [touch('configured-hook')] },
      permissions: { deny: ['Bash(touch denied)'] },
    };
    writeFileSync(at('settings.json'), JSON.stringify(settings));

    const workdir = path.join(agent.workspaceDir, 'checkout');
    mkdirSync(path.join(workdir, '.claude/skills/found'), { recursive: true });
    writeFileSync(path.join(workdir, '.mcp.json'), JSON.stringify({ mcpServers: { found: mcpServer(at('found')) } }));
    for (const name of ['settings.json', 'settings.local.json']) {
      const found = { hooks: { UserPromptSubmit: [touch('found-hook')] }, permissions: { deny: ['Bash'] } };
      writeFileSync(path.join(workdir, '.claude', name), JSON.stringify(found));
    }
    writeFileSync(path.join(workdir, 'CLAUDE.md'), 'The word of this folder is egret.');
    writeFileSync(
      path.join(workdir, '.claude/skills/found/SKILL.md'),
      '---\nname: found\ndescription: An egret of a skill.\n---\nEgret.',
    );
    Object.assign(agent.env, {
      ...REAL_CLAUDE,
      AGENT_AUTH_MODE: 'apiKey',
      ANTHROPIC_API_KEY: 'sk-ant-api03-test',
      ANTHROPIC_BASE_URL: api.url,
      AGENT_MCP_CONFIG: at('mcp.json'),
      AGENT_CLAUDE_SETTINGS: at('settings.json'),
    });
    await agent.start();
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  it('gives every run the MCP servers of the agent, with their environment', async () => {
    const answer = await agent.run('[[tool:mcp__double__repeat {"text":"a call"}]] use it');
    expect(answer).toMatchObject({ success: true, output: 'tool: a call heron', permissionDenials: [] });
    expect(readFileSync(at('calls'), 'utf8')).toBe('a call\n');
  });

  it('a denied MCP call with deeply nested input stops neither its run nor the next one', async () => {
    const deep = '{"a":'.repeat(3000) + '1' + '}'.repeat(3000);
    const prompt = `[[tool:mcp__double__repeat {"text":"x","deep":${deep}}]] nest`;
    const answer = await agent.run(prompt, { permissionMode: 'dontAsk' });
    expect(answer).toMatchObject({
      outcome: 'succeeded',
      permissionDenials: [
        { toolName: 'mcp__double__repeat', toolInput: '(left out: nested more than 100 levels deep)' },
      ],
    });
    expect((await agent.run('after it')).success).toBe(true);
    expect((await agent.fetch('/runs')).status).toBe(200);
  });

  it('reports the MCP servers that could not be used, and the run continues', async () => {
    const { success, warnings } = await agent.run('hello');
    expect({ success, warnings }).toEqual({
      success: true,
      warnings: ['The MCP server gone could not be used (failed).'],
    });
  });

  it('gives every run the settings of the agent', async () => {
    const { output } = await agent.run('[[bash:touch denied]] try it');
    expect(readdirSync(at('traces'))).toContain('configured-hook');
    expect(existsSync(path.join(agent.workspaceDir, 'denied'))).toBe(false);
    expect(output).toContain('denied');
  });

  it('uses nothing from the working directory: no MCP server, hook, permission, skill or memory', async () => {
    const workdir = path.join(agent.workspaceDir, 'checkout');
    const prompt = '[[bash:echo allowed]] [[tool:mcp__found__repeat {"text":"x"}]] look around';
    const answer = await agent.run(prompt, { workdir });
    expect(answer.output).toContain('allowed');
    expect(answer.output).toContain('No such tool available');
    expect(existsSync(at('found'))).toBe(false);
    expect(readdirSync(at('traces'))).toEqual(['configured-hook']);
    expect(bodyOf(prompt)).toBeDefined();
    expect(bodyOf(prompt)).not.toMatch(/egret/i);
  });

  it('a login check has the settings but no MCP servers', async () => {
    await agent.crash();
    const calls = readFileSync(at('calls'), 'utf8');
    const response = await agent.fetch('/auth/check', { method: 'POST' });
    expect(await response.json()).toMatchObject({ state: 'ok', evidence: 'probe' });
    expect(bodyOf('Reply with the single word: ok')).not.toContain('mcp__double__repeat');
    expect(readFileSync(at('calls'), 'utf8')).toBe(calls);
  });
});
