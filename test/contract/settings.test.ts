import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

/** Runs a prompt in a folder with a hook, an MCP server and a CLAUDE.md; returns which of them were used. */
async function partsOf(args: readonly string[]): Promise<string[]> {
  await using home = await makeHome();
  const cwd = join(home.path, 'work');
  const traces = join(home.path, 'traces');
  const touch = (name: string) => ({ command: 'touch', args: [join(traces, name)] });
  const hook = { type: 'command', command: `touch ${join(traces, 'hook')}` };
  await mkdir(join(cwd, '.claude'), { recursive: true });
  await mkdir(traces);
  await writeFile(join(cwd, '.mcp.json'), JSON.stringify({ mcpServers: { trace: touch('mcp server') } }));
  await writeFile(
    join(cwd, '.claude/settings.json'),
    JSON.stringify({ hooks: { UserPromptSubmit: [{ hooks: [hook] }] } }),
  );
  await writeFile(join(cwd, 'CLAUDE.md'), 'The word of this folder is heron.');

  const prompt = `hello with ${args.length} arguments ${args.join(' ')}`.trim();
  const env = { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test' };
  await ask(prompt, { home, cwd, args, env });
  const body = JSON.stringify(api.messages().find((request) => request.prompt === prompt)?.body);
  return [...(await readdir(traces)), ...(body.includes('heron') ? ['memory'] : [])].sort();
}

describe.concurrent('the working directory', () => {
  it('has hooks, MCP servers and memory that the CLI uses without asking', async () => {
    expect(await partsOf([])).toEqual(['hook', 'mcp server', 'memory']);
  });

  it('is ignored if the user is the only source of settings', async () => {
    expect(await partsOf(['--setting-sources', 'user'])).toEqual([]);
  });

  it('has hooks and memory that the CLI uses even with --strict-mcp-config', async () => {
    expect(await partsOf(['--strict-mcp-config'])).toEqual(['hook', 'memory']);
  });
});
