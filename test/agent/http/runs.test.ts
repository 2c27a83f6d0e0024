import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunAnswer } from '../../../agent/http/api/run.ts';
import { result } from '../../doubles/claude/events.ts';
import { Agent, until } from '../../support/agent.ts';
import { assertComponent } from '../../support/openapi.ts';

/** Characters. */
const MUCH = 100_000;
const prompts = {
  slow: [
    { do: 'wait', ms: 500 },
    { do: 'result', text: 'slow' },
  ],
  hang: [{ do: 'stream', deltas: ['partial'], every: 1 }, { do: 'hang' }],
  streams: [
    { do: 'stream', deltas: ['one ', 'two ', 'three'], every: 100 },
    { do: 'result', text: 'one two three' },
  ],
  much: [
    { do: 'event', event: result({ result: 'x'.repeat(MUCH), structured_output: { text: 'y'.repeat(MUCH) } }) },
    { do: 'exit', code: 0 },
  ],
  refused: [{ do: 'refuse', kind: 'server_error', status: 529, text: 'overloaded' }],
} as const;

interface RunResource {
  readonly id: string;
  readonly state: string;
  readonly acceptedAt: string;
  readonly startedAt?: string;
  readonly outcome?: string;
  readonly output?: string;
  readonly exitCode?: number;
}

let agent: Agent;
const start = async () => {
  agent = await Agent.start({ prompts });
};
const stop = () => agent[Symbol.asyncDispose]();
/** Gives each test an agent of its own. */
const oneEach = () => {
  beforeEach(start);
  afterEach(stop);
};

const key = (value: string) => ({ headers: { 'Idempotency-Key': value } });
const json = { 'Content-Type': 'application/json' };

async function create(body: object, headers: Record<string, string> = {}): Promise<Response> {
  return agent.fetch('/runs', { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) });
}
async function get(id: string): Promise<RunResource> {
  return (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
}
async function created(body: object): Promise<string> {
  return ((await (await create(body)).json()) as RunResource).id;
}
async function ended(id: string): Promise<RunResource> {
  await until(async () => (await get(id)).state === 'ended', `${id} ended`);
  return get(id);
}
const list = async (query = '') =>
  (await (await agent.fetch(`/runs${query}`)).json()) as { runs: RunResource[]; next: string | null };

describe('/runs', () => {
  oneEach();

  it('accepts a run with 202 and a Location that returns its state', async () => {
    const response = await create({ prompt: 'slow', labels: { workflow: 'w' }, maxTurns: 2 });
    expect(response.status).toBe(202);
    const location = response.headers.get('Location') ?? '';
    const body = (await response.json()) as RunResource;
    expect(location).toBe(`/runs/${body.id}`);
    expect(await (await agent.fetch(location)).json()).toMatchObject({
      labels: { workflow: 'w' },
      request: { maxTurns: 2 },
    });
    expect(await ended(body.id)).toMatchObject({ outcome: 'succeeded', success: true, exitCode: 0, output: 'slow' });
    expect(JSON.stringify(await get(body.id))).not.toContain('prompt');
  });

  it('reports at once whether a run waits', async () => {
    const first = (await (await create({ prompt: 'slow' })).json()) as RunResource;
    const second = (await (await create({ prompt: 'second' })).json()) as RunResource;
    expect(first).toMatchObject({ state: 'running', startedAt: first.acceptedAt });
    expect(second).toMatchObject({ state: 'queued' });
    expect(second).not.toHaveProperty('startedAt');
    await agent.crash();
    expect((await get(first.id)).state).toBe('ended');
    expect(await ended(second.id)).toMatchObject({ outcome: 'succeeded' });
  });

  it('executes a run without its client, even if the agent crashes while it waits', async () => {
    const first = await created({ prompt: 'slow' });
    const second = await created({ prompt: 'second' });
    await agent.crash();
    expect(await ended(first)).toMatchObject({ outcome: 'interrupted', exitCode: 143 });
    expect(await ended(second)).toMatchObject({ outcome: 'succeeded', output: 'echo: second' });
  });

  it('keeps waiting runs for the next start when the agent is shut down', async () => {
    const first = await created({ prompt: 'slow' });
    const second = await created({ prompt: 'second' });
    await until(() => agent.claude.begun().length === 1);
    await agent.end('SIGTERM');
    await agent.start();
    expect(await ended(first)).toMatchObject({ outcome: 'succeeded' });
    expect(await ended(second)).toMatchObject({ outcome: 'succeeded' });
  });

  it('cancels a waiting run at once, a started one shortly after, and does not change an ended one', async () => {
    const running = await created({ prompt: 'hang' });
    await until(() => agent.claude.begun().length === 1);
    const waiting = await created({ prompt: 'waits' });
    const cancel = (id: string) => agent.fetch(`/runs/${id}`, { method: 'DELETE' });
    expect((await cancel(waiting)).status).toBe(200);
    expect(await get(waiting)).toMatchObject({ outcome: 'cancelled', exitCode: 130 });
    expect((await cancel(running)).status).toBe(202);
    expect(await ended(running)).toMatchObject({ outcome: 'cancelled', output: 'partial' });
    const again = await cancel(running);
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ outcome: 'cancelled' });
    expect(agent.claude.begun()).toEqual(['hang']);
  });

  it('lists newest first, in pages, by state, outcome, label and time', async () => {
    const ids: string[] = [];
    for (const prompt of ['a', 'refused', 'c', 'd']) {
      ids.unshift(await created({ prompt, labels: { 'n8n workflow': prompt } }));
    }
    await ended(ids[0] ?? '');
    const first = await list('?limit=3');
    expect(first.runs.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    expect((await list(`?limit=3&cursor=${first.next}`)).runs.map(({ id }) => id)).toEqual(ids.slice(3));
    expect((await list('?outcome=unavailable')).runs.map(({ id }) => id)).toEqual([ids[2]]);
    expect((await list('?label=n8n%20workflow:c')).runs.map(({ id }) => id)).toEqual([ids[1]]);
    expect((await list('?state=queued')).runs).toEqual([]);
    expect((await list('?since=2100-01-01T00:00:00Z')).runs).toEqual([]);
    expect((await list('?until=2100-01-01T00:00:00Z')).next).toBeNull();
  });

  it("lists runs without Claude's output, however large", async () => {
    const id = await created({ prompt: 'much', labels: { workflow: 'w' }, outputSchema: { type: 'object' } });
    expect((await ended(id)).output).toHaveLength(MUCH);
    expect(await get(id)).toHaveProperty('structuredOutput.text');
    const page = await list();
    expect(page.runs).toMatchObject([{ id, outcome: 'succeeded', exitCode: 0, labels: { workflow: 'w' } }]);
    expect(JSON.stringify(page).length).toBeLessThan(2000);
  });
});

describe('GET /runs/{id}/events', () => {
  oneEach();

  interface ServerSentEvent {
    readonly id: string;
    readonly event: string;
    readonly data: { readonly text?: string; readonly outcome?: string; readonly queue?: { readonly place: number } };
  }

  /** Reads events until the stream ends, or until `enough` returns true. */
  async function events(id: string, after?: string, enough: (event: ServerSentEvent) => boolean = () => false) {
    const headers = after === undefined ? {} : { 'Last-Event-ID': after };
    const response = await agent.fetch(`/runs/${id}/events`, { headers });
    const found: ServerSentEvent[] = [];
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const fields = Object.fromEntries(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
        ) as Record<string, string>;
        text = text.slice(end + 2);
        const data = JSON.parse(fields['data'] ?? '{}') as ServerSentEvent['data'];
        assertComponent('RunEvent', fields);
        assertComponent(fields['event'] === 'text' ? 'TextPiece' : 'Run', data);
        const event = { id: fields['id'] ?? '', event: fields['event'] ?? '', data };
        found.push(event);
        if (enough(event)) return found;
      }
    }
    return found;
  }

  it('streams the states and the text of a run until its end', async () => {
    const found = await events(await created({ prompt: 'streams' }));
    expect(found.map(({ event }) => event)).toEqual(['queued', 'started', 'text', 'text', 'text', 'ended']);
    expect(found.map(({ data }) => data.text ?? '').join('')).toBe('one two three');
    expect(found.at(-1)).toMatchObject({ id: 'end', data: { outcome: 'succeeded' } });
  });

  it('sends `queued` again when a run has another place in the queue', async () => {
    const first = await created({ prompt: 'hang' });
    const second = await created({ prompt: 'hang' });
    const third = await created({ prompt: 'streams' });
    const places: (number | undefined)[] = [];
    const found = await events(third, undefined, ({ event, data }) => {
      if (event === 'queued') places.push(data.queue?.place);
      const next = places.length === 1 ? second : first;
      if (event === 'queued') void agent.fetch(`/runs/${next}`, { method: 'DELETE' });
      return event === 'ended';
    });
    expect(places).toEqual([2, 1]);
    expect(found.map(({ event }) => event)).toEqual(['queued', 'queued', 'started', 'text', 'text', 'text', 'ended']);
    expect(found[1]?.id).toBe(found[0]?.id);
  });

  it('continues after the last event of a client, and tells a client that has all events to stop reconnecting', async () => {
    const id = await created({ prompt: 'streams' });
    const before = await events(id, undefined, ({ event }) => event === 'text');
    const after = await events(id, before.at(-1)?.id);
    expect([...before, ...after].map(({ data }) => data.text ?? '').join('')).toBe('one two three');
    expect((await agent.fetch(`/runs/${id}/events`, { headers: { 'Last-Event-ID': 'end' } })).status).toBe(204);
  });

  it('after a crash starts again for a waiting run, and sends the end of the running one', async () => {
    const interrupted = await created({ prompt: 'hang' });
    const waited = await created({ prompt: 'streams' });
    const before = await events(interrupted, undefined, ({ event }) => event === 'text');
    await agent.crash();
    expect(await events(interrupted, before.at(-1)?.id)).toMatchObject([
      { id: 'end', data: { outcome: 'interrupted' } },
    ]);
    expect((await events(waited, before.at(0)?.id)).map(({ event }) => event)).toContain('ended');
  });
});

describe('an Idempotency-Key', () => {
  oneEach();

  it('turns many concurrent requests to either path into one run, whatever the order of the fields', async () => {
    const body = { prompt: 'slow', labels: { a: '1', b: '2' } };
    const other = { labels: { b: '2', a: '1' }, prompt: 'slow' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => agent.post(i % 2 === 0 ? body : other, key('k'))),
    );
    const runs = (await Promise.all(answers.map((answer) => answer.json()))) as RunAnswer[];
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1);
    const response = await create(body, { 'Idempotency-Key': 'k' });
    expect(response.status).toBe(202);
    expect(response.headers.get('Location')).toBe(`/runs/${runs[0]?.runId}`);
    expect(agent.claude.begun()).toEqual(['slow']);
  });

  it('with a different request is refused with 422', async () => {
    await agent.post({ prompt: 'x' }, key('k'));
    expect((await agent.post({ prompt: 'y' }, key('k'))).status).toBe(422);
    expect((await agent.post({ prompt: 'x', timeout: 1000 }, key('k'))).status).toBe(422);
    expect(agent.claude.begun()).toEqual(['x']);
  });

  it('returns the existing run after every outcome and after a crash', async () => {
    const refused = (await (await agent.post({ prompt: 'refused' }, key('refused'))).json()) as RunAnswer;
    void agent.post({ prompt: 'hang' }, key('hang')).catch(() => undefined);
    await until(() => agent.claude.begun().length === 2);
    await agent.crash();
    expect(await (await agent.post({ prompt: 'refused' }, key('refused'))).json()).toEqual(refused);
    expect(await (await agent.post({ prompt: 'hang' }, key('hang'))).json()).toMatchObject({ outcome: 'interrupted' });
    expect(agent.claude.begun()).toEqual(['refused', 'hang']);
  });

  it('keeps a run alive while one of its clients still waits', async () => {
    void agent.post({ prompt: 'slow' });
    await until(() => agent.claude.begun().length === 1);
    const leaves = new AbortController();
    const left = agent.post({ prompt: 'shared' }, { ...key('k'), signal: leaves.signal }).catch(() => 'gone');
    await until(async () => (await agent.health()).queued === 1);
    const stays = agent.post({ prompt: 'shared' }, key('k'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    leaves.abort();
    expect(await left).toBe('gone');
    expect(await (await stays).json()).toMatchObject({ success: true, output: 'echo: shared' });
  });

  it('is free again if the run was not started and its client was sent away', async () => {
    const running = agent.post({ prompt: 'slow' });
    await until(() => agent.claude.begun().length === 1);
    const waiting = agent.post({ prompt: 'waits' }, key('k'));
    await until(async () => (await agent.health()).queued === 1);
    const exit = agent.end('SIGTERM');
    expect((await waiting).status).toBe(503);
    await running;
    await exit;
    await agent.start();
    expect(await (await agent.post({ prompt: 'waits' }, key('k'))).json()).toMatchObject({ success: true });
  });
});

describe('a request', () => {
  beforeAll(start);
  afterAll(stop);

  it('with unknown fields gets 400', async () => {
    const response = await create({ prompt: 'x', workingDir: '/x' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ field: 'workingDir' }] });
    expect(agent.claude.begun()).toEqual([]);
  });

  it('for an unknown run gets 404', async () => {
    for (const method of ['GET', 'DELETE']) expect((await agent.fetch('/runs/nothing', { method })).status).toBe(404);
  });

  it('for the events of an unknown run gets 404', async () => {
    expect((await agent.fetch('/runs/nothing/events')).status).toBe(404);
  });

  it.each(['limit=0', 'limit=x', 'outcome=fine', 'state=done', 'label=x', 'since=yesterday', 'colour=red'])(
    'with the query %s gets 400',
    async (query) => {
      const response = await agent.fetch(`/runs?${query}`);
      expect(response.status).toBe(400);
      expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    },
  );

  it.each(['', ' ', 'x'.repeat(256), 'a b'])('with the Idempotency-Key %j gets 400', async (value) => {
    const response = await agent.post({ prompt: 'x' }, key(value));
    expect(response.status).toBe(400);
    expect(agent.claude.begun()).toEqual([]);
  });
});
