import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { AS_ROOT, BYPASS } from '../support/claude.ts';
import { makeHome, type Home } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const SCHEMA = JSON.stringify({
  type: 'object',
  properties: { name: { type: 'string' }, count: { type: 'integer' } },
  required: ['name', 'count'],
});

const askWith = (home: Home, args: string[], prompt: string, env = {}) =>
  ask(prompt, {
    home,
    args,
    env: { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test', ...AS_ROOT, ...env },
  });

describe.concurrent('a limit of the run', () => {
  it.each([
    ['--max-turns', '1', 'error_max_turns', 'max_turns'],
    ['--max-budget-usd', '0.000001', 'error_max_budget_usd', 'budget_exhausted'],
  ])('%s ends the run with errors and without a text', async (flag, value, subtype, reason) => {
    await using home = await makeHome();
    const { result, code } = await askWith(home, [flag, value, ...BYPASS], '[[bash:true]] go');
    expect(result).toMatchObject({ subtype, is_error: true, terminal_reason: reason });
    expect(result.errors).toHaveLength(1);
    expect(result.result).toBeUndefined();
    expect(code).toBe(1);
  });
});

it('BASH_MAX_TIMEOUT_MS says how long Claude may let a command take', async () => {
  await using home = await makeHome();
  await askWith(home, [], 'two hours', { BASH_MAX_TIMEOUT_MS: '7200000' });
  const { body } = api.messages().find(({ prompt }) => prompt === 'two hours') ?? {};
  const bash = (body as { tools: { name: string }[] }).tools.find(({ name }) => name === 'Bash');
  expect(JSON.stringify(bash)).toContain('7200000');
});

describe.concurrent('a JSON schema', () => {
  it('that the answer matches gives a structured output', async () => {
    await using home = await makeHome();
    const { result } = await askWith(home, ['--json-schema', SCHEMA], 'a name');
    expect(result.structured_output).toEqual({ name: 'a name', count: 1 });
    expect(JSON.parse(result.result ?? '')).toEqual(result.structured_output);
  });

  it('that the answer does not match is a success without a structured output', async () => {
    await using home = await makeHome();
    const { result, code } = await askWith(home, ['--json-schema', SCHEMA], '[[structured:none]] prose');
    expect(result).toMatchObject({ subtype: 'success', is_error: false, result: 'echo: prose' });
    expect(result).not.toHaveProperty('structured_output');
    expect(code).toBe(0);
  });
});

describe.concurrent('an invalid argument is reported only on stderr', () => {
  it.each([
    ['an unknown flag', ['--no-such-flag'], 'unknown option'],
    ['an invalid schema', ['--json-schema', '{"type":"nonsense"}'], 'not a valid JSON Schema'],
    ['a schema that is not JSON', ['--json-schema', '{'], 'json-schema'],
  ])('%s', async (_, args, words) => {
    await using home = await makeHome();
    const { events, stderr, code } = await askWith(home, args, 'hello');
    expect(events).toEqual([]);
    expect(stderr).toContain(words);
    expect(code).toBe(1);
  });
});

describe.concurrent('a tool', () => {
  it('that is denied does not fail the run and appears only in permission_denials', async () => {
    await using home = await makeHome();
    const { result, code } = await askWith(home, ['--permission-mode', 'dontAsk'], '[[bash:touch refused]] go');
    expect(result).toMatchObject({ subtype: 'success', is_error: false });
    expect(result.permission_denials).toMatchObject([{ tool_name: 'Bash', tool_input: { command: 'touch refused' } }]);
    expect(code).toBe(0);
  });

  it('that is allowed by name runs in the mode without permission prompts', async () => {
    await using home = await makeHome();
    const args = ['--permission-mode', 'dontAsk', '--allowedTools', 'Bash(touch:*)'];
    const { result } = await askWith(home, args, '[[bash:touch allowed]] go');
    expect(result.permission_denials).toEqual([]);
  });
});
