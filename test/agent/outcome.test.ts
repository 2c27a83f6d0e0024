import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, type Outcome } from '../../agent/contract.ts';
import type { Step } from '../doubles/claude/script.ts';
import { Agent } from '../support/agent.ts';

const RESETS_AT = 1_900_000_000;

const rejected = (info: object): Step => ({
  do: 'event',
  event: { type: 'rate_limit_event', rate_limit_info: { status: 'rejected', ...info } },
});

const refuse = (kind: string, status?: number): Step => ({
  do: 'refuse',
  kind,
  ...(status !== undefined && { status }),
  text: `API Error: ${kind}`,
});

const scenarios: Readonly<Record<string, readonly [Outcome, readonly Step[]]>> = {
  'a 401': ['auth_failed', [refuse('authentication_failed', 401)]],
  'a revoked token': ['auth_failed', [refuse('authentication_failed', 403)]],
  'no login at all': ['auth_failed', [refuse('authentication_failed')]],
  'an organisation that is not allowed': ['auth_failed', [refuse('oauth_org_not_allowed', 403)]],
  'no credit': ['auth_failed', [refuse('billing_error', 400)]],
  'a busy API': ['unavailable', [refuse('rate_limit', 429)]],
  'a busy API of a subscription': ['unavailable', [rejected({}), refuse('rate_limit', 429)]],
  'an overloaded API': ['unavailable', [refuse('server_error', 529)]],
  'a broken API': ['unavailable', [refuse('server_error', 500)]],
  'no connection': ['unavailable', [refuse('server_error')]],
  'a kind nobody knows yet, with a 503': ['unavailable', [refuse('news', 503)]],
  'a kind nobody knows yet': ['failed', [refuse('news')]],
  'the usage limit': ['usage_limited', [rejected({ resetsAt: RESETS_AT }), refuse('rate_limit', 429)]],
  'an answer': ['succeeded', [{ do: 'result', text: 'fine' }]],
  'an answer after a limit that let it pass': [
    'succeeded',
    [rejected({ resetsAt: RESETS_AT }), { do: 'result', text: 'fine' }],
  ],
  'an API that asks to wait longer than the run may': [
    'unavailable',
    [
      {
        do: 'event',
        event: { type: 'system', subtype: 'api_retry', error: 'overloaded', error_status: 529, retry_delay_ms: 80_000 },
      },
      { do: 'hang' },
    ],
  ],
  'an answer after a failure that passed': [
    'succeeded',
    [
      { do: 'event', event: { type: 'system', subtype: 'api_retry', error: 'rate_limit' } },
      { do: 'result', text: 'fine' },
    ],
  ],
  'an empty answer': ['failed', [{ do: 'result', text: ' \n' }]],
  'an answer and then a bad exit': [
    'failed',
    [
      { do: 'result', text: 'fine' },
      { do: 'exit', code: 3 },
    ],
  ],
  'a result that is an error': [
    'failed',
    [
      {
        do: 'event',
        event: { type: 'result', subtype: 'error_max_turns', is_error: true, errors: ['Too many turns'] },
      },
    ],
  ],
  'a result that nobody understands': ['failed', [{ do: 'event', event: { type: 'result', is_error: 'maybe' } }]],
  'a good exit without a result': [
    'failed',
    [
      { do: 'say', text: 'half' },
      { do: 'exit', code: 0 },
    ],
  ],
  'a bad exit without a result': [
    'failed',
    [
      { do: 'stderr', text: 'error: unknown option' },
      { do: 'exit', code: 1 },
    ],
  ],
  'death halfway': [
    'failed',
    [
      { do: 'say', text: 'half' },
      { do: 'die', signal: 'SIGKILL' },
    ],
  ],
  'garbage before an answer': [
    'succeeded',
    [
      { do: 'line', line: 'Warning: something {' },
      { do: 'line', line: 'null' },
      { do: 'line', line: '[1]' },
      { do: 'line', line: '{"type":"assistant","message":7}' },
      { do: 'result', text: 'fine' },
    ],
  ],
  'nothing but garbage': [
    'failed',
    [
      { do: 'line', line: '<html>' },
      { do: 'exit', code: 0 },
    ],
  ],
};

let agent: Agent;
beforeAll(async () => {
  agent = await Agent.start({
    prompts: Object.fromEntries(Object.entries(scenarios).map(([prompt, [, steps]]) => [prompt, steps])),
  });
});
afterAll(() => agent[Symbol.asyncDispose]());

describe('POST /run', () => {
  it.each(Object.entries(scenarios))('tells %s for what it is', async (prompt, [outcome]) => {
    const answer = await agent.run(prompt);
    expect(answer).toMatchObject({ outcome, success: outcome === 'succeeded', exitCode: EXIT_CODES[outcome] });
    expect(answer.error === undefined).toBe(answer.success);
  });

  it('says when the usage limit ends', async () => {
    expect((await agent.run('the usage limit')).resetsAt).toBe(new Date(RESETS_AT * 1000).toISOString());
  });

  it('keeps what Claude had said before it died', async () => {
    expect((await agent.run('death halfway')).output).toBe('half');
  });

  it('quotes what the CLI said on stderr when there is nothing else', async () => {
    expect((await agent.run('a bad exit without a result')).error).toContain('error: unknown option');
  });

  it('carries usage, cost and the ids of the run', async () => {
    expect(await agent.run('an answer')).toMatchObject({
      output: 'fine',
      usage: { inputTokens: 3, outputTokens: 5 },
      costUsd: 0.25,
      runId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      warnings: [],
      permissionDenials: [],
    });
  });
});
