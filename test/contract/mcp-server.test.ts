import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { Agent, TOKEN } from '../support/agent.ts';
import { ask } from '../support/ask.ts';
import { AS_ROOT, BYPASS, CLAUDE, QUIET } from '../support/claude.ts';
import { makeHome, type Home } from '../support/home.ts';
import '../support/two-at-a-time.ts';

const execute = promisify(execFile);

describe('the agent as an MCP server of the CLI', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  let home: Home;
  beforeAll(async () => {
    [api, agent, home] = await Promise.all([startAnthropicDouble(), Agent.start(), makeHome()]);
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  const claude = async (...args: string[]) => {
    const env = { PATH: process.env['PATH'], HOME: home.path, ...QUIET };
    const { stdout } = await execute(CLAUDE, args, { env, cwd: home.path });
    return stdout;
  };
  const add = (name: string, token: string) =>
    claude(
      ...['mcp', 'add', '--transport', 'http', name, `${agent.url}/mcp`],
      ...['--header', `Authorization: Bearer ${token}`],
    );

  it('is added with `claude mcp add`, and connected with a token that is known', async () => {
    await add('claude-agent', TOKEN);
    await add('stranger', 'unknown');
    const list = await claude('mcp', 'list');
    expect(list).toMatch(/^claude-agent: .*\/mcp \(HTTP\) - . Connected$/m);
    expect(list).not.toMatch(/^stranger: .*Connected$/m);
    await claude('mcp', 'remove', 'stranger');
  });

  it('runs a prompt when Claude calls its tool, and gives Claude the answer', async () => {
    await add('again', TOKEN);
    const { result } = await ask(`[[tool:mcp__again__run {"prompt": "a word from the other side"}]] ask the agent`, {
      home,
      args: BYPASS,
      env: { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test', ...AS_ROOT },
    });
    expect(result.result).toContain('"output":"echo: a word from the other side"');
    expect(agent.claude.begun()).toEqual(['a word from the other side']);
  });
});
