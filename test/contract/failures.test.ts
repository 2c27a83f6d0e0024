import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { USAGE_LIMIT_RESETS_IN } from '../doubles/anthropic/failures.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { Claude } from '../support/claude.ts';
import { closedPort } from '../support/closed-port.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const KEY = { ANTHROPIC_API_KEY: 'sk-ant-api03-test' };
const TOKEN = { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-test' };

const failures: [prompt: string, kind: string, status: number | null, credential: Record<string, string>][] = [
  ['[[fail:invalid_key]]', 'authentication_failed', 401, KEY],
  ['[[fail:token_expired]]', 'authentication_failed', 401, TOKEN],
  ['[[fail:token_revoked]]', 'authentication_failed', 403, TOKEN],
  ['[[fail:org_not_allowed]]', 'oauth_org_not_allowed', 403, TOKEN],
  ['[[fail:credit_too_low]]', 'billing_error', 400, KEY],
  ['[[fail:rate_limit]]', 'rate_limit', 429, KEY],
  ['[[fail:usage_limit]]', 'rate_limit', 429, TOKEN],
  ['[[fail:server_error]]', 'server_error', 500, KEY],
  ['[[fail:unavailable]]', 'server_error', 503, KEY],
  ['[[fail:overloaded]]', 'server_error', 529, KEY],
  ['[[fail:not_found]]', 'model_not_found', 404, KEY],
  ['[[fail:too_long]]', 'invalid_request', 400, KEY],
  ['[[cut:1]]', 'server_error', null, KEY],
  ['[[truncate:1]]', 'unknown', null, KEY],
];

const aFailure = (kind: string, status: number | null) => ({
  code: 1,
  stderr: '',
  error: expect.objectContaining({ error: kind }) as unknown,
  result: expect.objectContaining({ subtype: 'success', is_error: true }) as unknown,
  status,
});

describe.concurrent('a failure of the API', () => {
  it.each(failures)('%s is reported on stdout as %s with status %s', async (prompt, kind, status, credential) => {
    await using home = await makeHome();
    const finished = await ask(`${prompt} fail`, { home, env: { ANTHROPIC_BASE_URL: api.url, ...credential } });
    const given = finished.result.api_error_status ?? null;
    expect({ ...finished, status: given }).toMatchObject(aFailure(kind, status));
  });

  it('is a usage limit only if a rate_limit_event has the reset time: an overloaded API rejects too', async () => {
    await using home = await makeHome();
    const env = { ANTHROPIC_BASE_URL: api.url, ...TOKEN };
    const limit = async (prompt: string) => {
      const { events } = await ask(prompt, { home, env });
      return events.find(({ type }) => type === 'rate_limit_event')?.rate_limit_info;
    };
    const busy = await limit('[[fail:rate_limit]] tell me');
    expect(busy?.status).toBe('rejected');
    expect(busy).not.toHaveProperty('resetsAt');

    const limited = await limit('[[fail:usage_limit]] tell me');
    expect(limited?.status).toBe('rejected');
    const seconds = (limited?.resetsAt ?? 0) - Date.now() / 1000;
    expect(seconds).toBeGreaterThan(USAGE_LIMIT_RESETS_IN - 60);
    expect(seconds).toBeLessThanOrEqual(USAGE_LIMIT_RESETS_IN);

    expect((await limit('an ordinary prompt'))?.status).toBe('allowed');
  });

  it('is a server error if the name of the API cannot be resolved', async () => {
    await using home = await makeHome();
    const finished = await ask('hello', { home, env: { ANTHROPIC_BASE_URL: 'http://api.invalid', ...KEY } });
    expect({ ...finished, status: finished.result.api_error_status ?? null }).toMatchObject(
      aFailure('server_error', null),
    );
  });

  it('is a server error if the connection is refused', async () => {
    await using home = await makeHome();
    const finished = await ask('hello', { home, env: { ANTHROPIC_BASE_URL: await closedPort(), ...KEY } });
    expect({ ...finished, status: finished.result.api_error_status ?? null }).toMatchObject(
      aFailure('server_error', null),
    );
  });
});

describe.concurrent('retries', () => {
  it('are ten by default', async () => {
    await using home = await makeHome();
    const env = { ANTHROPIC_BASE_URL: api.url, CLAUDE_CODE_MAX_RETRIES: '', ...KEY };
    await using claude = new Claude({ home, env });
    claude.send('[[fail:overloaded]] try ten times');
    expect(await claude.event(({ subtype }) => subtype === 'api_retry')).toMatchObject({ attempt: 1, max_retries: 10 });
  });

  it('wait for Retry-After', async () => {
    await using home = await makeHome();
    const env = { ANTHROPIC_BASE_URL: api.url, CLAUDE_CODE_MAX_RETRIES: '3', ...KEY };
    await using claude = new Claude({ home, env });
    claude.send('[[fail:busy]] come again in 20 s');
    const { retry_delay_ms: delay } = await claude.event(({ subtype }) => subtype === 'api_retry');
    expect(delay).toBeGreaterThanOrEqual(20_000);
  });

  it.each([0, 1, 2])('are bounded: %i of them after the first request', async (retries) => {
    await using home = await makeHome();
    const prompt = `[[fail:overloaded]] try ${retries} times more`;
    const env = { ANTHROPIC_BASE_URL: api.url, CLAUDE_CODE_MAX_RETRIES: String(retries), ...KEY };
    const { events, error } = await ask(prompt, { home, env });
    expect(api.messages().filter((request) => request.prompt === prompt)).toHaveLength(retries + 1);
    expect(events.filter(({ subtype }) => subtype === 'api_retry')).toHaveLength(retries);
    expect(error).toMatchObject({ error: 'server_error', api_error_status: 529 });
  });
});
