import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { Claude } from '../support/claude.ts';
import { makeHome, type Home } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const options = (home: Home, ...args: string[]) => ({
  home,
  args,
  env: { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test' },
});
const sentWith = (prompt: string) =>
  JSON.stringify(api.messages().find((request) => request.prompt === prompt)?.body ?? '');

describe.concurrent('a session id', () => {
  it('that is given at the start identifies the session, which can be resumed with it', async () => {
    await using home = await makeHome();
    const id = randomUUID();
    const first = await ask('remember the heron', options(home, '--session-id', id));
    expect(first.result.session_id).toBe(id);
    const second = await ask('which bird', options(home, '--resume', id));
    expect(second.result).toMatchObject({ session_id: id, result: 'echo: which bird' });
    expect(sentWith('which bird')).toContain('remember the heron');
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('resumes a session that %s ended in the middle', async (signal) => {
    await using home = await makeHome();
    const id = randomUUID();
    {
      await using claude = new Claude(options(home, '--session-id', id, '--include-partial-messages'));
      claude.send(`[[slow:200]] before ${signal} it says a few words`);
      await claude.event(({ event }) => event?.delta?.text !== undefined);
      claude.kill(signal);
      await claude.exited;
    }
    const { result } = await ask(`after ${signal}`, options(home, '--resume', id));
    expect(result).toMatchObject({ session_id: id, result: `echo: after ${signal}` });
    expect(sentWith(`after ${signal}`)).toContain(`before ${signal}`);
  });

  it('resumes a session from another working directory', async () => {
    await using home = await makeHome();
    const id = randomUUID();
    await ask('begin here', options(home, '--session-id', id));
    const elsewhere = join(home.path, 'elsewhere');
    await mkdir(elsewhere);
    const { result } = await ask('go on there', { ...options(home, '--resume', id), cwd: elsewhere });
    expect(result.session_id).toBe(id);
  });

  it('that is already in use is refused on stderr', async () => {
    await using home = await makeHome();
    const id = randomUUID();
    await ask('take the id', options(home, '--session-id', id));
    const { events, stderr, code } = await ask('take it again', options(home, '--session-id', id));
    expect(events).toEqual([]);
    expect(stderr).toContain('already in use');
    expect(code).toBe(1);
  });

  it('that is unknown cannot be resumed, and a result reports it before any prompt', async () => {
    await using home = await makeHome();
    await using claude = new Claude(options(home, '--resume', randomUUID()));
    const result = await claude.result();
    expect(result).toMatchObject({ is_error: true, errors: [expect.stringContaining('No conversation found')] });
    expect((await claude.exited).code).toBe(1);
  });
});
