import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { examine, ok } from '../../../stack/cli/doctor/finding.ts';
import type { Check, Named } from '../../../stack/cli/doctor/finding.ts';
import { agentWithRuns, at, cronJobOf, doctorProject, passOf, HEALTH } from './doctor-project.ts';

async function examined(checks: readonly Check[]): Promise<Named[]> {
  const findings: Named[] = [];
  for await (const finding of examine(checks)) findings.push(finding);
  return findings;
}

describe('doctor', () => {
  test('continues after a check that throws, and skips the checks that depend on it', async () => {
    const found = await examined([
      { name: 'agent', look: () => Promise.resolve(JSON.parse('<html>') as never) },
      { name: 'login', needs: ['agent'], look: () => Promise.resolve(ok('works')) },
      { name: 'image', look: () => Promise.resolve(ok('there')) },
    ]);
    expect(found).toMatchObject([
      { check: 'agent', state: 'broken', detail: expect.stringContaining('not valid JSON') as string },
      { check: 'login', state: 'skipped' },
      { check: 'image', state: 'ok' },
    ]);
  });
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A schedule that is due once a day, and was last due that long ago. */
function dailyAt(msAgo: number): string {
  const due = new Date(Date.now() - msAgo);
  return `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`;
}

async function watchdogWith(schedule: string, passes: readonly object[], more: Parameters<typeof cronJobOf>[1] = {}) {
  const doctor = doctorProject();
  doctor.kubectl.push({ to: 'get cronjob/', out: cronJobOf(schedule, more) });
  doctor.kubectl.push({ to: 'component=watchdog', out: { items: passes } });
  return (await doctor.look())['watchdog'];
}

describe("the doctor's check of the watchdog", () => {
  test('passes if a daily pass ran when it was last due, an hour and a half ago', async () => {
    const last = at(89 * MINUTE);
    const found = await watchdogWith(dailyAt(90 * MINUTE), [passOf(last)]);
    expect(found).toEqual({ check: 'watchdog', state: 'ok', detail: `at ${last}, exit code 0` });
  });

  test('fails if a pass was due and did not run, and reports when it was due', async () => {
    const found = await watchdogWith(dailyAt(90 * MINUTE), [passOf(at(25 * HOUR))]);
    expect(found).toMatchObject({
      state: 'broken',
      detail: expect.stringMatching(/^no pass since .*, although one was due at .* \(\d+ \d+ \* \* \*\)$/) as string,
      next: expect.stringContaining('describe cronjob') as string,
    });
  });

  test('allows for the time that a pass may take', async () => {
    expect(await watchdogWith(dailyAt(10 * MINUTE), [passOf(at(DAY))])).toMatchObject({ state: 'ok' });
  });

  test('fails if no half-hourly pass ran for two hours', async () => {
    expect(await watchdogWith('*/30 * * * *', [passOf(at(2 * HOUR))])).toMatchObject({ state: 'broken' });
  });

  test('uses the time that the CronJob records if the Jobs are already removed', async () => {
    const [lastSuccessfulTime, last] = [at(2 * DAY), passOf(at(9 * DAY), 1)];
    const due = new Date(Date.now() - 3 * DAY);
    const yearly = `${due.getUTCMinutes()} ${due.getUTCHours()} ${due.getUTCDate()} ${due.getUTCMonth() + 1} *`;
    const found = await watchdogWith(yearly, [last], { status: { lastSuccessfulTime } });
    expect(found).toMatchObject({ state: 'ok', detail: `at ${lastSuccessfulTime}, exit code 0` });
  });

  test('reads the schedule in the time zone of the CronJob', async () => {
    const due = new Date(Date.now() - 90 * MINUTE);
    const inNepal = new Date(due.getTime() + (5 * 60 + 45) * MINUTE);
    const schedule = `${inNepal.getUTCMinutes()} ${inNepal.getUTCHours()} * * *`;
    const spec = { timeZone: 'Asia/Kathmandu' };
    expect(await watchdogWith(schedule, [passOf(at(80 * MINUTE))], { spec })).toMatchObject({ state: 'ok' });
    expect(await watchdogWith(schedule, [passOf(at(100 * MINUTE))], { spec })).toMatchObject({ state: 'broken' });
  });

  test('fails if the last pass failed', async () => {
    const found = await watchdogWith('*/30 * * * *', [passOf(at(MINUTE), 57), passOf(at(31 * MINUTE))]);
    expect(found).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining('a new login is needed') as string,
    });
  });
});

describe("the doctor's check of the agent", () => {
  test('fails if nearly all room for files is taken, and says what to do', async () => {
    const files = 'The files of runs use 1950 of 2048 MiB. Files over that limit are refused.';
    const doctor = doctorProject();
    doctor.kubectl.push({ to: 'localhost:3000/health', out: { ...HEALTH, files } });
    expect((await doctor.look())['agent']).toMatchObject({
      state: 'broken',
      detail: files,
      next: expect.stringContaining('config set filesMegabytes') as string,
    });
  });
});

describe("the doctor's check of runners", () => {
  const GET = 'get deployment/claude-code-runner --output json';
  const podOf = (name: string, isReady: boolean, reason?: string) => ({
    metadata: { name },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
      containerStatuses: [{ restartCount: 0, state: reason === undefined ? {} : { waiting: { reason } } }],
    },
  });
  const two = (readyReplicas: number, ...items: object[]) => [
    { to: GET, out: { spec: { replicas: 2 }, status: { readyReplicas } } },
    { to: 'component=runner', out: { items } },
  ];

  test('says how many runs may be in progress', async () => {
    const doctor = doctorProject();
    doctor.kubectl.push(...two(2, podOf('a', true), podOf('b', true)));
    doctor.kubectl.push({ to: 'localhost:3000/health', out: { ...HEALTH, slots: 2 } });
    expect((await doctor.look())['runners']).toMatchObject({ state: 'ok', detail: '2 are ready; 2 run(s) at a time' });
  });

  test('fails with the pod that is not ready, and why', async () => {
    const doctor = doctorProject();
    doctor.kubectl.push(...two(1, podOf('a', true), podOf('b', false, 'CrashLoopBackOff')));
    expect((await doctor.look())['runners']).toMatchObject({
      state: 'broken',
      detail: 'b: CrashLoopBackOff',
      next: 'kubectl -n claude-agent logs deployment/claude-code-runner --previous',
    });
  });

  test('fails with the reason if no pod can be created, although those of the update before are ready', async () => {
    const message = 'pods "b" is forbidden: pod rejected: RuntimeClass "gvisor" not found';
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message }];
    const doctor = doctorProject();
    doctor.kubectl.push({ to: GET, out: { spec: { replicas: 1 }, status: { readyReplicas: 1, conditions } } });
    doctor.kubectl.push({ to: 'component=runner', out: { items: [podOf('a', true)] } });
    expect((await doctor.look())['runners']).toMatchObject({
      state: 'broken',
      detail: message,
      next: 'kubectl -n claude-agent get events --sort-by=.lastTimestamp',
    });
  });

  test('fails if the pods are ready and the agent reaches none', async () => {
    const doctor = doctorProject();
    doctor.kubectl.push({ to: 'localhost:3000/health', out: { ...HEALTH, slots: 0 } });
    expect((await doctor.look())['runners']).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining('the agent reaches none') as string,
    });
  });

  test("is skipped if claude runs in the agent's pod", async () => {
    const doctor = doctorProject();
    doctor.kubectl.push({ to: 'get deployment/claude-code-runner --ignore-not-found' });
    expect((await doctor.look())['runners']).toMatchObject({ state: 'skipped' });
  });
});

describe("the doctor's check of recent runs", () => {
  const [good, bad, gone] = ['succeeded', 'failed', 'cancelled'];
  test.each([
    ['ok', [], 'none yet'],
    ['ok', [bad], '0 of the last 1 succeeded'],
    ['ok', [bad, bad], '0 of the last 2 succeeded'],
    [
      'broken',
      [gone, 'auth_failed', bad, gone, bad, good],
      '1 of the last 4 succeeded (2 more were cancelled or interrupted); the last: auth_failed',
    ],
    ['ok', [gone, bad, gone, 'interrupted', bad], '0 of the last 2 succeeded (3 more were cancelled or interrupted)'],
    ['ok', [gone, gone, gone, good], '1 of the last 1 succeeded (3 more were cancelled or interrupted)'],
    ['ok', [bad, bad, good, bad], '1 of the last 4 succeeded'],
    ['broken', [bad, 'timed_out', 'unavailable'], '0 of the last 3 succeeded; the last: failed'],
    ['ok', [gone, gone, gone], 'none that counts (3 more were cancelled or interrupted)'],
  ] as const)('is %s if the runs ended, newest first, as %j', async (state, outcomes, detail) => {
    const doctor = doctorProject();
    await using agent = await agentWithRuns(outcomes as readonly string[]);
    doctor.kubectl.push(agent.forward);
    writeFileSync(doctor.at('.local/agent-token'), 'token');
    expect((await doctor.look())['runs']).toMatchObject({ state, detail });
  });

  test.each([
    [
      'E1128 00:00:00.000001    1 portforward.go:1] "log"\nerror: unable to forward port because pod is not running\nmore\n',
      'kubectl port-forward: error: unable to forward port because pod is not running',
    ],
    ['', 'kubectl port-forward: it printed nothing (Command failed with exit code 1)'],
  ])('fails with the reason if kubectl prints %j', async (err, detail) => {
    const doctor = doctorProject();
    doctor.kubectl.push({ to: 'port-forward', err, code: 1 });
    writeFileSync(doctor.at('.local/agent-token'), 'token');
    expect((await doctor.look())['runs']).toMatchObject({ state: 'broken', detail });
  });
});

describe("the doctor's check of budgets", () => {
  const resetsAt = '2026-03-02T00:00:00.000Z';
  const day = { usd: 50, per: 'day', spentUsd: 41.2, leftUsd: 8.8, resetsAt };
  const loop = { usd: 5, per: 'hour', label: 'workflow', value: 'a "b"', spentUsd: 6, leftUsd: 0, resetsAt };
  const found = async (configured: readonly object[], listed?: readonly object[]) => {
    const doctor = doctorProject();
    await using agent = await agentWithRuns([], listed);
    doctor.kubectl.push(agent.forward);
    writeFileSync(doctor.at('.local/agent-token'), 'token');
    const config = { 'claude-code-agent:budgets': configured };
    writeFileSync(doctor.at('Pulumi.dev.yaml'), JSON.stringify({ config }));
    return (await doctor.look())['budgets'];
  };

  test.each([
    [
      `spent: $6.00 of $5.00 per hour of workflow "a \\"b\\"". Its runs are refused until ${resetsAt}. To raise it: config budgets, then npm run up`,
      [day, loop],
      'ok',
    ],
    ['the fullest: $41.20 of $50.00 per day', [day, { ...loop, spentUsd: 0, leftUsd: 5 }], 'ok'],
    ['the agent does not have those of the config', [], 'broken'],
    ['the agent does not have those of the config', undefined, 'broken'],
  ] as const)('says: %s', async (detail, listed, state) => {
    expect(await found([{ usd: 50, per: 'day' }], listed)).toMatchObject({ state, detail });
  });

  test('is left out without budgets, and passes if no value of a label has spent anything', async () => {
    expect(await found([], [])).toBeUndefined();
    const ofLabel = await found([{ usd: 5, per: 'hour', label: 'workflow' }], []);
    expect(ofLabel).toMatchObject({ state: 'ok', detail: 'nothing is spent' });
  });
});

describe("the doctor's check of git hosts", () => {
  const shop = { name: 'https://github.com/acme/*', ok: true, detail: 'The app can be used.' };
  const wiki = { name: 'https://git.example.org/wiki', ok: false, detail: 'git.example.org cannot be reached.' };
  const found = async (configured: readonly object[], checked?: readonly object[]) => {
    const doctor = doctorProject();
    await using agent = await agentWithRuns([], [], checked);
    doctor.kubectl.push(agent.forward);
    writeFileSync(doctor.at('.local/agent-token'), 'token');
    const config = { 'claude-code-agent:gitHosts': configured };
    writeFileSync(doctor.at('Pulumi.dev.yaml'), JSON.stringify({ config }));
    return (await doctor.look())['git hosts'];
  };

  test.each([
    ['https://github.com/acme/*: The app can be used.', [shop], 'ok'],
    ['https://git.example.org/wiki: git.example.org cannot be reached.', [wiki], 'broken'],
    ['the agent does not have those of the config', [], 'broken'],
    ['the agent does not have those of the config', undefined, 'broken'],
  ] as const)('says: %s', async (detail, checked, state) => {
    expect(await found([{}], checked)).toMatchObject({ state, detail });
  });

  test('is left out without git hosts', async () => {
    expect(await found([], [])).toBeUndefined();
  });
});

describe('the cause of a failure that the doctor reports', () => {
  const KUBELOGIN = `E1128 00:00:00.000001    1 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list"
Unable to connect to the server: getting credentials: exec: executable kubelogin not found

It looks like you are trying to use a client-go credential plugin that is not installed.

To learn more about this feature, consult the documentation available at:
      https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
`;
  test.each([
    [
      '/readyz',
      KUBELOGIN,
      'cluster',
      'Unable to connect to the server: getting credentials: exec: executable kubelogin not found',
    ],
    ['/readyz', 'error: context "nowhere" does not exist\n', 'cluster', 'error: context "nowhere" does not exist'],
    [
      'localhost:3000/ready',
      "curl: (7) Failed to connect to localhost port 3000: Couldn't connect\ncommand terminated with exit code 7\n",
      'readiness',
      "curl: (7) Failed to connect to localhost port 3000: Couldn't connect",
    ],
    [
      'namespace/',
      'Warning: v1 is deprecated\nError from server (Forbidden): namespaces "claude-agent" is forbidden\n',
      'namespace',
      'Error from server (Forbidden): namespaces "claude-agent" is forbidden',
    ],
  ])('is the line of the output of kubectl %s that contains it', async (to, err, check, detail) => {
    const doctor = doctorProject();
    doctor.kubectl.push({ to, err });
    expect((await doctor.look())[check]).toMatchObject({ state: 'broken', detail });
  });

  test('is the exit code if kubectl prints nothing', async () => {
    const doctor = doctorProject();
    doctor.kubectl.push({ to: '/readyz', code: 9 });
    expect((await doctor.look())['cluster']?.detail).toMatch(/exit code 9/);
  });

  test.each([
    [
      'pulumi',
      'version',
      'npm warn exec The following package was not found\nnpm error code E404\nnpm error 404 Not Found - GET https://registry.example.com/pulumi\nnpm error A complete log of this run is in x\n',
      'npm error code E404 npm error 404 Not Found - GET https://registry.example.com/pulumi',
    ],
    [
      'state',
      'stack ls',
      'warning: A new version of Pulumi is available.\nerror: could not list stacks: unable to open bucket file:///nowhere:\n  stat /nowhere: no such file or directory\n',
      'error: could not list stacks: unable to open bucket file:///nowhere: stat /nowhere: no such file or directory',
    ],
    ['state', 'stack ls', '', /exit code 3/],
  ] as const)(
    'for the check %s comes from the output or the exit code of `pulumi %s`',
    async (check, command, err, detail) => {
      const doctor = doctorProject();
      const program = `#!/bin/sh
case "$*" in "${command}"*) printf '%s' '${err}' >&2; exit 3;; esac
case "$*" in "stack ls"*) echo '[]';; *) echo v3;; esac
`;
      writeFileSync(doctor.at('bin/pulumi'), program, { mode: 0o755 });
      const found = (await doctor.look())[check];
      expect(found?.state).toBe('broken');
      if (typeof detail === 'string') expect(found?.detail).toBe(detail);
      else expect(found?.detail).toMatch(detail);
    },
  );
});

describe('a preview that fails', () => {
  test('is reported with its cause, which is below what the engine prints for each resource', async () => {
    const doctor = doctorProject();
    doctor.deploy();
    const output = `Previewing update (dev):
    pulumi:pulumi:Stack claude-code-agent-dev running error: Error: x
Diagnostics:
  pulumi:pulumi:Stack (claude-code-agent-dev):
    warning: something else
    error: preview failed
    error: Running program '/x' failed with an unhandled exception:
    Error: There is no login to seed the pod with
        at file:///x/stack/session.ts:1:1
`;
    writeFileSync(doctor.at('bin/preview.txt'), output);
    const program = `#!/bin/sh
case "$1 $2" in
  "stack ls") echo '[{"name":"dev","resourceCount":1}]';;
  "stack export") cat ${doctor.at('bin/state.json')};;
  "preview "*) cat ${doctor.at('bin/preview.txt')}; exit 1;;
esac
`;
    writeFileSync(doctor.at('bin/pulumi'), program, { mode: 0o755 });
    expect((await doctor.look({}, []))['drift']).toMatchObject({
      state: 'broken',
      detail:
        "error: Running program '/x' failed with an unhandled exception: Error: There is no login to seed the pod with",
    });
  });
});

describe('the doctor before the first deployment', () => {
  const FRESH = { accessToken: 'a', refreshToken: 'r', expiresAt: Date.now() - HOUR };
  function withLogin(login: object | string | undefined, folder = '.local/session') {
    const doctor = doctorProject();
    if (login === undefined) return doctor;
    mkdirSync(doctor.at(folder), { recursive: true });
    const text = typeof login === 'string' ? login : JSON.stringify({ claudeAiOauth: login });
    writeFileSync(doctor.at(folder, '.credentials.json'), text);
    return doctor;
  }

  test('passes if there is a login and the registry answers', async () => {
    const found = await withLogin(FRESH).look();
    expect(found['state']).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining('nothing is deployed yet') as string,
    });
    expect(found['local login']).toMatchObject({
      state: 'ok',
      detail: expect.stringMatching(/\.local\/session\/\.credentials\.json$/) as string,
    });
    expect(found['registry']).toEqual({ check: 'registry', state: 'ok', detail: '127.0.0.1:5000 answers' });
  });

  test('warns if the login is the one that this machine uses daily', async () => {
    const found = await withLogin(FRESH, '.claude').look();
    expect(found['local login']).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('npm run login') as string,
    });
  });

  test.each([
    ['missing', undefined, 'there is no .credentials.json in '],
    ['not JSON', 'x', 'is not JSON'],
    ['empty', { accessToken: '', refreshToken: '' }, 'contains no login'],
    ['expired', { accessToken: 'a', expiresAt: Date.now() - HOUR }, "and can't be renewed"],
  ])('suggests a login if the existing one is %s', async (_what, login, detail) => {
    const found = await withLogin(login).look();
    expect(found['local login']).toMatchObject({
      state: 'broken',
      detail: expect.stringContaining(detail) as string,
      next: 'npm run login',
    });
  });

  test.each([
    ['oauthToken', '', 'broken'],
    ['apiKey', '', 'broken'],
    ['apiKey', '  claude-code-agent:claudeToken:\n    secure: v1:x\n', 'ok'],
    ['federation', '', 'skipped'],
  ])('with authMode %s and config %j reports the login as %s', async (mode, more, state) => {
    const doctor = doctorProject();
    writeFileSync(doctor.at('Pulumi.dev.yaml'), `config:\n  claude-code-agent:authMode: ${mode}\n${more}`);
    expect((await doctor.look())['local login']).toMatchObject({ state });
  });

  const REFUSED =
    'failed to configure transport: error pinging v2 registry: Get "https://127.0.0.1:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused\n';
  test.each([
    ['does not have the image yet', 'manifest unknown\n', 'ok', undefined],
    ['does not answer', REFUSED, 'broken', /^start it, or .*config set registry/],
    [
      'requires a login',
      'Get "http://127.0.0.1:5000/v2/x": no basic auth credentials\n',
      'broken',
      /^docker login 127\.0\.0\.1:5000$/,
    ],
    [
      'requires another login',
      'errors:\ndenied: requested access to the resource is denied\n',
      'broken',
      /^docker login /,
    ],
  ])('checks a registry that %s', async (_what, err, state, next) => {
    const doctor = doctorProject();
    doctor.docker.push({ to: 'manifest inspect', err });
    const found = (await doctor.look())['registry'];
    expect(found).toMatchObject({ state, detail: expect.stringContaining('127.0.0.1:5000') as string });
    if (next) expect(found?.next).toMatch(next);
    if (state === 'broken') expect(found?.detail).toContain(err.trim().split('\n').at(-1));
  });

  test('needs no Docker if the image is pinned', async () => {
    const doctor = doctorProject();
    rmSync(doctor.at('bin/docker'));
    const image = `registry.example.com/claude-agent@sha256:${'0'.repeat(64)}`;
    writeFileSync(doctor.at('Pulumi.dev.yaml'), `config:\n  claude-code-agent:image: ${image}\n`);
    expect((await doctor.look({ PATH: doctor.at('bin') }))['registry']).toMatchObject({ state: 'skipped' });
  });

  test('checks neither login nor registry once the stack is deployed', async () => {
    const doctor = doctorProject();
    doctor.deploy();
    const found = await doctor.look();
    expect(found['state']).toMatchObject({ state: 'ok' });
    expect(found).not.toHaveProperty('local login');
    expect(found).not.toHaveProperty('registry');
  });
});
