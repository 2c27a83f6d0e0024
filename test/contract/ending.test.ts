import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { AS_ROOT, BYPASS, Claude } from '../support/claude.ts';
import { textOf } from '../support/claude-event.ts';
import { makeHome, type Home } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const WORDS = 'one two three four five six seven eight nine ten';
const PARTIAL = ['--include-partial-messages'];

const start = (home: Home, args: string[] = [], env = {}) =>
  new Claude({ home, args, env: { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test', ...env } });
const asked = (prompt: string) =>
  vi.waitFor(() => expect(api.messages().map((request) => request.prompt)).toContain(prompt), { timeout: 20_000 });
const firstDelta = (claude: Claude) => claude.event(({ event }) => event?.delta?.text !== undefined);

const INTERRUPTED = { subtype: 'error_during_execution', is_error: true };

describe.concurrent('an interrupt over the control channel yields a result without a text', () => {
  it('while the answer streams, and keeps the part that has arrived', async () => {
    await using home = await makeHome();
    await using claude = start(home, PARTIAL);
    claude.send(`[[slow:200]] ${WORDS}`);
    await firstDelta(claude);
    claude.interrupt();
    const result = await claude.result();
    expect(result).toMatchObject({ ...INTERRUPTED, terminal_reason: 'aborted_streaming' });
    expect(result.result).toBeUndefined();
    const aborted = claude.events.filter((event) => event.aborted).map(textOf);
    expect(aborted).toEqual([expect.stringMatching(/^echo: /)]);
    claude.closeStdin();
    expect((await claude.exited).code).toBe(1);
  });

  it('while a tool runs', async () => {
    await using home = await makeHome();
    await using claude = start(home, BYPASS, AS_ROOT);
    claude.send('[[bash:tail -f /dev/null]] run a tool');
    await claude.event((event) => event.type === 'assistant');
    claude.interrupt();
    expect(await claude.result()).toMatchObject({ ...INTERRUPTED, terminal_reason: 'aborted_tools' });
  });

  it('while the API does not respond', async () => {
    await using home = await makeHome();
    await using claude = start(home);
    const prompt = '[[hang]] interrupt me';
    claude.send(prompt);
    await asked(prompt);
    claude.interrupt();
    expect(await claude.result()).toMatchObject(INTERRUPTED);
  });

  it('while it waits for a retry', async () => {
    await using home = await makeHome();
    await using claude = start(home, [], { CLAUDE_CODE_MAX_RETRIES: '10' });
    claude.send('[[fail:overloaded]] interrupt me');
    await claude.event(({ subtype }) => subtype === 'api_retry');
    claude.interrupt();
    expect(await claude.result()).toMatchObject(INTERRUPTED);
  });
});

describe.concurrent('a signal', () => {
  it('SIGINT ends it with exit code 0, with or without a result', async () => {
    await using home = await makeHome();
    await using claude = start(home);
    const prompt = '[[hang]] SIGINT';
    claude.send(prompt);
    await asked(prompt);
    claude.kill('SIGINT');
    expect(await claude.exited).toMatchObject({ code: 0, signal: null });
  });

  it('SIGTERM ends it with exit code 143, without a result', async () => {
    await using home = await makeHome();
    await using claude = start(home, PARTIAL);
    claude.send(`[[slow:200]] SIGTERM ${WORDS}`);
    await firstDelta(claude);
    claude.kill('SIGTERM');
    expect(await claude.exited).toMatchObject({ code: 143, signal: null });
    expect(claude.events.filter(({ type }) => type === 'result')).toEqual([]);
  });
});

describe.concurrent('closed stdin', () => {
  it('after a result lets it reject an unknown control request, and exit with 0', async () => {
    await using home = await makeHome();
    await using claude = start(home);
    claude.send('a last question');
    await claude.result();
    claude.control('ping');
    claude.closeStdin();
    const answer = await claude.event(({ type }) => type === 'control_response');
    expect(answer).toMatchObject({ response: { subtype: 'error', request_id: 'ping-1' } });
    expect(await claude.exited).toMatchObject({ code: 0, signal: null });
  });

  it('ends a process that waits for its prompt', async () => {
    await using home = await makeHome();
    await using claude = start(home);
    claude.closeStdin();
    expect(await claude.exited).toEqual({ code: 0, signal: null, stderr: '' });
    expect(claude.events).toEqual([]);
  });

  it('lets a started turn finish with its result', async () => {
    await using home = await makeHome();
    await using claude = start(home, PARTIAL);
    claude.send('[[slow:50]] go on to the end');
    await firstDelta(claude);
    claude.closeStdin();
    expect(await claude.exited).toMatchObject({ code: 0 });
    expect(await claude.result()).toMatchObject({ is_error: false, result: 'echo: go on to the end' });
  });
});
