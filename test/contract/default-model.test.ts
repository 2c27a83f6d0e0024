import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeEnvironment } from '../../agent/claude/environment.ts';
import { askDefaultModel } from '../../agent/claude/default-model.ts';
import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { startOauthProxy } from '../doubles/oauth-proxy/server.ts';
import { ask } from '../support/ask.ts';
import { CLAUDE } from '../support/claude.ts';
import { folder } from '../support/folder.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

const FIRST = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };
const ACCOUNT = '11111111-1111-4111-8111-111111111111';
const HOOK = { SessionStart: [{ hooks: [{ type: 'command', command: 'touch "$HOME/hook"' }] }] };

/** What the CLI names with a login and settings, and what it then uses with the same. */
async function named(plan: string | undefined, ownSettings: object, claudeSettings?: object) {
  await using home = await makeHome();
  await using api = await startAnthropicDouble();
  await using proxy = await startOauthProxy({ tokens: FIRST, accountUuid: ACCOUNT });
  await home.logIn(FIRST);
  const login = path.join(home.path, '.claude/.credentials.json');
  const { claudeAiOauth } = JSON.parse(readFileSync(login, 'utf8')) as { claudeAiOauth: object };
  writeFileSync(login, JSON.stringify({ claudeAiOauth: { ...claudeAiOauth, subscriptionType: plan } }));
  writeFileSync(path.join(home.path, '.claude/settings.json'), JSON.stringify({ hooks: HOOK, ...ownSettings }));
  const state = path.join(home.path, '.claude.json');
  const file = claudeSettings && path.join(folder({ settings: JSON.stringify(claudeSettings) }), 'settings');
  const base = { PATH: process.env['PATH'], HOME: home.path, ANTHROPIC_BASE_URL: api.url, ...proxy.env };
  const model = await askDefaultModel({
    claudePath: CLAUDE,
    environment: claudeEnvironment(base, {}, 'a test', 30_000),
    claudeSettings: file,
    hasAccount: () => existsSync(state) && readFileSync(state, 'utf8').includes(ACCOUNT),
  });
  const { oauthAccount } = JSON.parse(readFileSync(state, 'utf8')) as { oauthAccount: { accountUuid: string } };
  const ranHook = existsSync(path.join(home.path, 'hook'));
  const asked = api.messages().length;
  await ask('hello', {
    home,
    env: { ANTHROPIC_BASE_URL: api.url, ...proxy.env },
    args: file === undefined ? [] : [`--settings=${file}`],
  });
  return { model, used: api.messages().at(-1)?.model, account: oauthAccount.accountUuid, asked, ranHook };
}

describe.concurrent(
  'claude names the model that it uses, without a prompt or a hook, and finds out the account',
  () => {
    it.each([
      ['a plan', 'max', {}, undefined, 'opus'],
      ['no plan', undefined, {}, undefined, 'sonnet'],
      ['a model in the session', 'max', { model: 'haiku' }, undefined, 'haiku'],
      ['a model in the settings of every run', 'max', { model: 'haiku' }, { model: 'sonnet', hooks: HOOK }, 'sonnet'],
    ] as const)('with %s', async (_what, plan, own, every, expected) => {
      const { model, used, ...rest } = await named(plan, own, every);
      expect(model).toContain(expected);
      expect(used).toBe(model);
      expect(rest).toEqual({ account: ACCOUNT, asked: 0, ranHook: false });
    });

    it('an executable that does not answer, or does not exist, is an error', async () => {
      const other = { environment: {}, claudeSettings: undefined, hasAccount: () => true };
      await expect(askDefaultModel({ claudePath: '/bin/true', ...other })).rejects.toThrow('claude named no model');
      await expect(askDefaultModel({ claudePath: '/nowhere', ...other })).rejects.toThrow('ENOENT');
    });
  },
);
