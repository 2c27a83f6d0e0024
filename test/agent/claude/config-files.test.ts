import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { claudeSettings, mcpConfig, mistakesIn } from '../../../agent/claude/config-files.ts';
import { readSettings, SettingsError } from '../../../agent/settings.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'claude-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = path.join(folder, 'file.json');
function wrongWith(schema: Parameters<typeof mistakesIn>[1], content: unknown): string {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return mistakesIn(file, schema).join('\n');
}

describe('a file of MCP servers', () => {
  it('may contain programs and servers', () => {
    const mcpServers = {
      program: { command: 'npx', args: ['-y', 'x'], env: { KEY: 'k' } },
      typed: { type: 'stdio', command: '/bin/x', timeout: 1000 },
      server: { type: 'http', url: 'https://mcp.example.org/mcp', headers: { Authorization: 'Bearer x' } },
    };
    expect(wrongWith(mcpConfig, { mcpServers })).toBe('');
  });

  it.each([
    ['{', 'it is not JSON'],
    ['[]', 'the whole file: '],
    [{ servers: {} }, 'mcpServers: '],
    [{ mcpServers: { a: { type: 'stdio' } } }, 'mcpServers.a: must be {"command"'],
    [{ mcpServers: { a: { url: 'https://x' } } }, 'mcpServers.a: must be'],
    [{ mcpServers: { a: { type: 'http', url: 'file:///etc/passwd' } } }, 'mcpServers.a.url: '],
    [{ mcpServers: { a: { command: 'x', env: { N: 1 } } } }, 'mcpServers.a: must be'],
    [{ mcpServers: { 'a b': { command: 'x' } } }, 'a name has'],
  ])('is refused with the place where it is wrong: %j', (content, said) => {
    expect(wrongWith(mcpConfig, content)).toContain(said);
  });
});

describe('a file of settings', () => {
  it.each([
    ['null', 'the whole file: '],
    [{ permissions: 'all' }, 'permissions: '],
    [{ permissions: { deny: 'Bash' } }, 'permissions.deny: '],
    [{ hooks: { PreToolUse: {} } }, 'hooks.PreToolUse: '],
    [{ env: { PORT: 1 } }, 'env.PORT: '],
    [{ permision: {} }, 'permision: claude has no such setting.'],
    [{ Permissions: {} }, 'Permissions: claude has no such setting. Did you mean `permissions`?'],
    [{ permissions: { denny: ['Bash'] } }, 'permissions.denny: claude has no such setting.'],
    [{ hooks: { PreTooluse: [] } }, 'hooks.PreTooluse: claude has no such setting. Did you mean `PreToolUse`?'],
    [{ sandbox: { network: { allowDomains: [] } } }, 'sandbox.network.allowDomains: claude has no such setting.'],
    [{ env: { PORT: 1 }, colour: 1 }, 'colour: claude has no such setting.'],
    ['{"__proto__": {}}', '__proto__: claude has no such setting.'],
  ])('is refused with the place where it is wrong: %j', (content, said) => {
    expect(wrongWith(claudeSettings, content)).toContain(said);
  });

  it('may contain everything else that the CLI knows', () => {
    expect(
      wrongWith(claudeSettings, {
        $schema: 'https://json.schemastore.org/claude-code-settings.json',
        env: { ANY_NAME: 'x' },
        sandbox: { enabled: true, network: { allowedDomains: [] } },
        cleanupPeriodDays: 3,
        permissions: { deny: ['Bash'], defaultMode: 'plan' },
      }),
    ).toBe('');
  });
});

describe('settings of the agent that name such files', () => {
  it('are refused together, without any value from a file', () => {
    writeFileSync(file, JSON.stringify({ mcpServers: { a: { command: 1, env: { KEY: 'canary' } } } }));
    try {
      readSettings({ AGENT_MCP_CONFIG: file, AGENT_CLAUDE_SETTINGS: path.join(folder, 'gone'), IS_SANDBOX: '1' });
      expect.unreachable();
    } catch (error) {
      const { mistakes } = error as SettingsError;
      expect(mistakes).toHaveLength(2);
      expect(mistakes[0]).toMatch(
        /^AGENT_MCP_CONFIG is ".*file.json"; it must be a JSON file .*mcpServers\.a: must be/,
      );
      expect(mistakes[1]).toMatch(/^AGENT_CLAUDE_SETTINGS is ".*gone"; it must be an existing file/);
      expect(mistakes.join()).not.toContain('canary');
    }
  });
});
