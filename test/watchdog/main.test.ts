import { describe, expect, test } from 'vitest';

import { agentDouble, auth, json, pass, TOKEN, tokenFile } from './double.ts';

describe('one pass of the watchdog', () => {
  test('asks once, by POST with its own token, and ends with 0 when the login works', async () => {
    await using agent = await agentDouble(auth('ok', { evidence: 'recent-run' }));
    const { exitCode, logged, sentence } = await pass(agent.url);
    expect(exitCode).toBe(0);
    expect(agent.asked).toEqual([{ method: 'POST', url: '/auth/check', authorization: `Bearer ${TOKEN}` }]);
    expect(sentence).toBe("Claude's login works (a run succeeded in the last few minutes).");
    expect(logged).toEqual([
      expect.objectContaining({
        level: 'info',
        state: 'ok',
        exitCode: 0,
        source: 'session',
        evidence: 'recent-run',
      }) as object,
    ]);
  });

  test.each([
    ['session', 'npm run login && npm run up'],
    ['oauthToken', 'claude setup-token'],
    ['apiKey', 'Anthropic Console'],
    ['federation', 'docs/configuration.md'],
  ])('ends with 57 when the login no longer works, and says what to do in mode %s', async (mode, remedy) => {
    await using agent = await agentDouble(auth('auth_failed', { detail: 'The refresh token was revoked' }));
    const { exitCode, logged, sentence } = await pass(agent.url, { WATCHDOG_AUTH_MODE: mode });
    expect(exitCode).toBe(57);
    expect(sentence).toContain('The refresh token was revoked. ');
    expect(sentence).toContain(remedy);
    expect(logged[0]).toMatchObject({ level: 'error', state: 'auth_failed', exitCode: 57 });
  });

  test.each([
    ['usage_limited', { resetsAt: '2026-01-01T05:00:00.000Z' }, 'until 2026-01-01T05:00:00.000Z'],
    ['outage', {}, 'a new login does not help'],
    ['busy', { evidence: 'none' }, 'The next pass tries again'],
  ])('ends with 1 on %s, and does not ask for a new login', async (state, more, said) => {
    await using agent = await agentDouble(auth(state, more));
    const { exitCode, sentence } = await pass(agent.url);
    expect(exitCode).toBe(1);
    expect(sentence).toContain(said);
    expect(sentence).not.toContain('npm run login');
  });

  test('ends with 1 after three attempts when nothing listens', async () => {
    const gone = await agentDouble(auth('ok'));
    await gone[Symbol.asyncDispose]();
    const { exitCode, logged, sentence } = await pass(gone.url);
    expect(exitCode).toBe(1);
    expect(sentence).toContain(`the agent can't be reached at ${gone.url} (ECONNREFUSED)`);
    expect(sentence).toContain('kubectl describe deployment/claude-code-agent');
    expect(logged[0]).toMatchObject({ state: 'agent_down', level: 'error' });
  });

  test('asks again while the agent is shutting down or breaks off, and takes the answer of the next one', async () => {
    await using agent = await agentDouble(
      json(503, { title: 'Draining', detail: 'The agent is shutting down.' }),
      (request) => request.socket.destroy(),
      auth('ok'),
    );
    const { exitCode } = await pass(agent.url);
    expect(agent.asked).toHaveLength(3);
    expect(exitCode).toBe(0);
  });

  test("reports the agent's answer when it keeps refusing", async () => {
    await using agent = await agentDouble(
      json(503, { title: 'Paused', detail: 'The agent is paused for maintenance.' }),
    );
    const { exitCode, sentence } = await pass(agent.url, { WATCHDOG_ATTEMPTS: '2' });
    expect(agent.asked).toHaveLength(2);
    expect(exitCode).toBe(1);
    expect(sentence).toContain('HTTP 503: The agent is paused for maintenance.');
  });

  test('does not ask again when the agent takes too long, since the probe goes on', async () => {
    await using agent = await agentDouble(() => undefined);
    const { exitCode, sentence } = await pass(agent.url, { WATCHDOG_TIMEOUT_SECONDS: '1' });
    expect(agent.asked).toHaveLength(1);
    expect(exitCode).toBe(1);
    expect(sentence).toContain('did not answer within 1 s');
  });

  test.each([401, 403])(
    'says so when the agent refuses its token with %d, which is no failed login',
    async (status) => {
      await using agent = await agentDouble(json(status, { title: 'No', detail: 'No such token.' }));
      const { exitCode, sentence } = await pass(agent.url);
      expect(agent.asked).toHaveLength(1);
      expect(exitCode).toBe(1);
      expect(sentence).toContain("rejected the watchdog's token");
    },
  );

  test.each([
    ['a page of a proxy', (_request: unknown, response: { end: (text: string) => void }) => response.end('<html>')],
    ['a state that it does not know', auth('marvellous')],
    ['an empty object', json(200, {})],
    ['null', json(200, null)],
  ])('ends with 1, not 0, when the answer is %s', async (_what, answer) => {
    await using agent = await agentDouble(answer);
    const { exitCode, sentence } = await pass(agent.url);
    expect(exitCode).toBe(1);
    expect(sentence).toContain("the agent's answer is invalid");
  });

  test('does not follow a redirect with its token', async () => {
    await using other = await agentDouble(auth('ok'));
    await using agent = await agentDouble((_request, response) => {
      response.writeHead(307, { location: other.url }).end();
    });
    const { exitCode } = await pass(agent.url);
    expect(exitCode).toBe(1);
    expect(other.asked).toEqual([]);
  });

  test('never writes its token', async () => {
    await using agent = await agentDouble(json(500, { detail: 'x' }));
    expect((await pass(agent.url)).everything).not.toContain(TOKEN);
  });
});

describe('settings that are wrong', () => {
  test('are all named in one line, which is no verdict on the login', async () => {
    const { exitCode, logged, sentence } = await pass('claude-agent:80', {
      WATCHDOG_TOKEN_FILE: '/nowhere/token',
      WATCHDOG_AUTH_MODE: 'password',
      WATCHDOG_ATTEMPTS: '0',
      WATCHDOG_TIMEOUT_SECONDS: 'soon',
    });
    expect(exitCode).toBe(1);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ state: 'misconfigured' });
    expect(sentence).toMatch(/WATCHDOG_AGENT_URL: must be an http/);
    expect(sentence).toMatch(/WATCHDOG_TOKEN_FILE: the file can't be read \(ENOENT/);
    expect(sentence).toMatch(/WATCHDOG_AUTH_MODE: must be one of session, oauthToken, apiKey, federation/);
    expect(sentence).toMatch(/WATCHDOG_ATTEMPTS: must be a whole number from 1 to 10/);
    expect(sentence).toMatch(/WATCHDOG_TIMEOUT_SECONDS: must be a whole number from 1 to 600/);
  });

  test('include a secret that no header takes, which is not shown', async () => {
    const { exitCode, everything } = await pass('http://127.0.0.1:1', {
      WATCHDOG_TOKEN_FILE: tokenFile(`${TOKEN}\nand more\n`),
      WATCHDOG_N8N_API_URL: 'http://127.0.0.1:1',
      WATCHDOG_N8N_API_KEY_FILE: tokenFile('canary-kéy-€'),
      WATCHDOG_TEAMS_WEBHOOK_FILE: tokenFile('http://[canary'),
    });
    expect(exitCode).toBe(1);
    expect(everything).toContain('WATCHDOG_TOKEN_FILE: the file must contain one word of visible ASCII characters');
    expect(everything).toContain(
      'WATCHDOG_N8N_API_KEY_FILE: the file must contain one word of visible ASCII characters',
    );
    expect(everything).toContain('WATCHDOG_TEAMS_WEBHOOK_FILE: the file must contain the https URL');
    expect(everything).not.toContain('canary');
  });

  test('include an empty token', async () => {
    const { exitCode, sentence } = await pass('http://127.0.0.1:1', { WATCHDOG_TOKEN_FILE: tokenFile('\n') });
    expect(exitCode).toBe(1);
    expect(sentence).toContain('is empty');
  });
});
