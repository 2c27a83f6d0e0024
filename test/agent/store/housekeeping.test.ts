import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Contents } from '../../../agent/files/contents.ts';
import { FileStore } from '../../../agent/files/file-store.ts';
import { storeAsked } from '../../../agent/http/request/request-files.ts';
import { NO_OUTPUT } from '../../../agent/store/run.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { Agent, until } from '../../support/agent.ts';

const HEADER = 100;
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const UNLIMITED = { days: 3650, count: 1_000_000, megabytes: 100_000 };

async function stored(store: FileStore, name: string) {
  const { sha256, bytes, release } = await store.receive(Readable.from([Buffer.from(name)]), name);
  return { file: { name, sha256, bytes, type: 'text/plain' }, release };
}

describe('records of runs', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'store-'));
    file = path.join(folder, 'runs.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Creates ended runs, with a kibibyte of output each by default, and one that waits. */
  function fill(count: number, outputChars = 1024) {
    const store = openStore(file);
    const request = { prompt: 'x', timeoutMs: 1000, workdir: '/', options: {}, labels: {} };
    const waiting = store.accept(request, 'session');
    const ended = Array.from({ length: count }, (_, i) => {
      const run = store.accept(request, 'session', { idempotency: { key: `k${i}`, requestHash: 'h' } });
      const output = 'x'.repeat(outputChars);
      return store.end(store.begin(run), { outcome: 'succeeded', output, permissionDenials: [], warnings: [] });
    });
    return { store, waiting, ended };
  }

  it('beyond the count are removed, oldest first, with their keys, but never a run that has not ended', async () => {
    const { store, waiting, ended } = fill(10);
    expect(await store.prune({ ...UNLIMITED, count: 3 })).toBe(7);
    expect(store.list({ limit: 100 }).runs.map(({ id }) => id)).toEqual([
      ...ended
        .slice(-3)
        .map(({ id }) => id)
        .reverse(),
      waiting.id,
    ]);
    expect(store.findByKey({ key: 'k0', requestHash: 'h' })).toBeUndefined();
    expect(store.findByKey({ key: 'k9', requestHash: 'h' })?.id).toBe(ended[9]?.id);
    store[Symbol.dispose]();
  });

  it('beyond the age are removed', async () => {
    const { store } = fill(3);
    expect(await store.prune(UNLIMITED)).toBe(0);
    expect(await store.prune({ ...UNLIMITED, days: -1 })).toBe(3);
    store[Symbol.dispose]();
  });

  it('stay while their callback is not delivered, unless the file is too large; then the callback is removed too', async () => {
    const { store } = fill(3);
    const request = { prompt: 'x', timeoutMs: 1000, workdir: '/', options: {}, labels: {}, callbackUrl: 'http://h/' };
    const result = { outcome: 'succeeded', output: '', permissionDenials: [], warnings: [] } as const;
    const [pending, delivered] = [0, 1].map(() => store.end(store.begin(store.accept(request, 'a-session')), result));
    store.callbacks.update(delivered?.id ?? '', { host: 'h', state: 'delivered', attempts: 1 });
    expect(await store.prune({ ...UNLIMITED, days: -1, count: 1 })).toBe(4);
    expect(store.find(pending?.id ?? '')?.callback?.state).toBe('pending');
    expect(store.callbacks.pending).toBe(1);
    await store.prune({ ...UNLIMITED, megabytes: 0 });
    expect(store.find(pending?.id ?? '')).toBeUndefined();
    expect(store.callbacks.pending).toBe(0);
    store[Symbol.dispose]();
  });

  it('beyond the size are removed, and the file shrinks', async () => {
    const { store } = fill(200, 200_000);
    expect(await store.prune({ ...UNLIMITED, megabytes: 10 })).toBeGreaterThan(0);
    expect(statSync(file).size).toBeLessThanOrEqual(10 * 1_048_576);
    expect(store.list({ limit: 100 }).runs.length).toBeGreaterThan(10);
    store[Symbol.dispose]();
  });

  it('leave an upload that expires while another file of the same request is stored', async () => {
    using store = openStore(file);
    const contents = new Contents(path.join(folder, 'files'), 1_048_576);
    const sizes = { fileBytes: 1000, runBytes: 1000 };
    const fileStore = new FileStore({ contents, records: store.files, sizes, log: SILENT });
    const facts = { type: 'text/plain', bytes: 3, inline: false, expected: undefined };
    const upload = { name: 'upload', type: 'text/plain', caller: 'operator' };
    const { sha256 } = await fileStore.upload(Readable.from([Buffer.from('old')]), upload);
    const asked = [
      { ...facts, name: 'new', source: { content: Buffer.from('new') } },
      { ...facts, name: 'old', source: { sha256 } },
    ];
    const storing = storeAsked(asked, fileStore);
    store.files.removeUploads('3000');
    await fileStore.prune();
    const { files, release } = await storing;
    expect(files.map((each) => fileStore.pathOf(each) !== undefined)).toEqual([true, true]);
    release();
    expect(contents.count).toBe(0);
  });

  it.each([{ days: -1 }, { count: 1 }, { megabytes: 0 }])('take their files with them: over %j', async (limit) => {
    const { store } = fill(0);
    const files = path.join(folder, 'files');
    const contents = new Contents(files, 1_048_576);
    const sizes = { fileBytes: 1000, runBytes: 1000 };
    const fileStore = new FileStore({ contents, records: store.files, sizes, log: SILENT });
    const runWith = async (given: string, left: string) => {
      const [input, output] = await Promise.all([given, left].map((name) => stored(fileStore, name)));
      if (!input || !output) throw new Error('nothing is stored');
      const own = [{ ...input.file, inline: false }];
      const request = { prompt: 'x', timeoutMs: 1000, workdir: '/', options: {}, labels: {}, files: own };
      const run = store.accept(request, 'session');
      store.end(store.begin(run), { ...NO_OUTPUT, outcome: 'succeeded', files: [output.file] });
      for (const { release } of [input, output]) release();
    };
    await runWith('given', 'left');
    await runWith('given later', 'left later');
    expect([await fileStore.prune(), readdirSync(files).length]).toEqual([0, 4]);
    const removed = await store.prune({ ...UNLIMITED, ...limit });
    expect([await fileStore.prune(), readdirSync(files).length]).toEqual([removed * 2, 4 - removed * 2]);
    expect(removed).toBeGreaterThan(0);
    store[Symbol.dispose]();
  });

  it('are removed in steps that do not block other work', async () => {
    const { store } = fill(300, 100_000);
    let isOver = false;
    const pruning = store.prune({ ...UNLIMITED, count: 10 }).finally(() => (isOver = true));
    let turns = 0;
    for (; !isOver; turns += 1) await setImmediate();
    expect(await pruning).toBe(290);
    expect(turns).toBeGreaterThan(290 / 10);
    store[Symbol.dispose]();
  });

  it('can be closed while some are being removed', async () => {
    const { store } = fill(50);
    const pruning = store.prune({ ...UNLIMITED, count: 1 });
    store[Symbol.dispose]();
    expect(await pruning).toBeLessThan(50);
  });
});

describe('the content of a record', () => {
  let agent: Agent;
  afterEach(() => agent[Symbol.asyncDispose]());

  /** Changes the file while no agent has it open. */
  function change(sql: string, ...values: string[]): void {
    const db = new DatabaseSync(path.join(agent.stateDir, 'runs.db'));
    db.prepare(sql).run(...values);
    db.close();
  }

  it('may be nested too deep for SQLite, as with an earlier version, without hiding others from the list', async () => {
    agent = await Agent.start({ checksAnswers: false });
    const { runId } = await agent.run('deep');
    await agent.run('flat');
    await agent.end('SIGTERM');
    const nested = '{"a":'.repeat(1500) + '1' + '}'.repeat(1500);
    const result = `{"outcome":"succeeded","output":"","permissionDenials":[],"warnings":[],"structuredOutput":${nested}}`;
    change('UPDATE runs SET result = ? WHERE id = ?', result, runId);
    await agent.start();
    const { runs } = (await (await agent.fetch('/runs')).json()) as { runs: { id: string; outcome: string }[] };
    expect(runs.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
    expect((await agent.fetch(`/runs/${runId}`)).status).toBe(200);
    expect(await (await agent.fetch('/', { headers: { Cookie: '' } })).text()).toContain('html');
  });

  it('may be unreadable for a waiting run: that run fails, and the others continue', async () => {
    agent = await Agent.start({ prompts: { hang: [{ do: 'hang' }] } });
    const ids: string[] = [];
    for (const prompt of ['hang', 'unreadable', 'fine']) {
      const body = JSON.stringify({ prompt });
      const headers = { 'Content-Type': 'application/json' };
      ids.push(((await (await agent.fetch('/runs', { method: 'POST', body, headers })).json()) as { id: string }).id);
    }
    await agent.end('SIGKILL');
    change('UPDATE runs SET request = ? WHERE id = ?', '{"options":', ids[1] ?? '');
    await agent.start();
    const outcomes = () =>
      Promise.all(
        ids.map(async (id) => ((await (await agent.fetch(`/runs/${id}`)).json()) as { outcome?: string }).outcome),
      );
    await until(async () => !(await outcomes()).includes(undefined), 'all ended');
    expect(await outcomes()).toEqual(['interrupted', 'failed', 'succeeded']);
    expect(agent.claude.begun()).toEqual(['hang', 'fine']);
    expect(agent.lines.some((line) => line.includes('"level":"error"') && line.includes(ids[1] ?? ''))).toBe(true);
  });

  it('is readable by its owner only, and deleted data is in no file a moment later', async () => {
    const secret = `forget-this-${'x'.repeat(5000)}`;
    agent = await Agent.start({ prompts: { [secret]: [{ do: 'result', text: 'done' }] } });
    await agent.run(secret);
    const files = () => readdirSync(agent.stateDir).filter((name) => name.startsWith('runs.db'));
    for (const name of files()) expect(statSync(path.join(agent.stateDir, name)).mode & 0o077, name).toBe(0);
    const holds = (name: string) => readFileSync(path.join(agent.stateDir, name)).includes('forget-this');
    await until(() => !files().some(holds), 'forgotten');
  });
});

describe('a damaged file of records', () => {
  let agent: Agent;
  afterEach(() => agent[Symbol.asyncDispose]());

  it.each([
    ['is not a database', () => Buffer.from('this is no database, and never was one'.repeat(200))],
    [
      'is damaged in the middle',
      (content: Buffer) => Buffer.concat([content.subarray(0, 4096), content.subarray(4096).fill(7)]),
    ],
  ])('that %s is moved aside with a clear log, and a new one is created', async (_, damage) => {
    agent = await Agent.start();
    await agent.run('before');
    await agent.end('SIGTERM');
    const file = path.join(agent.stateDir, 'runs.db');
    const damaged = damage(readFileSync(file));
    writeFileSync(file, damaged);
    await agent.start();
    expect((await agent.run('after')).success).toBe(true);
    const aside = readdirSync(agent.stateDir).find((name) => name.startsWith('runs.db.damaged-')) ?? '';
    // SQLite counts changes in the header, even on closing a file it has only read.
    const kept = readFileSync(path.join(agent.stateDir, aside));
    expect(kept.subarray(HEADER).equals(damaged.subarray(HEADER))).toBe(true);
    expect(agent.lines.some((line) => line.includes('"level":"error"') && line.includes(aside))).toBe(true);
  });

  it.each(['a frame in the middle', 'the last frame', 'the header'])(
    'whose write-ahead log is damaged in %s is reported, a copy is kept, and no run is started again',
    async (place) => {
      agent = await Agent.start({ prompts: { hang: [{ do: 'hang' }] } });
      const send = (prompt: string) =>
        agent.fetch('/runs', {
          method: 'POST',
          body: JSON.stringify({ prompt }),
          headers: { 'Content-Type': 'application/json' },
        });
      await send('hang');
      for (const prompt of ['one', 'two', 'three']) await send(prompt);
      await agent.end('SIGKILL');
      const wal = path.join(agent.stateDir, 'runs.db-wal');
      const content = readFileSync(wal);
      const frames = (content.length - 32) / 4120;
      const at = {
        'a frame in the middle': Math.floor(frames / 2),
        'the last frame': frames - 1,
        'the header': undefined,
      }[place];
      const offset = at === undefined ? 12 : 32 + at * 4120 + 2000;
      content.writeUInt8(content.readUInt8(offset) ^ 0xff, offset);
      writeFileSync(wal, content);

      await agent.start();
      expect(
        agent.lines.some((line) => line.includes('"level":"error"') && line.includes('are damaged and lost')),
      ).toBe(true);
      const asides = readdirSync(agent.stateDir).filter((name) => name.includes('.damaged-'));
      expect(asides.map((name) => path.extname(name.replace(/\.damaged-[^-]*-\d\d-[^-]*/, '')))).toContain('.db-wal');
      expect((await agent.run('after')).success).toBe(true);
      expect(agent.claude.begun()).toEqual(['hang', 'after']);
    },
  );

  it('whose write-ahead log was intact after a kill continues with the waiting runs', async () => {
    agent = await Agent.start({ prompts: { hang: [{ do: 'hang' }] } });
    void agent.post({ prompt: 'hang' }).catch(() => undefined);
    await until(() => agent.claude.begun().length === 1);
    void agent.post({ prompt: 'waits' }).catch(() => undefined);
    await until(async () => (await agent.health()).queued === 1);
    await agent.crash();
    await until(() => agent.claude.begun().includes('waits'));
    expect(agent.lines.some((line) => line.includes('damaged'))).toBe(false);
  });
});
