import { execa } from 'execa';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startAnthropicDouble } from '../../doubles/anthropic/server.ts';
import { AS_ROOT, CLAUDE } from '../../support/claude.ts';
import { folder } from '../../support/folder.ts';
import { identityToken } from '../../support/identity-token.ts';
import '../../support/two-at-a-time.ts';

// With runners, the agent's container has the credential as before. The login is tested with an agent.
it.each([
  ['oauthToken', 'sk-ant-oat01-real', 'sk-ant-oat01-real'],
  ['apiKey', 'sk-ant-api03-real', 'sk-ant-api03-real'],
  ['federation', identityToken(), 'exchanged'],
])('claude of the image answers with a credential of mode %s, also in a pod with runners', async (mode, file, used) => {
  await using api = await startAnthropicDouble({ accept: [used], federation: { token: 'exchanged' } });
  const place = folder({ credential: file });
  mkdirSync(path.join(place, 'home'));
  const { exitCode, stdout } = await execa('sh', ['agent/claude-wrapper.sh', '-p', 'test'], {
    env: {
      PATH: process.env['PATH'],
      HOME: path.join(place, 'home'),
      AGENT_AUTH_MODE: mode,
      AGENT_CREDENTIAL_FILE: path.join(place, 'credential'),
      AGENT_CLAUDE_PATH: CLAUDE,
      AGENT_STATE_DIR: path.join(place, 'state'),
      AGENT_RUNNERS: 'http://claude-code-runner:7070',
      ANTHROPIC_BASE_URL: api.url,
      ANTHROPIC_FEDERATION_RULE_ID: mode === 'federation' ? 'fdrl_1' : undefined,
      ANTHROPIC_ORGANIZATION_ID: mode === 'federation' ? '00000000-0000-4000-8000-000000000000' : undefined,
      ...AS_ROOT,
    },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'echo: test' });
  expect(api.messages().at(-1)?.credential.value).toBe(used);
});
