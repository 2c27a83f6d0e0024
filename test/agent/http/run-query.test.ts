import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FieldError } from '../../../agent/http/api/problem.ts';
import type { RunPage } from '../../../agent/http/api/run.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { Agent } from '../../support/agent.ts';

let agent: Agent;
const ids: Record<string, string> = {};

/** Writes runs like an earlier agent, which accepted labels and schemas of any shape. */
function recordRuns(): void {
  let deep: Record<string, unknown> = { type: 'string' };
  for (let levels = 0; levels < 1500; levels += 1) deep = { properties: { a: deep } };
  const runs = {
    'a:b': { labels: { a: 'b' } },
    both: { labels: { a: 'b', c: 'd' } },
    'a colon': { labels: { a: 'b:c', c: 'd' } },
    'a number': { labels: { n: 1 } },
    'an object': { labels: { a: { b: 'b' } } },
    strange: { labels: { 'we"ird.$[0]': 'é\0', "'": '"' } },
    'a lane': { labels: {}, lane: 'customer "7"' },
    'a lane that is a number': { labels: {}, lane: 7 as unknown as string },
    'a deep schema': { labels: { a: 'b' }, options: { outputSchema: deep } },
  };
  using store = openStore(path.join(agent.stateDir, 'runs.db'));
  for (const [name, { labels, ...rest }] of Object.entries(runs)) {
    const request = { prompt: 'x', timeoutMs: 1, workdir: agent.workspaceDir, options: {}, ...rest };
    const run = store.accept({ ...request, labels: labels as unknown as Record<string, string> }, crypto.randomUUID());
    store.end(run, { outcome: 'failed', output: '', permissionDenials: [], warnings: [] });
    ids[run.id] = name;
  }
}

beforeAll(async () => {
  // Records of earlier agents do not match the document.
  agent = new Agent({ checksAnswers: false });
  mkdirSync(agent.stateDir);
  recordRuns();
  await agent.start();
});
afterAll(() => agent[Symbol.asyncDispose]());

const list = async (query: string) => {
  const response = await agent.fetch(`/runs?${query}`);
  expect(response.status).toBe(200);
  return ((await response.json()) as RunPage).runs.map(({ id }) => ids[id]).sort();
};
const refusal = async (query: string) => {
  const response = await agent.fetch(`/runs?${query}`);
  expect(response.status).toBe(400);
  return ((await response.json()) as { errors: FieldError[] }).errors;
};

describe('GET /runs lists the runs that have', () => {
  it.each([
    ['one label', 'label=c:d', ['a colon', 'both']],
    ['every label that is given', 'label=a:b&label=c:d', ['both']],
    ['nothing, where a name is to have two values', 'label=a:b&label=a:c', []],
    ['a colon in the value', 'label=a:b:c', ['a colon']],
    ['a text, not a number', 'label=n:1', []],
    ['quotes, dots and a NUL', `label=${encodeURIComponent('we"ird.$[0]:é\0')}&label=':%22`, ['strange']],
  ])('%s', async (_, query, names) => {
    expect(await list(query)).toEqual(names);
  });

  it.each([
    ['customer "7"', ['a lane']],
    ['customer', []],
    ['7', []],
  ])('the lane %s, and no similar one', async (lane, names) => {
    expect(await list(`lane=${encodeURIComponent(lane)}`)).toEqual(names);
  });

  it('a label, although some records are not JSON for SQLite', async () => {
    expect(await list('label=a:b')).toEqual(['a:b', 'both']);
  });
});

describe('GET /runs refuses a query with', () => {
  it('an unknown parameter, and lists the known ones with a suggestion', async () => {
    const [wrong, stranger] = await refusal('lable=a:b&colour=red');
    expect(wrong).toEqual({
      field: 'lable',
      message:
        '`lable` is not a parameter. Available: `limit`, `cursor`, `state`, `outcome`, `label`, `lane`, `caller`, `since`, `until`. Did you mean `label`?',
    });
    expect(stranger?.message).toMatch(/`until`\.$/);
  });

  it('an invalid label among valid ones', async () => {
    expect(await refusal('label=a:b&label=report')).toEqual([
      { field: 'label', message: '`label` must be NAME:VALUE, such as workflow:report; it is the string "report".' },
    ]);
  });

  it('too many labels', async () => {
    expect(await refusal('label=a:b&'.repeat(21))).toEqual([
      { field: 'label', message: '`label` must be given at most 20 times.' },
    ]);
  });

  it('a parameter that is repeated but may not be', async () => {
    expect(await refusal('limit=1&limit=2')).toEqual([{ field: 'limit', message: '`limit` may be given only once.' }]);
  });

  it('very many unknown parameters, and lists a few of them', async () => {
    const many = Array.from({ length: 1500 }, (_, i) => `x${i}=1`).join('&');
    expect(await refusal(many)).toHaveLength(10);
  });

  it.each([
    '__proto__=1',
    'label=__proto__',
    'since=2026-02-30T00:00:00Z',
    'limit=%00',
    'lane=',
    'lane=a%0Ab',
    'cursor=1e3',
    'label=%',
  ])('%s', async (query) => {
    expect(await refusal(query)).toHaveLength(1);
  });
});
