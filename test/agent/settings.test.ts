import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSettings, SettingsError } from '../../agent/settings.ts';
import { needs, unless } from '../support/needs.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function mistakes(env: Record<string, string>): readonly string[] {
  try {
    readSettings(env);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.mistakes;
    throw error;
  }
}

describe('settings', () => {
  it('have defaults for someone who tries the agent', () => {
    expect(readSettings({ IS_SANDBOX: '1' })).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      stateDir: path.resolve('.local'),
      workspaceDir: path.resolve('.local/workspace'),
      sessionDir: undefined,
      authMode: 'session',
      permissionMode: 'bypassPermissions',
      slots: 1,
      notes: [],
    });
  });

  it.each([
    ['AGENT_PORT', '70000', 'a whole number from 0 to 65535'],
    ['AGENT_PORT', '3000.5', 'a whole number'],
    ['AGENT_PORT', '', 'a whole number'],
    ['AGENT_HOST', 'a b', 'a host name'],
    ['AGENT_TRUSTED_PROXIES', '-1', 'a whole number from 0 to 10'],
    ['AGENT_TRUSTED_PROXIES', 'true', 'a whole number from 0 to 10'],
    ['AGENT_SOURCE_RANGES', 'all', 'ranges of IP addresses, separated by commas: 203.0.113.0/24'],
    ['AGENT_SOURCE_RANGES', '10.0.0.0/8, 203.0.113.7/24', 'the range with that address is 203.0.113.0/24'],
    ['AGENT_PAGE_URL', 'claude.example.org', 'an http(s) URL without user, query or fragment'],
    ['AGENT_PAGE_URL', 'https://[claude', 'an http(s) URL'],
    ['AGENT_RUNNERS', 'local:0', 'local, local:N for N runs at a time (1 to 64), or http://NAME:PORT'],
    ['AGENT_RUNNERS', 'local:65', '1 to 64'],
    ['AGENT_RUNNERS', 'local:', 'local, local:N'],
    ['AGENT_RUNNERS', 'local:2.5', 'local, local:N'],
    ['AGENT_RUNNERS', '4', 'local, local:N'],
    ['AGENT_RUNNERS', 'http://runner', 'http://NAME:PORT'],
    ['AGENT_RUNNERS', 'http://runner:70000', 'http://NAME:PORT'],
    ['AGENT_RUNNER_KEY_FILE', '/etc/hostname', 'an existing file with an Ed25519 private key in PEM'],
    ['AGENT_GATEWAY_URL', 'http://agent:3001/v1', 'an http URL without user, path or query'],
    ['AGENT_QUEUE_LIMIT', '-1', 'a whole number from 0 to 10000'],
    ['AGENT_ON_USAGE_LIMIT', 'pause', 'one of wait, fail'],
    ['AGENT_ON_USAGE_LIMIT', '', 'one of wait, fail'],
    ['AGENT_MAX_RUN_MINUTES', '0', 'a whole number from 1 to 1440'],
    ['AGENT_MAX_RUN_MINUTES', '1441', 'a whole number from 1 to 1440'],
    ['AGENT_GRACE_SECONDS', 'soon', 'a whole number from 0 to 3600'],
    ['AGENT_SESSION_DIR', '/nowhere', 'an existing folder'],
    ['AGENT_CLAUDE_PATH', '/etc/passwd', 'an existing executable file'],
    ['AGENT_STATE_DIR', '', 'a path'],
    ['AGENT_SESSION_DIR', `/tmp/${'x'.repeat(300)}`, 'an existing folder'],
    ['AGENT_CREDENTIAL_FILE', `/tmp/${'x'.repeat(300)}`, 'an existing file'],
    ['AGENT_WARM_START', 'yes', 'one of true, false, on, off'],
    ['AGENT_MODEL', '--help', 'the name of a model, such as "sonnet"'],
    ['AGENT_PERMISSION_MODE', 'yolo', 'one of bypassPermissions, acceptEdits, dontAsk, plan, default'],
    ['AGENT_AUTH_MODE', 'password', 'one of session, oauthToken, apiKey, federation'],
    ['AGENT_AUTH_MODE', 'apiKey', 'set ANTHROPIC_API_KEY'],
    ['AGENT_CALLBACK_HOSTS', 'https://n8n.example.org', 'hosts, separated by commas'],
    ['AGENT_CALLBACK_HOSTS', 'n8n.example.org, *', 'hosts, separated by commas'],
    ['AGENT_CALLBACK_SECRET_FILE', '/etc/hostname', 'whsec_ and the base64 of 24 to 64 bytes'],
    ['AGENT_CALLBACK_GIVE_UP_SECONDS', '0', 'a whole number from 1 to 604800'],
    ['AGENT_CALLBACK_TIMEOUT_SECONDS', '61', 'a whole number from 1 to 60'],
    ['AGENT_CREDENTIAL_FILE', '/etc/hostname', 'which does not use it'],
    ['AGENT_LOG_LEVEL', 'loud', 'one of trace, debug'],
  ])('%s=%j is refused with the allowed values', (name, value, allowed) => {
    const found = mistakes({ [name]: value });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(name);
    expect(found[0]).toContain(allowed);
  });

  it.each([
    ['local', 1],
    ['local:1', 1],
    ['local:32', 32],
  ])('AGENT_RUNNERS=%s means %i slot(s)', (value, slots) => {
    expect(readSettings({ AGENT_RUNNERS: value, IS_SANDBOX: '1' }).slots).toBe(slots);
  });

  it('for runners need a key, or a file for the public part of one that the agent makes', () => {
    const runners = { AGENT_RUNNERS: 'http://runner:7070', AGENT_GATEWAY_URL: 'http://agent:3001', IS_SANDBOX: '1' };
    expect(mistakes(runners)).toEqual([
      'AGENT_RUNNER_KEY_FILE is not set; AGENT_RUNNERS is "http://runner:7070", which needs it.',
    ]);
    expect(readSettings({ ...runners, AGENT_RUNNER_PUBLIC_KEY_FILE: '/shared/key' }).runners).toMatchObject({
      privateKey: undefined,
      publicKeyFile: '/shared/key',
    });
  });

  it('accept the hash of a token of the watchdog or a file for it, not both', () => {
    const both = { AGENT_WATCHDOG_TOKEN_FILE: '/x', AGENT_WATCHDOG_TOKEN_SHA256: 'a'.repeat(64), IS_SANDBOX: '1' };
    expect(mistakes(both)).toEqual([
      'AGENT_WATCHDOG_TOKEN_FILE and AGENT_WATCHDOG_TOKEN_SHA256 are both set. Set only one of them.',
    ]);
  });

  it('for runners of one run each need the API of a cluster', () => {
    const off = { AGENT_RUNNER_REUSE: 'off', IS_SANDBOX: '1' };
    expect(mistakes(off)).toEqual([
      'AGENT_RUNNER_REUSE is "off", but AGENT_RUNNERS is "local"; only a runner in a cluster can be replaced after its run.',
    ]);
    const found = mistakes({ ...off, AGENT_RUNNERS: 'http://runner:7070' });
    expect(found).toHaveLength(3);
    expect(found[2]).toBe(
      'AGENT_RUNNER_REUSE is "off", for which the agent deletes pods of its cluster with its ServiceAccount; missing: ' +
        'KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT, ' +
        ['token', 'ca.crt', 'namespace']
          .map((name) => `/var/run/secrets/kubernetes.io/serviceaccount/${name}`)
          .join(', ') +
        '.',
    );
    expect(mistakes({ AGENT_RUNNER_REUSE: 'no' })[0]).toContain('one of on, off');
  });

  it('that are invalid are reported together', () => {
    expect(mistakes({ AGENT_PORT: 'x', AGENT_QUEUE_LIMIT: 'y', AGENT_SESSION_DIR: '/nowhere' })).toHaveLength(3);
  });

  it("of a federation are checked together, ids against Anthropic's formats", () => {
    const found = mistakes({
      AGENT_AUTH_MODE: 'federation',
      ANTHROPIC_FEDERATION_RULE_ID: 'svac_1',
      ANTHROPIC_WORKSPACE_ID: 'the first',
      ANTHROPIC_BASE_URL: 'http://gateway.example.org',
    });
    expect(found).toHaveLength(5);
    expect(found.join('\n')).toMatch(/set ANTHROPIC_IDENTITY_TOKEN_FILE/);
    expect(found.join('\n')).toMatch(/ANTHROPIC_FEDERATION_RULE_ID is "svac_1"; it must be .*fdrl_/);
    expect(found.join('\n')).toMatch(/ANTHROPIC_ORGANIZATION_ID is not set; it must be .* UUID/);
    expect(found.join('\n')).toMatch(/ANTHROPIC_WORKSPACE_ID is "the first"; it must be .*wrkspc_/);
    expect(found.join('\n')).toMatch(/ANTHROPIC_BASE_URL is .* must be an https URL/);
  });

  it("of a federation name the identity token file with the agent's variable or the CLI's", () => {
    const ids = {
      AGENT_AUTH_MODE: 'federation',
      ANTHROPIC_FEDERATION_RULE_ID: 'fdrl_1',
      ANTHROPIC_ORGANIZATION_ID: '00000000-0000-4000-8000-000000000000',
      IS_SANDBOX: '1',
    };
    const { federation, notes } = readSettings({ ...ids, AGENT_CREDENTIAL_FILE: '/etc/hostname' });
    expect(federation).toEqual({
      identityTokenFile: '/etc/hostname',
      ruleId: 'fdrl_1',
      organizationId: '00000000-0000-4000-8000-000000000000',
    });
    expect(notes).toEqual([]);
    expect(readSettings({ ...ids, ANTHROPIC_IDENTITY_TOKEN_FILE: '/etc/hosts' }).federation).toMatchObject({
      identityTokenFile: '/etc/hosts',
    });
    expect(readSettings({ ...ids, AGENT_AUTH_MODE: 'session' })).toMatchObject({
      federation: undefined,
      notes: ['ANTHROPIC_FEDERATION_RULE_ID is set but not used: AGENT_AUTH_MODE is session, not federation.'],
    });
  });

  it('never show a token in a message', () => {
    const found = mistakes({ AGENT_TOKEN: 'se cret', AGENT_TOKEN_SHA256: 'hush' }).join('\n');
    expect(found).toContain('AGENT_TOKEN_SHA256 is 4 characters (not shown)');
    expect(found).not.toMatch(/se cret|hush/);
  });

  it('accept a token or its hash, not both', () => {
    expect(mistakes({ AGENT_TOKEN: 'x', AGENT_TOKEN_SHA256: 'a'.repeat(64) })[0]).toContain('Set only one of them');
  });

  it('do not accept source ranges that no address is compared with', () => {
    const AGENT_SOURCE_RANGES = '203.0.113.0/24';
    expect(mistakes({ AGENT_SOURCE_RANGES })[0]).toContain('AGENT_TRUSTED_PROXIES is 0');
    expect(mistakes({ AGENT_SOURCE_RANGES, AGENT_TRUSTED_PROXIES: '1', IS_SANDBOX: '1' })).toEqual([]);
  });

  it('warn about unused credentials and unknown variables', () => {
    const { notes } = readSettings({ ANTHROPIC_API_KEY: 'sk-x', AGENT_WORKDIR: '/x', IS_SANDBOX: '1' });
    expect(notes).toEqual([
      'AGENT_WORKDIR is not a setting of the agent and is ignored.',
      'ANTHROPIC_API_KEY is set but not used: AGENT_AUTH_MODE is session, not apiKey.',
    ]);
  });

  it('suggest the setting that was meant', () => {
    const { notes } = readSettings({ AGENT_HOSTNAME: 'x', AGENT_PERMISION_MODE: 'plan', IS_SANDBOX: '1' });
    expect(notes).toEqual([
      'AGENT_HOSTNAME is not a setting of the agent and is ignored. Did you mean `AGENT_HOST`?',
      'AGENT_PERMISION_MODE is not a setting of the agent and is ignored. Did you mean `AGENT_PERMISSION_MODE`?',
    ]);
  });

  it.each([
    ['true', true],
    ['on', true],
    ['false', false],
    ['off', false],
  ])('enable or disable the warm start with AGENT_WARM_START=%s', (value, warmStart) => {
    expect(readSettings({ AGENT_WARM_START: value, IS_SANDBOX: '1' })).toMatchObject({ warmStart });
  });

  it(
    'use a permission mode that claude allows as root, with a warning',
    needs(unless(process.getuid?.() === 0, 'It needs root.')),
    () => {
      const settings = readSettings({});
      expect(settings.permissionMode).toBe('dontAsk');
      expect(settings.notes[0]).toContain('IS_SANDBOX=1');
      expect(mistakes({ AGENT_PERMISSION_MODE: 'bypassPermissions' })[0]).toContain('which claude refuses as root');
    },
  );
});
