import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConversationStore } from '../../../agent/conversations/store.ts';
import { Agent, until } from '../../support/agent.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ID = '0b3ef75a-4fd1-4ba3-9a6c-0d5c6a0a4c2e';

let folder: string;
let store: ConversationStore;
const at = (...parts: string[]) => path.join(folder, ...parts);
const write = (name: string, content: string, age = 0) => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
  const then = new Date(Date.now() - age);
  utimesSync(at(name), then, then);
};
const filesIn = (name: string) =>
  existsSync(at(name))
    ? readdirSync(at(name), { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => path.relative(at(name), path.join(entry.parentPath, entry.name)))
        .sort()
    : [];
const KEPT = `conversations/${ID}/${ID}.jsonl`;
const read = (name: string) => readFileSync(at(name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'conversations-'));
  store = new ConversationStore(folder, 1_000_000);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a conversation of the store', () => {
  it('goes to the folder of the working directory with all its files, and a process may change it there', async () => {
    write(KEPT, 'one\n');
    write(`conversations/${ID}/${ID}/subagents/agent-1.jsonl`, 'sub');
    expect(await store.put(ID, at('projects'), '/work/space.1')).toBe(true);
    expect(filesIn('projects')).toEqual([`-work-space-1/${ID}.jsonl`, `-work-space-1/${ID}/subagents/agent-1.jsonl`]);
    writeFileSync(at(`projects/-work-space-1/${ID}.jsonl`), 'two\n', { flag: 'a' });
    expect(read(KEPT)).toBe('one\n');
  });

  it('does not exist if nothing was ever saved, or only an empty transcript', async () => {
    expect(await store.put(ID, at('projects'), '/')).toBe(false);
    write(KEPT, '');
    expect(await store.put(ID, at('projects'), '/')).toBe(false);
    expect(filesIn('projects')).toEqual([]);
  });

  it('is copied back while a process works on it, and moved back at the end', async () => {
    write(`projects/-a/${ID}.jsonl`, 'one\n', 2000);
    await store.save(ID, at('projects'));
    expect(read(KEPT)).toBe('one\n');
    write(`projects/-a/${ID}.jsonl`, 'one\ntw', 1000);
    write(`projects/-a/${ID}/tool-results/r.txt`, 'long');
    await store.save(ID, at('projects'));
    expect([read(KEPT), read(`conversations/${ID}/${ID}/tool-results/r.txt`)]).toEqual(['one\ntw', 'long']);
    write(`projects/-a/${ID}.jsonl`, 'one\ntwo\n');
    await store.takeFrom(at('projects'), ID);
    expect(read(KEPT)).toBe('one\ntwo\n');
    expect([filesIn('projects'), filesIn('conversations/.new')]).toEqual([[], []]);
  });

  it('is the newest of all copies', async () => {
    const other = randomUUID();
    write(`projects/-a/${ID}.jsonl`, 'older', 3 * HOUR);
    write(`projects/-b/${ID}.jsonl`, 'newer', HOUR);
    write(`projects/-b/${other}.jsonl`, 'other');
    await store.takeFrom(at('projects'), ID);
    expect([read(KEPT), filesIn('projects')]).toEqual(['newer', [`-b/${other}.jsonl`]]);
    write(`projects/-b/${ID}.jsonl`, 'older again', 2 * HOUR);
    await store.takeFrom(at('projects'));
    expect([read(KEPT), read(`conversations/${other}/${other}.jsonl`)]).toEqual(['newer', 'other']);
    expect(filesIn('projects')).toEqual([]);
  });

  it('never comes from a link, a named pipe or a folder, and is no larger than the limit', async () => {
    write('secret', 'a secret');
    write(`elsewhere/${ID}.jsonl`, 'a secret');
    mkdirSync(at('projects/-a'), { recursive: true });
    symlinkSync(at('secret'), at(`projects/-a/${ID}.jsonl`));
    symlinkSync(at('elsewhere'), at('projects/-b'));
    mkdirSync(at(`projects/-c/${ID}.jsonl`), { recursive: true });
    mkdirSync(at('projects/-d'));
    execFileSync('mkfifo', [at(`projects/-d/${ID}.jsonl`)]);
    await store.save(ID, at('projects'));
    await store.takeFrom(at('projects'));
    expect(filesIn('conversations')).toEqual([]);

    write(`projects/-e/${ID}.jsonl`, 'small');
    mkdirSync(at(`projects/-e/${ID}`));
    symlinkSync(at('secret'), at(`projects/-e/${ID}/r.txt`));
    await store.save(ID, at('projects'));
    expect(filesIn('conversations')).toEqual([`${ID}/${ID}.jsonl`]);
    write(`projects/-e/${ID}.jsonl`, 'x'.repeat(1_000_001));
    await expect(store.save(ID, at('projects'))).rejects.toThrow('too large');
    expect(read(KEPT)).toBe('small');
  });

  it('loses the files that a killed agent had not copied completely', () => {
    write('conversations/.new/x', 'part');
    new ConversationStore(folder, 1);
    expect(filesIn('conversations')).toEqual([]);
  });
});

describe('an agent', () => {
  const leave = (project: string, id: string, age: number) => {
    mkdirSync(project, { recursive: true });
    const file = path.join(project, `${id}.jsonl`);
    writeFileSync(file, '{"type":"user"}\n');
    const then = new Date(Date.now() - age);
    utimesSync(file, then, then);
  };
  const writeSeed = (agent: Agent) => {
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    const login = { accessToken: 'a', refreshToken: 'r', expiresAt: Date.now() + HOUR };
    writeFileSync(path.join(seed, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
    agent.env['AGENT_SESSION_DIR'] = seed;
  };

  it("removes conversations in its own folder, and none of a person's", async () => {
    await using agent = new Agent();
    const [own, personal] = [path.join(agent.stateDir, 'claude'), path.join(agent.folder, 'home/.claude')];
    const [old, young] = [randomUUID(), randomUUID()];
    for (const project of [own, personal].map((dir) => path.join(dir, 'projects/-p'))) {
      leave(project, old, 31 * DAY);
      leave(project, young, DAY);
    }
    const left = (dir: string) => filesOf(dir).filter((name) => name.endsWith('.jsonl'));
    const filesOf = (dir: string) => (existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }) : []);
    const both = [old, young].map((id) => `projects/-p/${id}.jsonl`).sort();
    await agent.start();
    expect([left(own).sort(), left(personal).sort()]).toEqual([both, both]);
    await agent.end('SIGTERM');
    writeSeed(agent);
    await agent.start();
    await agent.end('SIGTERM');
    await agent.start();
    expect([left(own), left(personal).sort()]).toEqual([[], both]);
    expect(left(path.join(agent.stateDir, 'conversations'))).toEqual([`${young}/${young}.jsonl`]);
  });

  it('continues conversations of an earlier version, and those that someone began beside it', async () => {
    await using agent = new Agent();
    writeSeed(agent);
    const [earlier, beside] = [randomUUID(), randomUUID()];
    const projects = path.join(agent.stateDir, 'claude/projects/-p');
    leave(projects, earlier, DAY);
    await agent.start();
    expect(await agent.run('go on', { sessionId: earlier })).toMatchObject({ success: true, sessionId: earlier });
    leave(projects, beside, 0);
    expect(await agent.run('go on', { sessionId: beside })).toMatchObject({ success: true, sessionId: beside });
    await until(() => agent.isIdle());
    const store = path.join(agent.stateDir, 'conversations');
    for (const id of [earlier, beside])
      expect(readFileSync(path.join(store, id, `${id}.jsonl`), 'utf8')).toContain('go on');
    expect(
      readdirSync(path.join(agent.stateDir, 'claude/projects'), { recursive: true }).filter((name) =>
        String(name).endsWith('.jsonl'),
      ),
    ).toEqual([]);
  });

  it('takes conversations from the configuration folders of processes that were killed together with it', async () => {
    await using agent = new Agent({ prompts: { long: [{ do: 'hang' }] } });
    writeSeed(agent);
    Object.assign(agent.env, { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'key', AGENT_WARM_START: 'false' });
    await agent.start();
    const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"prompt":"long"}' };
    const { sessionId } = (await (await agent.fetch('/runs', post)).json()) as { sessionId: string };
    await until(() => agent.claude.begun().length === 1, 'it began');
    const folders = path.join(agent.stateDir, 'configurations');
    const [first = ''] = readdirSync(folders);
    const transcript = path.join(folders, first, 'projects/scripted', `${sessionId}.jsonl`);
    await until(() => existsSync(transcript), 'claude has saved it');
    await agent.crash();
    expect(readdirSync(folders)).toEqual([]);
    expect(await agent.run('go on', { sessionId })).toMatchObject({ success: true, sessionId });
  });

  it('starts no process for a conversation that does not exist', async () => {
    await using agent = new Agent({ env: { AGENT_WARM_START: 'false' } });
    await agent.start();
    const sessionId = randomUUID();
    expect(await agent.run('go on', { sessionId })).toMatchObject({
      outcome: 'failed',
      exitCode: 1,
      error: expect.stringMatching(`^No conversation found with session ID: ${sessionId}\\.`) as string,
    });
    expect(agent.claude.started()).toEqual([]);
  });
});

describe('a conversation that claude had not saved when it was killed', () => {
  /** An executable that reads its prompt, and then runs a command. */
  const scripted = (agent: Agent, command: string) => {
    const file = path.join(agent.folder, 'unsaved');
    writeFileSync(file, `#!/bin/sh\nread -r prompt\n${command}\n`, { mode: 0o755 });
    Object.assign(agent.env, { AGENT_CLAUDE_PATH: file, AGENT_WARM_START: 'false' });
  };
  const UNSAVED =
    'The run ended before claude had saved the conversation. It cannot be continued: leave out its sessionId.';

  it('cannot be continued: its run and the next one say so', async () => {
    await using agent = new Agent();
    scripted(agent, 'kill -9 $$');
    await agent.start();
    const killed = await agent.run('begin');
    expect(killed).toMatchObject({ outcome: 'failed', warnings: [UNSAVED] });
    const { error, outcome } = await agent.run('go on', { sessionId: killed.sessionId });
    expect(outcome).toBe('failed');
    expect(error).toContain(`No conversation found with session ID: ${killed.sessionId}.`);
  });

  it('is not offered to be resumed if the agent was killed, too', async () => {
    await using agent = new Agent();
    scripted(agent, `touch ${path.join(agent.folder, 'began')}; exec tail -f /dev/null`);
    await agent.start();
    const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"prompt":"begin"}' };
    const { id } = (await (await agent.fetch('/runs', post)).json()) as { id: string };
    await until(() => existsSync(path.join(agent.folder, 'began')), 'it began');
    await agent.crash();
    const run = (await (await agent.fetch(`/runs/${id}`)).json()) as { error: string };
    expect(run).toMatchObject({ outcome: 'interrupted', warnings: [UNSAVED, expect.stringContaining('left files')] });
    expect(run.error).toMatch(/Send it again\.$/);
  });
});
