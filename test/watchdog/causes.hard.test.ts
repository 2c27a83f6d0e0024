import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { type RefreshMode, startOauthProxy } from '../doubles/oauth-proxy/server.ts';
import { Agent, TOKEN } from '../support/agent.ts';
import { REAL_CLAUDE } from '../support/claude.ts';
import { identityToken } from '../support/identity-token.ts';
import '../support/two-at-a-time.ts';
import { World } from './world.ts';

const FIRST = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };
const HOUR = 3_600_000;

/** What the agent, its login and Anthropic are like; everything not said is well. */
interface Situation {
  readonly title: string;
  /** The double's behaviour for every prompt. */
  readonly api?: string;
  /** In place of the double. */
  readonly baseUrl?: string;
  /** Whether the API takes the login's token. */
  readonly accepted?: boolean;
  /** Whether it takes the renewed one. */
  readonly renewedAccepted?: boolean;
  readonly refresh?: RefreshMode;
  readonly login?: 'fresh' | 'expired' | 'expired, not refreshable' | 'none';
  readonly env?: Readonly<Record<string, string>>;
  /** The login is an identity token, and the exchange fails by this; '' exchanges it. */
  readonly federation?: string;
  readonly agent?: 'down' | 'paused';
  readonly state: string;
  readonly cause?: string | undefined;
  readonly exitCode: 0 | 1 | 57;
}

const RED = { state: 'auth_failed', exitCode: 57 } as const;
const OUT = { state: 'outage', exitCode: 1 } as const;
const KEY = { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-wrong' };
const TOKEN_MODE = { AGENT_AUTH_MODE: 'oauthToken', CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-gone' };

/** One row a cause. */
const TABLE: readonly Situation[] = [
  { title: 'all is well', state: 'ok', exitCode: 0 },
  { title: 'expired, and renewed by the CLI', login: 'expired', accepted: false, state: 'ok', exitCode: 0 },
  {
    title: 'expired and not refreshable',
    login: 'expired, not refreshable',
    accepted: false,
    ...RED,
    cause: 'refused',
  },
  // Without a cause: the process that waits for the next prompt may have emptied the login before the probe.
  {
    title: 'expired, and the refresh refused',
    login: 'expired',
    accepted: false,
    refresh: 'revoked',
    ...RED,
  },
  {
    title: 'the refresh host unreachable, with tokens still in the file',
    accepted: false,
    refresh: 'unreachable',
    ...OUT,
    cause: 'not_renewed',
  },
  {
    title: 'the refresh host failing, with tokens still in the file',
    accepted: false,
    refresh: 'failing',
    ...OUT,
    cause: 'not_renewed',
  },
  { title: 'renewed, and refused all the same', accepted: false, renewedAccepted: false, ...RED, cause: 'refused' },
  { title: 'revoked', api: '[[fail:token_revoked]]', ...RED, cause: 'refused' },
  { title: 'organisation not allowed', api: '[[fail:org_not_allowed]]', ...RED, cause: 'organization' },
  { title: 'billing', api: '[[fail:credit_too_low]]', ...RED, cause: 'billing' },
  { title: 'not logged in', login: 'none', ...RED, cause: 'no_credential' },
  { title: 'API key wrong', env: KEY, accepted: false, ...RED, cause: 'refused' },
  { title: 'long-lived token wrong', env: TOKEN_MODE, accepted: false, ...RED, cause: 'refused' },
  { title: 'identity token exchanged', federation: '', state: 'ok', exitCode: 0 },
  { title: 'federation refused', federation: 'no_federation', ...RED, cause: 'refused' },
  { title: 'federation overloaded', federation: 'overloaded', ...OUT, cause: 'anthropic_error' },
  { title: 'usage limit', api: '[[fail:usage_limit]]', state: 'usage_limited', cause: 'usage_limit', exitCode: 1 },
  { title: '429', api: '[[fail:rate_limit]]', ...OUT, cause: 'rate_limit' },
  { title: '500', api: '[[fail:server_error]]', ...OUT, cause: 'anthropic_error' },
  { title: '503', api: '[[fail:unavailable]]', ...OUT, cause: 'anthropic_error' },
  { title: '529', api: '[[fail:overloaded]]', ...OUT, cause: 'anthropic_error' },
  { title: 'DNS', baseUrl: 'http://no-such-host.invalid', env: { NO_PROXY: '*' }, ...OUT, cause: 'unreachable' },
  { title: 'refused', baseUrl: 'http://127.0.0.1:9', ...OUT, cause: 'unreachable' },
  { title: 'timeout', api: '[[hang]]', ...OUT, cause: 'no_answer' },
  { title: 'agent down', agent: 'down', state: 'agent_down', exitCode: 1 },
  { title: 'paused', agent: 'paused', state: 'ok', exitCode: 0 },
];

describe.concurrent('the real CLI, an agent and a pass of the watchdog', () => {
  test.each(TABLE)(
    '$title: $state',
    async (situation) => {
      const { api: mode = '', baseUrl, accepted = true, renewedAccepted = true, env } = situation;
      const { federation } = situation;
      await using api = await startAnthropicDouble({
        mode,
        accept: accepted ? null : ['sk-ant-of-somebody-else'],
        ...(federation !== undefined && { federation: federation === '' ? {} : { failure: federation } }),
      });
      await using proxy = await startOauthProxy({
        mode: situation.refresh ?? 'rotate',
        tokens: FIRST,
        onRotated: ({ accessToken }) => renewedAccepted && api.configure({ accept: [accessToken] }),
      });
      const login = situation.login ?? 'fresh';
      await using agent = new Agent({
        env: { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: baseUrl ?? api.url, ...proxy.env, ...env },
      });
      if (federation !== undefined) Object.assign(agent.env, federate(agent));
      else if (login !== 'none') writeLogin(agent, login);
      await agent.start();
      if (situation.agent === 'paused')
        await agent.fetch('/pause', {
          method: 'POST',
          body: '{"reason":"A test"}',
          headers: { 'Content-Type': 'application/json' },
        });
      if (situation.agent === 'down') await agent.end('SIGKILL');

      await using world = await World.make();
      writeFileSync(path.join(world.folder, 'agent-token'), TOKEN);
      Object.assign(world.env, {
        WATCHDOG_AGENT_URL: agent.url,
        WATCHDOG_TOKEN_FILE: path.join(world.folder, 'agent-token'),
        WATCHDOG_TIMEOUT_SECONDS: '100',
        WATCHDOG_AUTH_MODE: env?.['AGENT_AUTH_MODE'] ?? 'session',
      });
      const pass = await world.pass();
      expect(pass.logged[0], pass.everything).toMatchObject({
        state: situation.state,
        exitCode: situation.exitCode,
        ...(situation.cause !== undefined && { cause: situation.cause }),
      });
      expect(pass.exitCode).toBe(situation.exitCode);
      expect(world.titles.includes('Claude needs a new login')).toBe(situation.exitCode === 57);
      if (situation.state === 'usage_limited') {
        const end = Date.parse(String(pass.logged[0]?.['resetsAt']));
        expect(end).toBeGreaterThan(Date.now());
        expect(end).toBeLessThan(Date.now() + 2 * HOUR);
      }
      if (situation.agent === 'paused') expect(pass.said).toContain('The agent has been paused since');
    },
    150_000,
  );
});

function federate(agent: Agent): Record<string, string> {
  const file = path.join(agent.folder, 'identity-token');
  writeFileSync(file, identityToken());
  return {
    AGENT_AUTH_MODE: 'federation',
    AGENT_CREDENTIAL_FILE: file,
    ANTHROPIC_FEDERATION_RULE_ID: 'fdrl_1',
    ANTHROPIC_ORGANIZATION_ID: '00000000-0000-4000-8000-000000000000',
    ANTHROPIC_SERVICE_ACCOUNT_ID: 'svac_1',
  };
}

function writeLogin(agent: Agent, login: Exclude<Situation['login'], 'none' | undefined>): void {
  const folder = path.join(agent.folder, 'home/.claude');
  mkdirSync(folder, { recursive: true });
  const claudeAiOauth = {
    ...FIRST,
    ...(login === 'expired, not refreshable' && { refreshToken: '' }),
    expiresAt: Date.now() + (login === 'fresh' ? 8 * HOUR : -HOUR),
    scopes: ['user:inference', 'user:profile'],
  };
  writeFileSync(path.join(folder, '.credentials.json'), JSON.stringify({ claudeAiOauth }));
}
