import { readFileSync } from 'node:fs';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Decision } from '../../agent/http/api/decision.ts';
import { Collector } from '../doubles/collector/server.ts';
import { startOauthProxy } from '../doubles/oauth-proxy/server.ts';
import type { OauthProxy } from '../doubles/oauth-proxy/server.ts';
import { callOf } from '../support/mcp.ts';
import { needs } from '../support/needs.ts';
import { Checkout, DOUBLE } from './checkout.ts';
import { call, callForText, control, inAgent, kubectl, run, takeDown, timesAsked, until } from './cluster.ts';
import { startDouble, trustInAgent } from './doubles.ts';
import { missingRequirement } from './requirements.ts';

const IN = ['--namespace', 'claude-agent'];
const RUNNERS = ['--selector', 'app.kubernetes.io/component=runner'];
/** A login that somebody makes in the pod; the one of `up` is another. */
const HELD = { accessToken: 'e2e-access-held-canary', refreshToken: 'e2e-refresh-held-canary' };
const OAUTH_TOKEN = 'sk-ant-oat01-e2e-canary';
/** Within it the CLI renews a login. */
const SOON_MS = 240_000;

const CALLER = 'n8n-prod';
/** What a client of a run sends as its place in a trace. */
const TRACE = { id: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };

let checkout: Checkout;
/** The token of that caller. */
let callerToken = '';
let proxy: OauthProxy;
let collector: Collector;
const succeeds = async (name: string, ...args: string[]): Promise<string> => {
  const { exitCode, output } = await checkout.npm(name, ...args, '--yes', '--non-interactive');
  expect(exitCode, output).toBe(0);
  return output;
};
const up = () => succeeds('up', '--skip-preview');
const ask = async (prompt: string, more: object = {}) => (await run(checkout.token(), { prompt, ...more })).answer;
/** The pod in which a run is. */
const podOf = async (more = '') => String((await ask(`[[bash:hostname${more}]]`))['output']).replace('tool: ', '');
const runnersNow = async (): Promise<string[]> => {
  const list = JSON.parse(await kubectl(['get', 'pods', ...IN, ...RUNNERS, '--output', 'json'])) as {
    items: { metadata: { name: string; deletionTimestamp?: string } }[];
  };
  return list.items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
};
const slots = async (count: number) =>
  until(`${count} slots`, async () => {
    const health = JSON.parse(await inAgent('curl', '-s', 'localhost:3000/health')) as { slots: number };
    return health.slots === count ? true : undefined;
  });
const may = async (...question: string[]) => {
  const account = 'system:serviceaccount:claude-agent:claude-code-agent';
  const asked = await execa('kubectl', ['auth', 'can-i', ...question, '--as', account, ...IN], { reject: false });
  return asked.stdout;
};

describe('runners in the cluster', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    const node = await kubectl(['get', 'nodes', '--output', 'jsonpath={.items[0].status.addresses[0].address}']);
    proxy = await startOauthProxy({ host: node, tokens: HELD });
    collector = await Collector.start({ host: node });
    const open = (url: string) => ({ cidr: `${node}/32`, port: Number(new URL(url).port) });
    checkout = new Checkout({
      settings: {
        runners: '2',
        httpsProxy: proxy.env.HTTPS_PROXY,
        noProxy: node,
        otlpEndpoint: collector.url,
        extraEgress: [
          { namespace: DOUBLE.namespace, port: DOUBLE.port, for: 'agent' },
          open(proxy.env.HTTPS_PROXY),
          { ...open(collector.url), for: 'agent' },
        ],
      },
    });
    await checkout.fill();
    checkout.logIn(1);
  });

  afterAll(async () => {
    await takeDown(checkout);
    await proxy.close();
    await collector.stop();
  });

  test('take two prompts at once, one each, by the real CLI', async () => {
    await up();
    await startDouble((await checkout.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim());
    await slots(2);
    const both = await Promise.all([podOf('; sleep 3'), podOf('; sleep 3')]);
    expect(both.sort()).toEqual((await runnersNow()).sort());
  });

  test('are given a new login while a run goes on, which never gets to them', async () => {
    await trustInAgent(proxy.env.NODE_EXTRA_CA_CERTS);
    const file = checkout.at('.local', 'session', '.credentials.json');
    const { claudeAiOauth } = JSON.parse(readFileSync(file, 'utf8')) as { claudeAiOauth: object };
    const soon = { ...claudeAiOauth, ...HELD, expiresAt: Date.now() + SOON_MS };
    await kubectl(
      [
        ...['exec', '--stdin', ...IN, 'deployment/claude-code-agent', '--'],
        ...['sh', '-c', 'cat > /data/claude/.credentials.json'],
      ],
      JSON.stringify({ claudeAiOauth: soon }),
    );
    await slots(2);
    const answer = await ask(
      '[[bash:sleep 3; env; find / -xdev -name .credentials.json 2>/dev/null; cat ~/.claude.json]]',
    );
    expect(answer).toMatchObject({ success: true });
    expect(proxy.refreshes).toEqual([{ refreshToken: HELD.refreshToken, outcome: 'rotated' }]);
    expect(await inAgent('cat', '/data/claude/.credentials.json')).toContain(proxy.current.refreshToken);
    for (const token of [HELD, proxy.current].flatMap((pair) => Object.values<string>({ ...pair })))
      expect(answer['output']).not.toContain(token);
    expect(answer['output']).not.toContain('.credentials.json');
  });

  test('are a tool over MCP, and what they do is in the trace of its client, which the collector gets', async () => {
    const { text } = await callForText(checkout.token(), '/mcp', {
      method: 'POST',
      headers: {
        Accept: 'application/json, text/event-stream',
        traceparent: `00-${TRACE.id}-${TRACE.span}-01`,
      },
      body: callOf(1, 'run', { prompt: '[[bash:hostname]] canary-of-contents' }),
    });
    const [, message = text] = /^data: (.*)$/m.exec(text) ?? [];
    expect(JSON.parse(message)).toMatchObject({
      id: 1,
      result: {
        structuredContent: {
          state: 'ended',
          success: true,
          output: expect.stringContaining('claude-code-runner-') as string,
          traceId: TRACE.id,
        },
      },
    });
    // Claude Code sends its own spans at its end, from the runner through the gateway.
    const spans = await until('the spans', () => {
      const all = collector.of(TRACE.id);
      const isWhole = ['run', 'claude_code.interaction'].every((name) => all.some((span) => span.name === name));
      return Promise.resolve(isWhole ? all : undefined);
    });
    expect(spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['wait in queue', 'invoke_agent Claude Code', 'execute_tool Bash', 'claude_code.tool']),
    );
    const own = new Set(spans.map(({ spanId }) => spanId));
    const outside = spans.filter(({ parentSpanId }) => !own.has(parentSpanId));
    expect(outside).toMatchObject([{ name: 'run', parentSpanId: TRACE.span }]);
    expect(collector.text).not.toContain('canary');
  });

  test('wait for a person, who allows one call and denies another', async () => {
    const body = { prompt: '[[bash:echo the first]] [[bash:echo the second]]', approve: ['Bash'] };
    const { status, answer } = await call(checkout.token(), '/runs', { method: 'POST', body });
    expect(status, JSON.stringify(answer)).toBe(202);
    const path = `/runs/${String(answer['id'])}`;
    const decideNext = async (decision: object) => {
      const open = await until('a decision', async () => {
        const { decisions = [] } = (await call(checkout.token(), path)).answer as { decisions?: Decision[] };
        return decisions.find(({ decidedAt }) => decidedAt === undefined);
      });
      const decided = await call(checkout.token(), `${path}/decisions/${open.id}`, { method: 'POST', body: decision });
      expect(decided.status, JSON.stringify(decided.answer)).toBe(200);
      return open.input;
    };
    expect(await decideNext({ allow: true })).toMatchObject({ command: 'echo the first' });
    expect(await decideNext({ allow: false, message: 'not before Monday' })).toMatchObject({
      command: 'echo the second',
    });
    const ended = await until('the end', async () => {
      const { answer } = await call(checkout.token(), path);
      return answer['state'] === 'ended' ? answer : undefined;
    });
    expect(ended).toMatchObject({ outcome: 'succeeded', decisions: [{ allowed: true }, { allowed: false }] });
    expect(ended['output']).toContain('the first');
    expect(ended['output']).toContain('not before Monday');
  });

  test('are given files and leave others, in a run that may take an hour, and what Claude did can be read', async () => {
    const token = checkout.token();
    const upload = await call(token, '/files?name=note.txt', { method: 'PUT', body: 'hello' });
    expect(upload).toMatchObject({ status: 201, answer: { name: 'note.txt', bytes: 5 } });
    const shell =
      'cat "$CLAUDE_RUN_IN"/* | tr a-z A-Z > "$CLAUDE_RUN_OUT/loud words.txt"; echo $BASH_MAX_TIMEOUT_MS; hostname';
    const files = [upload.answer, { name: 'other.txt', base64: btoa(' there') }];
    const body = { prompt: `[[bash:${shell}]] Make it loud.`, files, timeout: 3_600_000 };
    const { status, answer } = await call(token, '/runs', { method: 'POST', body });
    expect(status, JSON.stringify(answer)).toBe(202);
    const path = `/runs/${String(answer['id'])}`;
    const ended = await until('the end', async () => {
      const { answer: run } = await call(token, path);
      return run['state'] === 'ended' ? run : undefined;
    });
    expect(ended).toMatchObject({ success: true, files: [{ name: 'loud words.txt', bytes: 11 }], warnings: [] });
    expect(ended['output']).toMatch(/3[0-9]{6}\s+claude-code-runner-/);
    expect(await callForText(token, `${path}/files/loud%20words.txt`)).toMatchObject({
      status: 200,
      text: 'HELLO THERE',
    });
    const { answer: transcript } = await call(token, `${path}/transcript`);
    expect(JSON.stringify(transcript)).toContain('CLAUDE_RUN_OUT');
    const left = await Promise.all([1, 2].map(() => ask('[[bash:find ~/run -type f | wc -l; sleep 2]]')));
    for (const { output } of left) expect(output).toBe('tool: 0');
  });

  test('serve a caller whose token rotates while it calls, and no call gets 401', async () => {
    const tokenOf = async (...args: string[]) => {
      const { exitCode, stdout, all } = await checkout.start('npm', ['run', '--silent', 'caller', '--', ...args]);
      expect(exitCode, all).toBe(0);
      return stdout.trim();
    };
    const first = await tokenOf('add', CALLER, '--may', 'run');
    await up();
    callerToken = await tokenOf('rotate', CALLER);
    /** Calls in a loop while something is done. Returns how often each status came; 0 is no connection, as without a pod. */
    const whileCalling = async (token: string, work: () => Promise<unknown>) => {
      const counts = new Map<number, number>();
      let isDone = false;
      const calls = (async () => {
        while (!isDone) {
          const { status } = await call(token, '/runs?limit=1', { seconds: 3 }).catch(() => ({ status: 0 }));
          counts.set(status, (counts.get(status) ?? 0) + 1);
        }
      })();
      await work();
      isDone = true;
      await calls;
      return counts;
    };
    const withFirst = await whileCalling(first, up);
    const withSecond = await whileCalling(callerToken, async () => {
      const { answer } = await run(callerToken, { prompt: 'from n8n' });
      expect(answer).toMatchObject({ success: true });
      const { answer: record } = await call(checkout.token(), `/runs/${String(answer['runId'])}`);
      expect(record).toMatchObject({ caller: CALLER });
      await tokenOf('retire', CALLER);
      checkout.configure({ budgets: [{ usd: 1, per: 'month', caller: CALLER, label: 'workflow' }] });
      await up();
    });
    console.info('calls while a token rotates, by status:', withFirst, withSecond);
    for (const counts of [withFirst, withSecond]) {
      expect(counts.get(200)).toBeGreaterThan(0);
      expect([...counts.keys()].filter((status) => status !== 200 && status !== 0)).toEqual([]);
    }
    expect((await call(first, '/runs')).status).toBe(401);
    expect((await call(callerToken, '/pause', { method: 'POST' })).status).toBe(403);
    await slots(2);
  });

  test('stop a caller that has spent its budget, and let others go on', async () => {
    // A dollar an answer, at the list price of the model.
    const loop = `[[usage:{"output_tokens":100000}]] ${'[[bash:true]] '.repeat(5)} loop`;
    const body = { prompt: loop, model: 'claude-sonnet-5-5', labels: { workflow: 'loop' } };
    const { answer: stopped } = await run(callerToken, body);
    expect(stopped).toMatchObject({ success: false, outcome: 'failed', costUsd: expect.closeTo(1, 2) as number });
    expect(stopped['error']).toMatch(/^The budget of \$1\.00 a month of the caller n8n-prod of runs with .* is spent/);
    expect(await timesAsked(loop)).toBe(1);
    const refused = await call(callerToken, '/run', { method: 'POST', body });
    expect(refused.status).toBe(429);
    const { type, resetsAt } = refused.answer as { type: string; resetsAt: string };
    expect(type).toContain('budget-spent');
    const seconds = (Date.parse(resetsAt) - Date.now()) / 1000;
    expect(Math.abs(refused.retryAfter - seconds)).toBeLessThan(60);
    expect(await timesAsked(loop)).toBe(1);
    expect((await call(callerToken, '/budgets')).answer['budgets']).toMatchObject([
      { usd: 1, per: 'month', caller: CALLER, label: 'workflow', value: 'loop', leftUsd: 0, resetsAt },
    ]);
    expect(await ask('not in a loop', { labels: body.labels })).toMatchObject({ success: true });
    const { output } = await checkout.npm('doctor', '--quick', '--json');
    const { findings } = JSON.parse(output.slice(output.indexOf('{'))) as { findings: { check: string }[] };
    expect(findings.find(({ check }) => check === 'budgets')).toMatchObject({
      state: 'ok',
      detail: expect.stringMatching(
        /^spent: \$1\.00 of \$1\.00 per month of caller n8n-prod, workflow "loop"/,
      ) as string,
    });
  });

  test('wait while the usage limit is reached; after its reset one run goes first, and the others follow', async () => {
    const { answer: limited } = await run(checkout.token(), { prompt: '[[fail:usage_limit]][[resets:8]] limited' });
    expect(limited).toMatchObject({ outcome: 'usage_limited', resetsAt: expect.any(String) as string });
    const submit = async (prompt: string) =>
      String((await call(checkout.token(), '/runs', { method: 'POST', body: { prompt } })).answer['id']);
    const look = async (id: string) => (await call(checkout.token(), `/runs/${id}`)).answer;
    const ids = [
      await submit('[[bash:sleep 4]] goes first'),
      await submit('second in line'),
      await submit('third in line'),
    ];
    const hold = { reason: 'usage_limit', until: limited['resetsAt'] };
    expect(await look(ids[1] ?? '')).toMatchObject({ state: 'queued', queue: { place: 2, hold } });
    await until('the first run', async () => ((await timesAsked('goes first')) > 0 ? true : undefined));
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(String(limited['resetsAt'])));
    expect(await look(ids[2] ?? '')).toMatchObject({ state: 'queued', queue: { place: 2 } });
    const ended = await until('the end', async () => {
      const runs = await Promise.all(ids.map(look));
      return runs.every(({ state }) => state === 'ended') ? runs : undefined;
    });
    expect(ended.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    for (const run of ended.slice(1)) expect(String(run['startedAt']) >= String(ended[0]?.['endedAt'])).toBe(true);
    expect(await timesAsked('second in line')).toBe(1);
  });

  test('that are killed interrupt their run, and the next run takes another one', async () => {
    const lost = ask('killed in the middle [[bash:sleep 60]]');
    await until('the run', async () => ((await timesAsked('killed in the middle')) > 0 ? true : undefined));
    const killed = await runnersNow();
    await kubectl(['delete', 'pods', ...IN, ...RUNNERS, '--grace-period=0', '--force']);
    expect(await lost).toMatchObject({ success: false, outcome: 'interrupted' });
    const next = await podOf();
    expect(next).toMatch(/^claude-code-runner-/);
    expect(killed).not.toContain(next);
    expect(await timesAsked('killed in the middle')).toBe(1);
    await slots(2);
  });

  test('go away if the config says so, and conversations continue in the pod of the agent', async () => {
    const { sessionId } = await ask('remember the heron');
    checkout.configure({ runners: '0' });
    await up();
    expect(await runnersNow()).toEqual([]);
    expect(await podOf()).toMatch(/^claude-code-agent-/);
    expect(await ask('which bird', { sessionId })).toMatchObject({ success: true, sessionId });
    const requests = (await control('GET', '/requests')) as { prompt: string; messages?: number }[];
    const sentWith = (prompt: string) => requests.find((request) => request.prompt === prompt)?.messages ?? 0;
    expect(sentWith('which bird')).toBeGreaterThan(sentWith('remember the heron'));
    const neither = [`service/claude-code-runner`, 'networkpolicy/allow-runner', 'secret/claude-runner-key'];
    expect(await kubectl(['get', ...neither, ...IN, '--ignore-not-found', '--output', 'name'])).toBe('');
  });

  test('are replaced after each run if the config says so, by an agent that may delete pods and nothing else', async () => {
    expect(await may('delete', 'pods')).toBe('no');
    checkout.configure({ runners: '2', runnerReuse: false, authMode: 'oauthToken' });
    await checkout.setSecret('claudeToken', OAUTH_TOKEN);
    await up();
    await slots(2);
    expect(await may('delete', 'pods')).toBe('yes');
    for (const question of ['list pods', 'get pods', 'create pods', 'get secrets', 'delete deployments'])
      expect(await may(...question.split(' ')), question).toBe('no');
    const used = [await podOf(), await podOf(), await podOf()];
    expect(new Set(used).size).toBe(3);
    await until('the used pods to be gone', async () => {
      const now = await runnersNow();
      return used.every((pod) => !now.includes(pod)) && now.length === 2 ? true : undefined;
    });
  });

  test('are answered by a token of `claude setup-token`, as is `claude` by hand in the pod of the agent', async () => {
    expect(await ask('by the token')).toMatchObject({ success: true, output: 'echo: by the token' });
    expect(await inAgent('claude', '-p', 'by hand')).toBe('echo: by hand');
    const requests = (await control('GET', '/requests')) as { prompt: string; credential: { value: string } }[];
    for (const prompt of ['by the token', 'by hand']) {
      const used = requests.filter((request) => request.prompt === prompt).map(({ credential }) => credential.value);
      expect(new Set(used), prompt).toEqual(new Set([OAUTH_TOKEN]));
    }
  });

  test('are again as they were after a rollback', async () => {
    await succeeds('rollback', '1');
    await slots(2);
    expect(await may('delete', 'pods')).toBe('no');
    const first = await podOf();
    await slots(2);
    expect(await runnersNow()).toContain(first);
    const drift = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(drift.exitCode, drift.output).toBe(0);
  });

  test('leave nothing when the stack is destroyed', async () => {
    await succeeds('down', '--skip-preview');
    await expect(kubectl(['get', 'namespace', 'claude-agent'])).rejects.toThrow(/not found/i);
  });
});
