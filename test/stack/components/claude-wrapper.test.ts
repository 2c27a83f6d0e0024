import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

const folder = mkdtempSync(path.join(tmpdir(), 'wrapper-'));
const cli = path.join(folder, 'cli');
writeFileSync(
  cli,
  `#!${process.execPath}\nconsole.log(JSON.stringify({ args: process.argv.slice(2), env: process.env }));\n`,
  {
    mode: 0o755,
  },
);
const credential = path.join(folder, 'token');
writeFileSync(credential, 'canary-token\n');

/** Runs the image's `claude` with another executable in place of the pinned CLI. */
async function claude(env: Record<string, string>, ...args: string[]) {
  const { exitCode, stdout, stderr } = await execa('sh', ['agent/claude-wrapper.sh', ...args], {
    env: {
      PATH: '/usr/bin:/bin',
      HOME: path.join(folder, 'home'),
      AGENT_CLAUDE_PATH: cli,
      AGENT_STATE_DIR: '/data',
      ...env,
    },
    extendEnv: false,
    reject: false,
  });
  const started = stdout === '' ? undefined : (JSON.parse(stdout) as { args: string[]; env: Record<string, string> });
  return { exitCode, stderr, args: started?.args, env: started?.env ?? {} };
}

describe('claude in the image', () => {
  test("uses the agent's own session, makes its home, and passes every argument on", async () => {
    const { args, env } = await claude({}, '-p', 'two words', '');
    expect(args).toEqual(['-p', 'two words', '']);
    expect(env).toMatchObject({
      CLAUDE_CONFIG_DIR: '/data/claude',
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    });
    expect(env).not.toHaveProperty('CLAUDE_CODE_OAUTH_TOKEN');
    expect(env).not.toHaveProperty('ANTHROPIC_API_KEY');
    expect(existsSync(path.join(folder, 'home'))).toBe(true);
  });

  test('keeps a configuration folder that the caller has set', async () => {
    expect((await claude({ CLAUDE_CONFIG_DIR: '/elsewhere' })).env['CLAUDE_CONFIG_DIR']).toBe('/elsewhere');
  });

  test.each([
    ['oauthToken', 'CLAUDE_CODE_OAUTH_TOKEN'],
    ['apiKey', 'ANTHROPIC_API_KEY'],
  ])('in mode %s gets the credential from its file', async (mode, variable) => {
    const { env } = await claude({ AGENT_AUTH_MODE: mode, AGENT_CREDENTIAL_FILE: credential });
    expect(env[variable]).toBe('canary-token');
  });

  test('in mode federation gets the file to exchange, and what the agent received for it before', async () => {
    const ids = { ANTHROPIC_FEDERATION_RULE_ID: 'fdrl_1', ANTHROPIC_ORGANIZATION_ID: 'an-organization' };
    const { env } = await claude({ AGENT_AUTH_MODE: 'federation', AGENT_CREDENTIAL_FILE: credential, ...ids });
    expect(env).toMatchObject({
      ...ids,
      ANTHROPIC_IDENTITY_TOKEN_FILE: credential,
      CLAUDE_CODE_FEDERATION_CACHE_DIR: '/data/federation',
    });
    expect(JSON.stringify(env)).not.toContain('canary-token');
  });

  test.each([
    ['without the file', { AGENT_AUTH_MODE: 'apiKey', AGENT_CREDENTIAL_FILE: '/nowhere' }, "(/nowhere) can't be read"],
    ['without its name', { AGENT_AUTH_MODE: 'oauthToken' }, '(not set)'],
    ['without an identity', { AGENT_AUTH_MODE: 'federation' }, '(not set)'],
    ['in a mode it does not know', { AGENT_AUTH_MODE: 'password' }, 'allowed: session, oauthToken, apiKey, federation'],
  ])('does not start %s, and prints the reason', async (_what, env, said) => {
    const { exitCode, stderr, args } = await claude(env);
    expect(exitCode).toBe(78);
    expect(stderr).toContain(said);
    expect(args).toBeUndefined();
  });
});
