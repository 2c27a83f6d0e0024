import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, type Outcome } from '../../../agent/contract.ts';
import { result } from '../../doubles/claude/events.ts';
import type { Step } from '../../doubles/claude/script.ts';
import { Agent } from '../../support/agent.ts';

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

/** A result with a field that is nested too deep for `JSON.stringify`. */
function withNested(field: 'structured_output' | 'permission_denials', levels: number): string {
  const nested = '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);
  const denial = `[{"tool_name":"mcp__deep__tool","tool_use_id":"toolu_1","tool_input":${nested}}]`;
  const value = field === 'permission_denials' ? denial : nested;
  return JSON.stringify(result({ result: 'fine', [field]: '$VALUE' })).replace('"$VALUE"', value);
}

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
  'an unknown kind with a 503': ['unavailable', [refuse('news', 503)]],
  'an unknown kind': ['failed', [refuse('news')]],
  'the usage limit': ['usage_limited', [rejected({ resetsAt: RESETS_AT }), refuse('rate_limit', 429)]],
  'an answer': ['succeeded', [{ do: 'result', text: 'fine' }]],
  'an answer after a limit that did not block': [
    'succeeded',
    [rejected({ resetsAt: RESETS_AT }), { do: 'result', text: 'fine' }],
  ],
  'an API with a Retry-After beyond the timeout of the run': [
    'unavailable',
    [
      {
        do: 'event',
        event: { type: 'system', subtype: 'api_retry', error: 'overloaded', error_status: 529, retry_delay_ms: 80_000 },
      },
      { do: 'hang' },
    ],
  ],
  'a connection that fails again and again': [
    'unavailable',
    [
      { do: 'event', event: { type: 'system', subtype: 'api_retry', error: 'unknown', retry_delay_ms: 80_000 } },
      { do: 'hang' },
    ],
  ],
  'an answer after a temporary failure': [
    'succeeded',
    [
      { do: 'event', event: { type: 'system', subtype: 'api_retry', error: 'rate_limit' } },
      { do: 'result', text: 'fine' },
    ],
  ],
  'an empty answer': ['failed', [{ do: 'result', text: ' \n' }]],
  'an answer followed by a bad exit code': [
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
  'a result in an unknown format': ['failed', [{ do: 'event', event: { type: 'result', is_error: 'maybe' } }]],
  'exit code 0 without a result': [
    'failed',
    [
      { do: 'say', text: 'half' },
      { do: 'exit', code: 0 },
    ],
  ],
  'a bad exit code without a result': [
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
  'a usage limit with an impossible reset time': [
    'usage_limited',
    [rejected({ resetsAt: 1e16 }), refuse('rate_limit', 429)],
  ],
  'an answer with negative tokens and costs': [
    'succeeded',
    [
      {
        do: 'event',
        event: result({
          result: 'fine',
          total_cost_usd: -1,
          num_turns: -1,
          usage: {
            input_tokens: 1e300,
            output_tokens: -5,
            cache_creation_input_tokens: 0.5,
            cache_read_input_tokens: 7,
          },
        }),
      },
    ],
  ],
  'a structured answer that is nested too deep': [
    'failed',
    [{ do: 'line', line: withNested('structured_output', 6000) }],
  ],
  'a denied tool with input that is nested too deep': [
    'succeeded',
    [{ do: 'line', line: withNested('permission_denials', 6500) }],
  ],
  'many denied tools with large input': [
    'succeeded',
    [
      {
        do: 'event',
        event: result({
          result: 'fine',
          permission_denials: Array.from({ length: 50 }, () => ({
            tool_name: 'Write',
            tool_use_id: 'toolu_1',
            tool_input: { content: 'x'.repeat(100_000) },
          })),
        }),
      },
    ],
  ],
  'a very long error': [
    'failed',
    [{ do: 'event', event: result({ is_error: true, errors: ['e'.repeat(2_000_000)] }) }],
  ],
  'a result before that of a background task': [
    'succeeded',
    [
      { do: 'event', event: { type: 'system', subtype: 'background_tasks_changed', tasks: [{ task_id: 'a' }] } },
      { do: 'event', event: result({ result: 'Async agent launched' }) },
      { do: 'wait', ms: 200 },
      { do: 'event', event: { type: 'system', subtype: 'background_tasks_changed', tasks: [] } },
      { do: 'wait', ms: 200 },
      { do: 'event', event: result({ result: 'fine' }) },
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
  it.each(Object.entries(scenarios))('reports the outcome of "%s"', async (prompt, [outcome]) => {
    const schema = prompt.startsWith('a structured') && { outputSchema: { type: 'object' } };
    const answer = await agent.run(prompt, { ...schema });
    expect(answer).toMatchObject({ outcome, success: outcome === 'succeeded', exitCode: EXIT_CODES[outcome] });
    expect(answer.error === undefined).toBe(answer.success);
    // After three in a row the queue would wait.
    if (outcome === 'unavailable') await agent.run('an answer');
  });

  it('reports when the usage limit resets', async () => {
    expect((await agent.run('the usage limit')).resetsAt).toBe(new Date(RESETS_AT * 1000).toISOString());
  });

  it('omits an invalid reset time, and never reports negative numbers', async () => {
    expect(await agent.run('a usage limit with an impossible reset time')).not.toHaveProperty('resetsAt');
    const answer = await agent.run('an answer with negative tokens and costs');
    expect(answer).not.toHaveProperty('costUsd');
    expect(answer).not.toHaveProperty('turns');
    expect(answer.usage).toEqual({
      inputTokens: 0,
      outputTokens: 0,
      cacheCreationInputTokens: 0,
      cacheReadInputTokens: 7,
    });
  });

  it('replaces values that are nested too deep or too large by a note', async () => {
    const deep = await agent.run('a denied tool with input that is nested too deep');
    expect(deep.permissionDenials).toEqual([
      {
        toolName: 'mcp__deep__tool',
        toolUseId: 'toolu_1',
        toolInput: '(left out: nested more than 100 levels deep)',
      },
    ]);
    const structured = await agent.run('a structured answer that is nested too deep', {
      outputSchema: { type: 'object' },
    });
    expect(structured.error).toContain('structured output is nested more than 100 levels deep');
    const many = await agent.run('many denied tools with large input');
    expect(many.permissionDenials).toHaveLength(20);
    expect(many.permissionDenials[0]?.toolInput).toBe('(left out: longer than 8192 characters)');
    expect(many.warnings).toEqual(['30 more denied tool calls are not listed.']);
    expect((await agent.run('a very long error')).error).toHaveLength(10_007);
    expect((await (await agent.fetch('/runs?limit=100')).text()).length).toBeLessThan(200_000);
  });

  it('waits for the result after the background tasks', async () => {
    expect((await agent.run('a result before that of a background task')).output).toBe('fine');
  });

  it('has ended the run by the time it responds', async () => {
    for (let i = 0; i < 20; i += 1) {
      await agent.run('an answer');
      expect((await agent.health()).activeRequests).toBe(0);
    }
  });

  it("keeps Claude's output from before it died", async () => {
    const answer = await agent.run('death halfway');
    expect(answer.output).toBe('half');
    expect(answer).not.toHaveProperty('costUsd');
  });

  it("quotes the CLI's stderr if there is nothing else", async () => {
    expect((await agent.run('a bad exit code without a result')).error).toContain('error: unknown option');
  });

  it('returns usage, cost and the ids of the run', async () => {
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
