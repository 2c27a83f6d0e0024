import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { Claude } from '../support/claude.ts';
import { textOf } from '../support/claude-event.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const withKey = () => ({ ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test' });
const requestsFor = (prompt: string) => api.messages().filter((request) => request.prompt === prompt);

describe.concurrent('the CLI over stream-json', () => {
  it('prints nothing before the prompt', async () => {
    await using home = await makeHome();
    await using claude = new Claude({ home, env: withKey() });
    claude.interrupt();
    await claude.event(({ type }) => type === 'control_response');
    expect(claude.events.map(({ type }) => type)).toEqual(['control_response']);
  });

  it('accepts a prompt on stdin and answers with init, assistant and result', async () => {
    await using home = await makeHome();
    const { events, result, code, stderr } = await ask('hello', { home, env: withKey() });
    expect(events.map(({ type, subtype }) => subtype ?? type)).toEqual(['init', 'assistant', 'success']);
    expect(result).toMatchObject({
      is_error: false,
      result: 'echo: hello',
      num_turns: 1,
      terminal_reason: 'completed',
      permission_denials: [],
      total_cost_usd: expect.any(Number) as number,
      usage: { input_tokens: expect.any(Number) as number, output_tokens: expect.any(Number) as number },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('accepts a prompt of a hundred thousand characters', async () => {
    await using home = await makeHome();
    const long = 'word '.repeat(20_000).trim();
    const { result } = await ask(long, { home, env: withKey() });
    expect(result.result).toBe(`echo: ${long}`);
  });

  it('replays the prompt if requested', async () => {
    await using home = await makeHome();
    const { events } = await ask('mirror', { home, env: withKey(), args: ['--replay-user-messages'] });
    expect(events.filter(({ isReplay }) => isReplay).map(textOf)).toEqual(['mirror']);
  });

  it('streams partial text if requested', async () => {
    await using home = await makeHome();
    const { events } = await ask('one two three', { home, env: withKey(), args: ['--include-partial-messages'] });
    const partial = events.map(({ event }) => event?.delta?.text ?? '').join('');
    expect(partial).toBe('echo: one two three');
  });

  it('repeats a request without streaming if the stream breaks, and reports that the first text is discarded', async () => {
    await using home = await makeHome();
    const prompt = '[[truncate:2]][[slow:20]] one two three';
    const { events } = await ask(prompt, { home, env: withKey(), args: ['--include-partial-messages'] });
    expect(requestsFor(prompt)).toHaveLength(2);
    const abandoned = events.filter((event) => 'abandoned_blocks' in event);
    expect(abandoned).toHaveLength(1);
  });

  it('reports an empty answer as a success after one retry', async () => {
    await using home = await makeHome();
    const prompt = '[[empty]] say nothing';
    const { result, code } = await ask(prompt, { home, env: withKey() });
    expect(result).toMatchObject({ subtype: 'success', is_error: false, result: '' });
    expect(code).toBe(0);
    expect(requestsFor(prompt)).toHaveLength(2);
  });

  it('reports /clear as a success with an empty result, without a request to the API', async () => {
    await using home = await makeHome();
    const { result, code } = await ask('/clear', { home, env: withKey() });
    expect(result).toMatchObject({ subtype: 'success', is_error: false, result: '', num_turns: 0 });
    expect(code).toBe(0);
    expect(requestsFor('/clear')).toEqual([]);
  });
});
