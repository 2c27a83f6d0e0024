import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunAnswer } from '../../../agent/http/api/run.ts';
import type { Callback } from '../../../agent/store/run.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { makeCertificates } from '../../doubles/oauth-proxy/certificates.ts';
import { Receiver, type Message, type Reaction } from '../../doubles/receiver/server.ts';
import { Agent, until } from '../../support/agent.ts';

const NAMES = path.join(import.meta.dirname, '..', '..', 'doubles', 'names.ts');

const prompts = {
  hello: [
    { do: 'shell', command: 'printf hello > "$CLAUDE_RUN_OUT/hello.txt"' },
    { do: 'result', text: 'echo: hello' },
  ],
  slow: [
    { do: 'wait', ms: 300 },
    { do: 'result', text: 'slow' },
  ],
  hang: [{ do: 'stream', deltas: ['partial'], every: 1 }, { do: 'hang' }],
  refused: [{ do: 'refuse', kind: 'authentication_failed', status: 401, text: 'no login' }],
} as const;

interface RunResource {
  readonly id: string;
  readonly state: string;
  readonly outcome?: string;
  readonly callback?: Callback;
}

let agent: Agent;
let receiver: Receiver;
/** Creates a receiver, and an agent that may call it. */
async function prepare(reactions: Record<string, readonly Reaction[]> = {}, env: Record<string, string> = {}) {
  receiver = await Receiver.start(reactions);
  agent = new Agent({ prompts, env: { AGENT_CALLBACK_HOSTS: receiver.host, ...env } });
}
async function start(...options: Parameters<typeof prepare>) {
  await prepare(...options);
  await agent.start();
}
async function stop() {
  await agent[Symbol.asyncDispose]();
  await receiver.stop();
}

async function create(body: object): Promise<RunResource> {
  const headers = { 'Content-Type': 'application/json' };
  const response = await agent.fetch('/runs', { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(202);
  return (await response.json()) as RunResource;
}
const get = async (id: string) => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
const callbackOf = async (id: string) => (await get(id)).callback;
const delivered = (id: string) => until(async () => (await callbackOf(id))?.state === 'delivered', `${id} delivered`);
const arrived = (path: string, count = 1) =>
  until(() => receiver.at(path).length >= count, `${count} message(s) at ${path}`);
const dataOf = ({ body }: Message) => (JSON.parse(body) as { data: RunResource & Record<string, unknown> }).data;
function first(path = '/hook'): Message {
  const [message] = receiver.at(path);
  if (!message) throw new Error('No message arrived.');
  return message;
}
const secret = () => readFileSync(path.join(agent.stateDir, 'callback-secret'), 'utf8').trim();

describe('the callback of a run', () => {
  beforeAll(() => start({ '/endless': ['endless'] }, { AGENT_CALLBACK_TIMEOUT_SECONDS: '5' }));
  afterAll(stop);

  it('reports the end of a run with the body of GET /runs/{id}, signed according to Standard Webhooks', async () => {
    const query = '/hook?signature=a%2Fb%20c&x=[1]';
    const url = receiver.url(query);
    const created = await create({ prompt: 'hello', labels: { workflow: 'w' }, callbackUrl: url });
    expect(created.callback).toEqual({ host: receiver.host, state: 'pending', attempts: 0 });
    await delivered(created.id);

    const message = first(query);
    expect(receiver.messages).toHaveLength(1);
    expect(message).toMatchObject({ method: 'POST' });
    expect(message.headers).toMatchObject({
      'content-type': 'application/json',
      host: receiver.host,
      'webhook-id': `run_ended_${created.id}`,
    });
    const { callback, ...run } = await get(created.id);
    expect(run).toMatchObject({ outcome: 'succeeded', files: [{ name: 'hello.txt', bytes: 5, type: 'text/plain' }] });
    const verified = new Webhook(secret()).verify(message.body, message.headers as Record<string, string>);
    expect(verified).toEqual({ type: 'run.ended', timestamp: (run as { endedAt?: string }).endedAt, data: run });
    expect(callback).toEqual({
      host: receiver.host,
      state: 'delivered',
      attempts: 1,
      lastAttemptAt: callback?.deliveredAt,
      lastStatus: 200,
      deliveredAt: expect.stringMatching(/Z$/) as string,
    });
    const other = new Webhook(`whsec_${Buffer.alloc(32, 7).toString('base64')}`);
    expect(() => other.verify(message.body, message.headers as Record<string, string>)).toThrow();
  });

  it('is sent for runs of POST /run too, whatever their outcome, and for runs that never started', async () => {
    const [messages, begun] = [receiver.messages.length, agent.claude.begun().length];
    expect(await agent.run('refused', { callbackUrl: receiver.url('/failed') })).toMatchObject({ exitCode: 57 });
    const running = await create({ prompt: 'hang', callbackUrl: receiver.url('/cancelled') });
    await until(() => agent.claude.begun().length === begun + 2);
    const late = await create({ prompt: 'late', timeout: 100, callbackUrl: receiver.url('/late') });
    const left = await create({ prompt: 'left', callbackUrl: receiver.url('/left') });
    await agent.fetch(`/runs/${left.id}`, { method: 'DELETE' });
    await Promise.all([delivered(late.id), delivered(left.id)]);
    await agent.fetch(`/runs/${running.id}`, { method: 'DELETE' });
    await delivered(running.id);
    const outcomes = receiver.messages.slice(messages).map((message) => [message.path, dataOf(message).outcome]);
    expect(Object.fromEntries(outcomes)).toEqual({
      '/failed': 'auth_failed',
      '/late': 'timed_out',
      '/left': 'cancelled',
      '/cancelled': 'cancelled',
    });
    expect(agent.claude.begun().slice(begun)).toEqual(['refused', 'hang']);
  });

  it('is sent once for requests with the same Idempotency-Key; a different URL makes a different request', async () => {
    const headers = { 'Idempotency-Key': 'k' };
    const body = { prompt: 'x', callbackUrl: receiver.url('/one') };
    const answers = await Promise.all(Array.from({ length: 5 }, () => agent.post(body, { headers })));
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as RunAnswer).runId));
    expect(new Set(ids).size).toBe(1);
    await delivered(ids[0] ?? '');
    expect((await agent.post({ ...body, callbackUrl: receiver.url('/two') }, { headers })).status).toBe(422);
    expect((await agent.post({ prompt: 'x' }, { headers })).status).toBe(422);
    expect([...receiver.at('/one'), ...receiver.at('/two')]).toHaveLength(1);
  });

  it('is delivered by a 200 however long its body is', async () => {
    await delivered((await create({ prompt: 'x', callbackUrl: receiver.url('/endless') })).id);
  });
});

describe('a callback', () => {
  afterEach(stop);

  it('is retried after 5xx, no response and a cut connection, with the same id and a fresh signature', async () => {
    await start({ '/hook': [500, 'hang', 'cut', 204] }, { AGENT_CALLBACK_TIMEOUT_SECONDS: '1' });
    const { id } = await create({ prompt: 'x', callbackUrl: receiver.url('/hook') });
    await arrived('/hook', 2);
    const pending = await callbackOf(id);
    expect(pending).toMatchObject({ state: 'pending', attempts: 1, lastStatus: 500 });
    await until(async () => (await callbackOf(id))?.attempts === 2);
    const second = await callbackOf(id);
    expect(second).toMatchObject({ state: 'pending', lastError: 'No answer within 1 s.' });
    expect(Date.parse(second?.nextAttemptAt ?? '')).toBeGreaterThan(Date.parse(second?.lastAttemptAt ?? ''));
    await arrived('/hook', 3);
    await arrived('/hook', 4);
    await delivered(id);
    const messages = receiver.at('/hook');
    expect(new Set(messages.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(messages.map(({ body }) => body)).size).toBe(1);
    expect(new Set(messages.map(({ headers }) => headers['webhook-timestamp'])).size).toBeGreaterThan(1);
    const webhook = new Webhook(secret());
    for (const { body, headers } of messages) webhook.verify(body, headers as Record<string, string>);
  });

  it('ends at once on 410, and is given up when its time is up, as the record shows', async () => {
    await start({ '/gone': [410], '/down': [503] }, { AGENT_CALLBACK_GIVE_UP_SECONDS: '2' });
    const gone = await create({ prompt: 'x', callbackUrl: receiver.url('/gone') });
    const down = await create({ prompt: 'x', callbackUrl: receiver.url('/down') });
    for (const { id } of [gone, down]) await until(async () => (await callbackOf(id))?.state === 'given_up');
    expect(await callbackOf(gone.id)).toMatchObject({ attempts: 1, lastStatus: 410 });
    const last = await callbackOf(down.id);
    expect(last).toMatchObject({ lastStatus: 503, givenUpAt: last?.lastAttemptAt });
    expect(last).not.toHaveProperty('nextAttemptAt');
    expect(last?.attempts).toBe(receiver.at('/down').length);
    const list = (await (await agent.fetch('/runs')).json()) as { runs: RunResource[] };
    expect(list.runs.map(({ callback }) => callback?.state)).toEqual(['given_up', 'given_up']);
  });

  it('follows no redirects', async () => {
    const elsewhere = await Receiver.start();
    await prepare({ '/moved': [{ status: 307, headers: { Location: elsewhere.url('/secret') } }] });
    agent.env['AGENT_CALLBACK_HOSTS'] = `${receiver.host},${elsewhere.host}`;
    await agent.start();
    const { id } = await create({ prompt: 'x', callbackUrl: receiver.url('/moved') });
    await until(async () => (await callbackOf(id))?.attempts === 1);
    expect(await callbackOf(id)).toMatchObject({ state: 'pending', lastStatus: 307 });
    expect(elsewhere.messages).toEqual([]);
    await elsewhere.stop();
  });

  it('is signed with every secret of the file, so that secrets can be rotated', async () => {
    const secrets = [1, 2].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`);
    await prepare();
    const file = path.join(agent.folder, 'secrets');
    writeFileSync(file, secrets.join('\n'));
    agent.env['AGENT_CALLBACK_SECRET_FILE'] = file;
    await agent.start();
    await delivered((await create({ prompt: 'x', callbackUrl: receiver.url('/hook') })).id);
    const { body, headers } = first();
    for (const each of secrets) new Webhook(each).verify(body, headers as Record<string, string>);
  });
});

describe('after a restart', () => {
  afterEach(stop);

  it('a callback that was being sent at kill -9 is sent again with the same id', async () => {
    await start({ '/hook': ['hang', 200] });
    const { id } = await create({ prompt: 'x', callbackUrl: receiver.url('/hook') });
    await arrived('/hook');
    await agent.crash();
    await delivered(id);
    const ids = receiver.at('/hook').map(({ headers }) => headers['webhook-id']);
    expect(ids).toEqual([`run_ended_${id}`, `run_ended_${id}`]);
  });

  it('the killed run is reported as interrupted', async () => {
    await start();
    const { id } = await create({ prompt: 'hang', callbackUrl: receiver.url('/hook') });
    await until(() => agent.claude.begun().length === 1);
    await agent.crash();
    await delivered(id);
    expect(dataOf(first())).toMatchObject({ id, outcome: 'interrupted', exitCode: 143 });
  });

  it('a receiver that was down gets the callbacks it missed', async () => {
    await start();
    await receiver.stop();
    const { id } = await create({ prompt: 'x', callbackUrl: receiver.url('/hook') });
    await until(async () => ((await callbackOf(id))?.attempts ?? 0) >= 1);
    expect((await callbackOf(id))?.lastError).toContain('ECONNREFUSED');
    await receiver.start();
    await delivered(id);
    expect(receiver.messages).toHaveLength(1);
  });

  it('SIGTERM ends the agent although a receiver hangs, and the aborted attempt does not count', async () => {
    await start({ '/hook': ['hang', 200] }, { AGENT_CALLBACK_TIMEOUT_SECONDS: '60' });
    const { id } = await create({ prompt: 'x', callbackUrl: receiver.url('/hook') });
    await arrived('/hook');
    expect(await agent.end('SIGTERM')).toBe(0);
    await agent.start();
    await delivered(id);
    expect(await callbackOf(id)).toMatchObject({ attempts: 1 });
  });

  it('a run that ends within the grace time is reported before the agent exits', async () => {
    await start();
    await create({ prompt: 'slow', callbackUrl: receiver.url('/hook') });
    await until(() => agent.claude.begun().length === 1);
    expect(await agent.end('SIGTERM')).toBe(0);
    expect(receiver.messages.map((message) => dataOf(message).outcome)).toEqual(['succeeded']);
  });
});

describe('hundreds of callbacks', () => {
  afterEach(stop);

  /** Records ended runs whose callbacks are due. */
  function fill(count: number, url: string) {
    mkdirSync(agent.stateDir);
    const store = openStore(path.join(agent.stateDir, 'runs.db'));
    for (let i = 0; i < count; i += 1) {
      const request = { prompt: 'x', timeoutMs: 1000, workdir: '/', options: {}, labels: {}, callbackUrl: url };
      const run = store.accept(request, 'a-session');
      store.end(store.begin(run), { outcome: 'succeeded', output: 'x', permissionDenials: [], warnings: [] });
    }
    store[Symbol.dispose]();
  }

  it('for a receiver that hangs delay neither runs nor other callbacks nor the shutdown', async () => {
    const slow = await Receiver.start({ '/hang': ['hang'] });
    await prepare({}, { AGENT_CALLBACK_TIMEOUT_SECONDS: '60' });
    fill(300, slow.url('/hang'));
    agent.env['AGENT_CALLBACK_HOSTS'] = `${receiver.host},${slow.host}`;
    await agent.start();
    await until(() => slow.messages.length > 0);
    const { id } = await create({ prompt: 'x', callbackUrl: receiver.url('/hook') });
    await delivered(id);
    expect(slow.messages).toHaveLength(4);
    expect(await (await agent.fetch('/metrics')).text()).toContain('claude_agent_callbacks_pending 300');
    expect(await agent.end('SIGTERM')).toBe(0);
    await slow.stop();
  });

  it('are all delivered, once each', async () => {
    await prepare();
    fill(300, receiver.url('/hook'));
    await agent.start();
    await until(
      async () => /callbacks_pending 0$/m.test(await (await agent.fetch('/metrics')).text()),
      'all delivered',
    );
    expect(new Set(receiver.messages.map(({ headers }) => headers['webhook-id'])).size).toBe(300);
    expect(receiver.messages).toHaveLength(300);
    const metrics = await (await agent.fetch('/metrics')).text();
    expect(metrics).toContain('claude_agent_callbacks_total{result="delivered"} 300');
    expect(metrics).toContain('claude_agent_callback_failures_total 0');
  });
});

describe('a callbackUrl', () => {
  afterEach(stop);

  it('that is not allowed is refused by both paths; nothing is started and the URL is not repeated', async () => {
    await start();
    const shape = '`callbackUrl` must be an http or https URL';
    for (const [callbackUrl, says] of [
      ['hook', shape],
      ['ftp://127.0.0.1/canary', shape],
      ['http://user:canary@127.0.0.1/x', shape],
      ['http://127.0.0.1/x#canary', shape],
      ['http://127.0.0.1\\@example.org/canary', shape],
      ['http://127.0.0.1/canary with a space', shape],
      [`http://127.0.0.1/canary${'x'.repeat(2048)}`, shape],
      [7, shape],
      ['https://evil.example/canary', 'it is on evil.example. AGENT_CALLBACK_HOSTS'],
      ['http://127.0.0.1:1/canary', 'it is on 127.0.0.1:1.'],
      ['http://169.254.169.254/canary', 'it is on 169.254.169.254.'],
    ] as const) {
      for (const route of ['/run', '/runs']) {
        const response = await agent.fetch(route, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ prompt: 'x', callbackUrl }),
        });
        expect(response.status, String(callbackUrl)).toBe(400);
        const body = await response.text();
        expect(JSON.parse(body)).toMatchObject({ errors: [{ field: 'callbackUrl' }] });
        expect(body).toContain(says);
        expect(body).not.toContain('canary');
      }
    }
    expect(agent.claude.begun()).toEqual([]);
    expect(agent.lines.join('\n')).not.toContain('canary');
  });

  it('is refused if no host is allowed, and the response names the setting', async () => {
    await start({}, { AGENT_CALLBACK_HOSTS: '' });
    const response = await agent.post({ prompt: 'x', callbackUrl: receiver.url('/canary'), workdir: 'relative' });
    expect(response.status).toBe(400);
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ errors: [{ field: 'workdir' }, { field: 'callbackUrl' }] });
    expect(body).toContain('this agent has no callback hosts');
    expect(body).toContain('AGENT_CALLBACK_HOSTS (config callbackHosts of the stack)');
    expect(body).not.toContain('canary');
  });

  it('is in no log and no response, and is deleted after delivery', async () => {
    await start({ '/canary': [500, 200] });
    const { id } = await create({ prompt: 'x', callbackUrl: receiver.url('/canary') });
    await delivered(id);
    const answers = await Promise.all(
      ['/runs', `/runs/${id}`, `/runs/${id}/events`].map(async (route) => (await agent.fetch(route)).text()),
    );
    await agent.end('SIGTERM');
    const told = agent.lines.filter((line) => line.includes('"msg":"callback'));
    expect(told.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'warn', msg: 'callback failed', runId: id, host: receiver.host, status: 500 },
      { level: 'info', msg: 'callback delivered', runId: id, host: receiver.host, status: 200 },
    ]);
    expect([...answers, ...agent.lines].join('\n')).not.toContain('canary');
    const db = new DatabaseSync(path.join(agent.stateDir, 'runs.db'), { readOnly: true });
    expect(db.prepare('SELECT url FROM callbacks').all()).toEqual([{ url: null }]);
    db.close();
  });
});

describe('the address of the connection', () => {
  afterEach(stop);

  /** Starts an agent with test names that all resolve to the receiver. */
  async function startWith(names: Record<string, string[]>, hosts: (port: number) => string, env = {}) {
    await prepare();
    Object.assign(agent.env, {
      NODE_OPTIONS: `--import ${NAMES}`,
      TEST_NAMES: JSON.stringify(names),
      AGENT_CALLBACK_HOSTS: hosts(receiver.port),
      ...env,
    });
    await agent.start();
  }
  /** Creates a callback to a name for each of the addresses, and returns the results of the first attempts. */
  async function errorsFor(addresses: readonly string[], hosts: (port: number) => string) {
    const names = Object.fromEntries(addresses.map((address, i) => [`hook${i}.example.test`, [address]]));
    await startWith(names, hosts);
    return Promise.all(
      Object.keys(names).map(async (name) => {
        const { id } = await create({ prompt: 'x', callbackUrl: `http://${name}:${receiver.port}/hook` });
        await until(async () => (await callbackOf(id))?.attempts === 1);
        return (await callbackOf(id))?.lastError;
      }),
    );
  }
  const refused = (addresses: readonly string[]) =>
    addresses.map((address, i) => `hook${i}.example.test resolves to ${address}, which callbacks may not reach.`);

  it('may not be private for a host that only a wildcard matches', async () => {
    const addresses = ['127.0.0.1', '::ffff:127.0.0.1', '::1', '10.0.0.1', '100.64.0.1', 'fd00::1'];
    expect(await errorsFor(addresses, (port) => `*.example.test:${port}`)).toEqual(refused(addresses));
    expect(receiver.messages).toEqual([]);
  });

  it('may never be a cloud metadata address or another special address, for any host', async () => {
    const addresses = ['169.254.169.254', '168.63.129.16', '::ffff:169.254.169.254', '0.0.0.0', 'fe80::1'];
    const hosts = (port: number) => addresses.map((_, i) => `hook${i}.example.test:${port}`).join();
    expect(await errorsFor(addresses, hosts)).toEqual(refused(addresses));
    expect(receiver.messages).toEqual([]);
  });

  it('is checked when the connection is made, so that changing the DNS record does not help', async () => {
    await startWith({ 'hook.example.test': ['10.0.0.1', '127.0.0.1'] }, (port) => `*.example.test:${port}`);
    const { id } = await create({ prompt: 'x', callbackUrl: `http://hook.example.test:${receiver.port}/hook` });
    await until(async () => ((await callbackOf(id))?.attempts ?? 0) >= 2);
    expect((await callbackOf(id))?.lastError).toContain('127.0.0.1');
    expect(receiver.messages).toEqual([]);
  });

  it('may be private if an entry names the host itself', async () => {
    await startWith({ 'n8n.example.test': ['127.0.0.1'] }, (port) => `n8n.example.test:${port}`);
    const { id } = await create({ prompt: 'x', callbackUrl: `http://n8n.example.test:${receiver.port}/hook` });
    await delivered(id);
    expect(receiver.messages[0]?.headers.host).toBe(`n8n.example.test:${receiver.port}`);
  });

  it("must have the host's certificate if the URL is https", async () => {
    await using certificates = await makeCertificates('n8n.example.test');
    await using overTls = await Receiver.start({}, { tls: certificates });
    const names = { 'n8n.example.test': ['127.0.0.1'], 'other.example.test': ['127.0.0.1'] };
    await startWith(names, () => `n8n.example.test:${overTls.port},other.example.test:${overTls.port}`, {
      NODE_EXTRA_CA_CERTS: certificates.caFile,
    });
    const callbackUrl = (name: string) => `https://${name}:${overTls.port}/hook`;
    await delivered((await create({ prompt: 'x', callbackUrl: callbackUrl('n8n.example.test') })).id);
    const { id } = await create({ prompt: 'x', callbackUrl: callbackUrl('other.example.test') });
    await until(async () => (await callbackOf(id))?.attempts === 1);
    expect((await callbackOf(id))?.lastError).toContain("does not match certificate's altnames");
    expect(overTls.messages).toHaveLength(1);
  });

  it('is used without a proxy, whatever the environment says', async () => {
    const proxy = await Receiver.start();
    await start({}, { HTTP_PROXY: proxy.url(''), http_proxy: proxy.url(''), NODE_USE_ENV_PROXY: '1' });
    await delivered((await create({ prompt: 'x', callbackUrl: receiver.url('/hook') })).id);
    expect(proxy.messages).toEqual([]);
    await proxy.stop();
  });
});
