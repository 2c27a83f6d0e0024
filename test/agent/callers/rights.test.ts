import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations, type OperationId } from '../../../agent/http/api/operations.ts';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';

const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
const hashes = (...tokens: string[]) => tokens.map(sha256);

/** The token of each caller, by its name. */
const TOKENS = {
  mine: 'token-mine',
  other: 'token-other',
  reader: 'token-reader',
  both: 'token-both',
  chief: 'token-chief',
};
const CALLERS = [
  { name: 'mine', sha256: hashes('token-mine-old', TOKENS.mine), may: ['run'], labels: { team: 'mine' } },
  { name: 'other', sha256: hashes(TOKENS.other), may: ['run'] },
  { name: 'reader', sha256: hashes(TOKENS.reader), may: ['read'] },
  { name: 'both', sha256: hashes(TOKENS.both), may: ['run', 'read'] },
  { name: 'chief', sha256: [sha256(TOKENS.chief).toUpperCase()], may: ['admin'] },
];
type Name = keyof typeof TOKENS;
type Statuses = Partial<Record<Name, number>>;
const everybody = (status: number): Statuses => ({ mine: status, reader: status, both: status, chief: status });
const only =
  (...may: Name[]) =>
  (status: number): Statuses => ({
    ...everybody(403),
    ...Object.fromEntries(may.map((name) => [name, status])),
  });
const [runs, reads, admin] = [only('mine', 'both', 'chief'), only('reader', 'both', 'chief'), only('chief')];
const seen = {
  own: { mine: 200, both: 200, chief: 200 },
  foreign: { mine: 404, reader: 200, both: 200, chief: 200 },
};

/** The status that each caller gets: of a run of its own, and of one of another. */
const EXPECTED: Record<OperationId, { any: Statuses } | { own: Statuses; foreign: Statuses }> = {
  run: { any: runs(200) },
  createRun: { any: runs(202) },
  listRuns: { any: everybody(200) },
  getRun: seen,
  watchRun: seen,
  // Without a name it is refused once the right is known.
  uploadFile: { any: runs(400) },
  getRunFile: seen,
  getTranscript: seen,
  listBudgets: { any: everybody(200) },
  mcp: { any: everybody(200) },
  cancelRun: { own: seen.own, foreign: { mine: 404, reader: 403, both: 403, chief: 200 } },
  // The runs wait for no decision; what is not allowed is refused before that is known.
  decide: {
    own: { mine: 404, both: 404, chief: 404 },
    foreign: { mine: 404, reader: 403, both: 403, chief: 404 },
  },
  checkGit: { any: admin(200) },
  checkLogin: { any: admin(200) },
  startLogin: { any: admin(201) },
  completeLogin: { any: admin(404) },
  cancelLogin: { any: admin(404) },
  pause: { any: admin(200) },
  resume: { any: admin(200) },
  health: { any: everybody(200) },
  ready: { any: everybody(200) },
  metrics: { any: reads(200) },
  openapi: { any: everybody(200) },
};

describe('callers', () => {
  let agent: Agent;
  /** A run of each that may run. */
  const ended: Partial<Record<Name, string>> = {};
  beforeAll(async () => {
    agent = await Agent.start({
      prompts: {
        x: [
          { do: 'shell', command: 'printf left > "$CLAUDE_RUN_OUT/left.txt"' },
          { do: 'result', text: 'done' },
        ],
      },
      env: { AGENT_CALLERS: JSON.stringify(CALLERS), AGENT_EARLIER_TOKEN_SHA256: sha256('token-before') },
    });
    for (const name of ['mine', 'other', 'both', 'chief'] as const) ended[name] = (await run(TOKENS[name])).runId;
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  const as = (token: string, route: string, init: Parameters<Agent['fetch']>[1] = {}) =>
    agent.fetch(route, { ...init, headers: { Authorization: `Bearer ${token}`, ...init.headers } });
  const post = (token: string, route: string, body: object, headers = {}) =>
    as(token, route, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', ...headers },
    });
  const json = async <T = RunResource>(response: Response | Promise<Response>) => (await (await response).json()) as T;
  const run = async (token: string, fields: object = {}, headers = {}) =>
    await json<{ runId: string; sessionId: string }>(post(token, '/run', { prompt: 'x', ...fields }, headers));
  const problem = async (response: Response) => ({
    status: response.status,
    ...(await json<{ type: string; detail: string }>(response)),
  });

  it.each(operations)('have the rights of %s, and see only what they may', async (id, { method, path, body }) => {
    const found: Record<string, Record<string, number>> = {};
    for (const [of, statuses] of Object.entries(EXPECTED[id])) {
      for (const name of Object.keys(statuses) as Name[]) {
        const run = of === 'own' ? name : 'other';
        const route = path
          .replace('{id}', of === 'any' ? 'none' : (ended[run] ?? ''))
          .replace('{decisionId}', 'none')
          .replace('{name}', 'left.txt');
        const response = await as(TOKENS[name], route, {
          method,
          ...(body && { body: JSON.stringify(body.example), headers: { 'Content-Type': 'application/json' } }),
        });
        await response.body?.cancel();
        (found[of] ??= {})[name] = response.status;
      }
    }
    await as(TOKENS.chief, '/resume', { method: 'POST' });
    expect(found).toEqual(EXPECTED[id]);
  });

  it('get the same answer for the run of another caller as for none', async () => {
    const { runId } = await run(TOKENS.other);
    const nowhere = '00000000-0000-4000-8000-000000000000';
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/events'],
    ] as const) {
      const foreign = await problem(await as(TOKENS.mine, `/runs/${runId}${rest}`, { method }));
      const none = await problem(await as(TOKENS.mine, `/runs/${nowhere}${rest}`, { method }));
      expect({ ...foreign, detail: '', error: '' }).toEqual({ ...none, detail: '', error: '' });
      expect(foreign.detail.replace(runId, '')).toBe(none.detail.replace(nowhere, ''));
    }
  });

  it('use only their own uploads', async () => {
    const upload = await as(TOKENS.other, '/files?name=a.txt', { method: 'PUT', body: 'x' });
    const files = [await json<object>(upload)];
    expect((await post(TOKENS.other, '/runs', { prompt: 'x', files })).status).toBe(202);
    const refused = await problem(await post(TOKENS.chief, '/runs', { prompt: 'x', files }));
    expect(refused).toMatchObject({ status: 400, detail: expect.stringContaining('names no file') as string });
  });

  it('learn which right is missing, and what to do', async () => {
    const refused = await problem(await as(TOKENS.mine, '/pause', { method: 'POST' }));
    expect(refused).toMatchObject({ status: 403, type: 'urn:claude-code-agent:problem:missing-right' });
    expect(refused.detail).toBe(
      'The caller mine may run, and POST /pause needs the right admin. Use the token of another caller, or add the right to this one: `may` in the config `callers`.',
    );
    expect((await as('unknown', '/runs')).status).toBe(401);
    expect((await as(TOKENS.mine, '/nowhere')).status).toBe(404);
  });

  it('list their own runs, or with the right to read those of all or of one', async () => {
    await run(TOKENS.mine);
    await run(TOKENS.other);
    await run(TOKEN);
    const of = async (token: string, query = '') => {
      const { runs } = await json<{ runs: RunResource[] }>(as(token, `/runs?limit=200${query}`));
      return [...new Set(runs.map(({ caller }) => caller))].sort();
    };
    expect(await of(TOKENS.mine)).toEqual(['mine']);
    expect(await of(TOKENS.mine, '&caller=mine')).toEqual(['mine']);
    expect(await of(TOKENS.reader, '&caller=other')).toEqual(['other']);
    expect(await of(TOKENS.reader, '&caller=operator')).toEqual(['operator']);
    expect(await of(TOKENS.reader)).toEqual(expect.arrayContaining(['mine', 'operator', 'other']));
    expect((await problem(await as(TOKENS.mine, '/runs?caller=other'))).detail).toContain(
      'needs the right read or admin',
    );
    expect((await as(TOKENS.reader, '/runs?caller=No_Name')).status).toBe(400);
  });

  it('have their labels on each of their runs, whatever the request says', async () => {
    const { runId } = await run(TOKENS.mine, { labels: { team: 'other', workflow: 'w' } });
    expect(await json(as(TOKENS.mine, `/runs/${runId}`))).toMatchObject({
      caller: 'mine',
      labels: { team: 'mine', workflow: 'w' },
    });
  });

  it('have idempotency keys of their own', async () => {
    const key = { 'Idempotency-Key': 'execution-1' };
    const ids = await Promise.all(
      [TOKEN, TOKENS.mine, TOKENS.other].map(async (token) => (await run(token, {}, key)).runId),
    );
    expect(new Set(ids).size).toBe(3);
    expect((await run(TOKENS.mine, {}, key)).runId).toBe(ids[1]);
    expect((await run(TOKEN, {}, key)).runId).toBe(ids[0]);
    const reused = await problem(await post(TOKENS.other, '/run', { prompt: 'another' }, key));
    expect(reused).toMatchObject({ status: 422, detail: expect.stringContaining('"execution-1"') as string });
  });

  it('do not continue the conversation of another caller, unless they may read it', async () => {
    const { sessionId } = await run(TOKENS.other);
    const refused = await problem(await post(TOKENS.mine, '/run', { prompt: 'x', sessionId }));
    expect(refused).toMatchObject({ status: 400, errors: [{ field: 'sessionId' }] });
    for (const token of [TOKENS.other, TOKENS.both, TOKEN]) {
      expect((await post(token, '/run', { prompt: 'x', sessionId })).status).toBe(200);
    }
  });

  it('are known by either of two tokens, and the metrics tell which is in use', async () => {
    const older = async () =>
      /claude_agent_caller_requests_total\{caller="mine",token="older"\} (\d+)/.exec(
        await (await as(TOKENS.reader, '/metrics')).text(),
      )?.[1];
    expect(await older()).toBe('0');
    const { runId } = await run('token-mine-old');
    expect(await older()).toBe('1');
    expect(await json(as(TOKENS.mine, `/runs/${runId}`))).toMatchObject({ caller: 'mine' });
    const metrics = await (await as(TOKENS.chief, '/metrics')).text();
    expect(metrics).toMatch(/claude_agent_caller_runs_total\{caller="mine",outcome="succeeded"\} [1-9]/);
    expect(metrics).toMatch(/claude_agent_caller_cost_usd_total\{caller="other"\} /);
  });

  it('include the operator, whose earlier token stays valid while it is rotated', async () => {
    const { runId } = await run('token-before');
    expect(await json(as(TOKEN, `/runs/${runId}`))).toMatchObject({ caller: 'operator' });
    expect((await as('token-before', '/resume', { method: 'POST' })).status).toBe(200);
  });

  it('are named in the log', async () => {
    const { runId } = await run(TOKENS.mine);
    const lines = () => agent.lines.filter((line) => line.includes('"caller":"mine"'));
    await until(() => lines().some((line) => line.includes(runId) && line.includes('run ended')));
    expect(lines().some((line) => line.includes(runId) && line.includes('run started'))).toBe(true);
    await until(() => lines().some((line) => line.includes('"path":"/run"')));
  });

  it('see the page without buttons, with all, or not at all', async () => {
    await run(TOKENS.mine);
    const page = async (token: string, fields: Record<string, string> = {}) => {
      const headers = { Authorization: `Bearer ${token}` };
      const response = await fetch(agent.url, { method: 'POST', headers, body: new URLSearchParams(fields) });
      return { status: response.status, text: await response.text() };
    };
    const buttons = ({ text }: { text: string }) =>
      [...text.matchAll(/name="action" value="([^"]+)"/g)]
        .map(([, action]) => action)
        .filter((each) => each !== 'show');
    const read = await page(TOKENS.reader);
    expect(read.status).toBe(200);
    expect(buttons(read)).toEqual([]);
    expect(read.text).toContain('Caller <bdi>mine</bdi>');
    expect(buttons(await page(TOKENS.chief))).toContain('pause');
    expect(buttons(await page(TOKEN))).toContain('pause');
    const filtered = await page(TOKENS.reader, { caller: 'mine' });
    expect(filtered.text).toContain('<option value="both">');
    const rows = filtered.text.split('id="ended-').slice(1);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toContain('Caller <bdi>mine</bdi>');
    const pressed = await page(TOKENS.reader, { action: 'pause' });
    expect(pressed).toMatchObject({ status: 403, text: expect.stringContaining('needs the right admin') as string });
    expect(await page(TOKENS.mine)).toMatchObject({
      status: 403,
      text: expect.stringContaining('needs the right read or admin') as string,
    });
    expect((await page('unknown')).status).toBe(401);
    expect((await agent.health()).paused).toBeUndefined();
  });

  it('download files of runs on the page that they see', async () => {
    const body = new URLSearchParams({ action: 'download', run: ended.other ?? '', file: 'left.txt', way: 'left' });
    const answers = Object.values(TOKENS).map(async (token) => {
      const headers = { Authorization: `Bearer ${token}` };
      const response = await fetch(agent.url, { method: 'POST', headers, body });
      return [response.status, (await response.text()) === 'left'];
    });
    const [no, yes] = [
      [403, false],
      [200, true],
    ];
    expect(await Promise.all(answers)).toEqual([no, no, yes, yes, yes]);
  });
});
