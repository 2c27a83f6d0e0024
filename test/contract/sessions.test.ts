import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isUsedByClaude } from '../../agent/login/in-use.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { AS_ROOT, BYPASS, Claude } from '../support/claude.ts';
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
  env: { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test', ...AS_ROOT },
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

  it('that SIGKILL ended before the CLI saved it cannot be resumed', async () => {
    await using home = await makeHome();
    const transcript = async (id: string) =>
      (await readdir(join(home.path, '.claude/projects'), { recursive: true })).some((name) => name.includes(id));
    let id = '';
    // The CLI saves the prompt a tenth of a second after this event, so it is rarely too late.
    for (let attempt = 0; attempt < 10 && (id === '' || (await transcript(id))); attempt += 1) {
      id = randomUUID();
      await using claude = new Claude(options(home, '--session-id', id));
      claude.send('[[hang]] killed at once');
      await claude.event(({ type }) => type === 'system');
      claude.kill('SIGKILL');
      await claude.exited;
    }
    const { result } = await ask('after that', options(home, '--resume', id));
    expect(result).toMatchObject({ is_error: true, errors: [expect.stringContaining('No conversation found')] });
  });

  it('resumes a copy in a folder of any name, in a fresh configuration folder, even if its last line is torn', async () => {
    await using home = await makeHome();
    await using fresh = await makeHome();
    const id = randomUUID();
    await ask('remember the heron', options(home, '--session-id', id));
    const projects = join(home.path, '.claude/projects');
    const [project = ''] = await readdir(projects);
    const transcript = await readFile(join(projects, project, `${id}.jsonl`), 'utf8');
    const copy = join(fresh.path, '.claude/projects/any');
    await mkdir(copy, { recursive: true });
    await writeFile(join(copy, `${id}.jsonl`), transcript.slice(0, -20));
    const { result } = await ask('which bird again', options(fresh, '--resume', id));
    expect(result).toMatchObject({ session_id: id, is_error: false });
    expect(sentWith('which bird again')).toContain('remember the heron');
    expect(await readFile(join(copy, `${id}.jsonl`), 'utf8')).toContain('which bird again');
  });
});

describe.concurrent('a configuration folder', () => {
  it('has only files while a tool runs that the agent knows: it removes all others when a run ends', async () => {
    await using home = await makeHome();
    const config = join(home.path, '.claude');
    const command = `ls -A ${config} > ${join(home.path, 'listed')}`;
    const { result } = await ask(`[[bash:${command}]] list it`, options(home, ...BYPASS));
    expect(result).toMatchObject({ is_error: false });
    const names = (await readFile(join(home.path, 'listed'), 'utf8')).trim().split('\n');
    const known = ['projects', '.credentials.json', '.claude.json'];
    // Written when a process starts, and not read after that.
    const notNeeded = ['plugins'];
    expect(names.filter((name) => ![...known, ...notNeeded].includes(name) && !isUsedByClaude(name))).toEqual([]);
    expect(names).toContain('shell-snapshots');
  });
});
