import { generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DEFAULT_FEDERATION } from '../doubles/anthropic/federation.ts';
import { attackSuite, hostOf, TELL_HOST } from '../support/attack-suite.ts';
import { attack, findingsIn, foundIn, promptFor, secret } from '../support/attacks.ts';
import { needs } from '../support/needs.ts';
import { PLACES } from '../support/network-matrix.ts';
import { Checkout, DOUBLE } from './checkout.ts';
import { inAgent, kubectl, run, takeDown, until } from './cluster.ts';
import { startDouble, startDoubleBesideAgent } from './doubles.ts';
import { addressOf, answers, hasPolicyEngine, startEngine, startProbes, stopProbes } from './network.ts';
import { NOTIFY_SETTINGS } from './notified.ts';
import { NO_ENGINE } from './policy-engine.ts';
import type { PolicyEngine } from './policy-engine.ts';
import { missingRequirement } from './requirements.ts';

const IN = ['--namespace', 'claude-agent'];
/** Not the probe of that kind. */
const RUNNERS = ['--selector', 'app.kubernetes.io/component=runner,pod-template-hash'];
const API_KEY = 'sk-ant-api03-e2e-canary';
const N8N_KEY = 'e2e-n8n-key-canary';
const GIT_TOKEN = 'ghp_e2e-git-canary';
const APP_KEY = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { format: 'pem', type: 'spki' },
  privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
}).privateKey.trim();
const OTLP_HEADER = 'e2e-collector-canary';
/** No run asks these hosts for anything: the agent only has credentials for them. */
const GIT_AND_COLLECTOR = {
  gitHosts: [
    { repositories: ['https://github.com/e2e/*'], type: 'github', appId: 1, privateKeyFile: 'app' },
    { repositories: ['https://git.invalid/e2e/*'], type: 'plain', tokenFile: 'token' },
  ],
  otlpEndpoint: 'https://collector.invalid',
  otlpTimeout: '1000',
};
const IDENTITY_FILE = '/var/run/claude-credential/token';
const ACCOUNT_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const RUNTIME_CLASS = 'e2e-runc';
/** Of each folder that a run can fill: more than any of them may have. */
const TOO_MUCH = 3e9;
/** So many runs are had until one is on the runner of an earlier one. */
const MOST_LOOKS = 12;
/** Slowly enough that the runner sees it before the kernel ends a process. */
const FILL_MEMORY =
  'const kept = []; setInterval(() => kept.length < 100 && kept.push(Buffer.alloc(3e7, 1)), 100); setTimeout(() => process.exit(), 60_000)';

/** The command of a run whose token another one has. */
const VICTIM = 'sleep 15; echo still has its token';
const ITS_TOKEN = String.raw`grep -aq 'sleep [1]5' /proc/[0-9]*/cmdline && grep -ahom1 'run_[[:alnum:]_-]*' /proc/[0-9]*/environ | head -n 1`;

let checkout: Checkout;
let engine: PolicyEngine | undefined;
let isEnforced = false;
const tryUp = () => checkout.npm('up', '--skip-preview', '--yes', '--non-interactive');
const up = async () => {
  const { exitCode, output } = await tryUp();
  expect(exitCode, output).toBe(0);
};
const image = async () => (await checkout.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim();
const ask = async (prompt: string) => (await run(checkout.token(), { prompt })).answer;
const outputOf = async (prompt: string) => String((await ask(prompt))['output']);
const secretIn = async (name: string, key: string) =>
  Buffer.from(
    await kubectl(['get', `secret/${name}`, ...IN, '--output', `jsonpath={.data.${key}}`]),
    'base64',
  ).toString();
/** The secrets of the namespace that have nothing to do with Anthropic. */
const ownSecrets = async (): Promise<Record<string, string>> => ({
  'API token': checkout.token(),
  'callback secret': await secretIn('claude-callback-secret', 'secret'),
  'runner key': (await secretIn('claude-runner-key', 'key\\.pem')).split('\n')[1] ?? '',
  'token of the watchdog': await secretIn('claude-watchdog-token', 'token'),
  'webhook of Teams': NOTIFY_SETTINGS.teamsWebhookUrl,
  'API key of n8n': N8N_KEY,
  'token of a git host': GIT_TOKEN,
  // A line of what is private: the first ones hold the modulus.
  'private key of a GitHub App': APP_KEY.split('\n')[10] ?? '',
  'header of the collector': OTLP_HEADER,
});
/** What an attack that looks for these secrets gets, besides the token of its own run, which it has to find. */
const foundOf = async (secrets: Readonly<Record<string, string>>): Promise<string[]> => {
  const given = Object.entries(secrets).map(([name, value]) => secret(name, value));
  const found = foundIn(await outputOf(promptFor([attack('secrets', ...given)])));
  const own = found.filter((line) => line.endsWith(': the token of this run'));
  expect(own).not.toEqual([]);
  return found.filter((line) => !own.includes(line));
};
/** What a run must not reach, although something answers there, as `NAME=HOST:PORT`; a runner and n8n are probes. */
const unreachable = async (): Promise<string[]> => [
  `agent=${await addressOf('agent')}:3000`,
  `runner=${await addressOf('runner')}:7070`,
  `n8n=${await addressOf('n8n')}:5678`,
  'API-server=kubernetes.default.svc:443',
  'metadata=169.254.169.254:80',
  `double=${DOUBLE.name}.${DOUBLE.namespace}.svc:${DOUBLE.port}`,
];
/** Waits for that many runners at least, of which one may have a process that was started ahead. */
const thereAre = (least: number) =>
  until(
    `${least} runners`,
    async () => {
      const token = `Authorization: Bearer ${checkout.token()}`;
      const metrics = await inAgent('curl', '--silent', '--header', token, 'localhost:3000/metrics');
      const counts = [...metrics.matchAll(/^claude_agent_runners\{state="(?:ready|busy)"\} (\d)$/gm)];
      return counts.reduce((sum, [, count]) => sum + Number(count), 0) >= least ? true : undefined;
    },
    120,
  );
const podsOfRunners = async () => {
  const list = JSON.parse(await kubectl(['get', 'pods', ...IN, ...RUNNERS, '--output', 'json'])) as {
    items: { metadata: { name: string }; spec: { runtimeClassName?: string } }[];
  };
  return list.items;
};

const tokenOfVictim = async () => {
  for (const { metadata } of await podsOfRunners()) {
    const token = await kubectl(['exec', metadata.name, ...IN, '--', 'sh', '-c', ITS_TOKEN]).catch(() => '');
    if (token !== '') return token.trim();
  }
  return undefined;
};

describe('a prompt that attacks, by the real CLI in the cluster', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    const extraEgress = [{ namespace: DOUBLE.namespace, port: DOUBLE.port, for: 'agent' }];
    const settings = { ...NOTIFY_SETTINGS, ...GIT_AND_COLLECTOR, n8nApiKey: N8N_KEY, runners: '2', extraEgress };
    checkout = new Checkout({ settings });
    await checkout.fill();
    checkout.logIn(1);
    await checkout.setSecret('gitCredentials.app', APP_KEY);
    await checkout.setSecret('gitCredentials.token', GIT_TOKEN);
    await checkout.setSecret('otlpHeaders', `authorization=Bearer%20${OTLP_HEADER}`);
  });

  afterAll(async () => {
    await engine?.stop();
    await stopProbes();
    await kubectl(['delete', 'runtimeclass', RUNTIME_CLASS, '--ignore-not-found']);
    await takeDown(checkout);
  });

  describe('its runner and the agent', () => {
    attackSuite(async () => {
      await up();
      await startDouble(await image());
      await startProbes(await image());
      engine = await startEngine();
      isEnforced = await hasPolicyEngine();
      return {
        run: (attacks, words = '') => outputOf(promptFor(attacks) + words),
        secrets: {
          access: 'e2e-access-1-canary',
          refresh: 'e2e-refresh-1-canary',
          ...(await ownSecrets()),
        },
        roots: ['/'],
        runnerPort: 7070,
        freePort: 7071,
      };
    });

    test('gets nothing from the gateway by the token of a run that is in progress on another runner', async () => {
      const victim = outputOf(`[[bash:${VICTIM}]]`);
      const token = await until('the token of a run', tokenOfVictim);
      const output = await outputOf(promptFor([attack('gateway', '--token', token)]));
      expect(findingsIn(output)).toContainEqual(
        expect.objectContaining({ target: 'token 0 of another run', result: 'blocked', detail: '403' }),
      );
      expect(await victim).toBe('tool: still has its token');
    });

    test('reaches neither the agent, n8n and other runners nor the API server, where the cluster has an engine', async ({
      skip,
    }) => {
      if (!isEnforced) skip(NO_ENGINE);
      const places = await unreachable();
      const output = await outputOf(promptFor([attack('network', ...places)]));
      expect(findingsIn(output).length).toBeGreaterThanOrEqual(places.length);
      expect(foundIn(output)).toEqual([]);
    });
  });

  describe('overloads its runner: other runs go on, and the next ones find nothing of it', () => {
    const overload = (kind: string) => ask(promptFor([TELL_HOST, attack('overload', kind, String(TOO_MUCH))]));
    /** Has that many runs at once look for traces. Returns where they were. */
    const look = async (runs: number) => {
      const one = () => outputOf(promptFor([TELL_HOST, attack('traces')]) + '[[bash:sleep 3]]');
      const outputs = await Promise.all(Array.from({ length: runs }, one));
      for (const output of outputs) {
        expect(output).toContain('"attack":"traces"');
        expect(foundIn(output)).toEqual([]);
      }
      return outputs.map(hostOf);
    };
    let stopped: ReturnType<typeof overload>;

    // Until a stopped runner is replaced, half a minute goes by, in which two others are overloaded.
    beforeAll(async () => {
      await kubectl(['scale', 'deployment/claude-code-runner', ...IN, '--replicas=3']);
      await thereAre(3);
      stopped = overload('stop');
    });

    test.each(['output', 'disk', 'processes'])('%s', async (kind) => {
      await thereAre(2);
      const [ended, other] = await Promise.all([overload(kind), ask('[[bash:sleep 3; echo went on]]')]);
      expect(other).toMatchObject({ success: true, output: 'tool: went on' });
      expect(ended).toMatchObject({ outcome: 'succeeded' });
      const host = hostOf(String(ended['output']));
      expect(host).toMatch(/^claude-code-runner-/);
      const seen: (string | undefined)[] = [];
      while (!seen.includes(host) && seen.length < MOST_LOOKS) seen.push(...(await look(2)));
      expect(seen).toContain(host);
    });

    test('stop', async () => {
      expect(await stopped).toMatchObject({
        outcome: 'interrupted',
        error: expect.stringContaining('lost the connection to the runner') as string,
      });
      await thereAre(3);
      expect(new Set(await look(3)).size).toBe(3);
    });
  });

  test('fills the memory of its runner: its run fails with the figure, and the runner goes on', async () => {
    expect(await ask(promptFor([`node -e '${FILL_MEMORY}'`]))).toMatchObject({
      outcome: 'failed',
      error: expect.stringMatching(/It used 1,\d{3} of the 2,048 MiB of memory that its container has\./) as string,
    });
    await thereAre(2);
    expect(await outputOf('[[bash:echo goes on]]')).toBe('tool: goes on');
  });

  test('no runner is made for a runtime class that the cluster lacks, and the update says so', async () => {
    checkout.configure({ runnerRuntimeClass: RUNTIME_CLASS });
    const { exitCode, output } = await tryUp();
    expect(exitCode, output).not.toBe(0);
    expect(output).toContain(`runnerRuntimeClass is ${RUNTIME_CLASS}, which the cluster does not have`);
    const runtimeClass = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', handler: 'runc' };
    await kubectl(['apply', '--filename', '-'], JSON.stringify({ ...runtimeClass, metadata: { name: RUNTIME_CLASS } }));
  });

  test('an agent with an API key finds none, nor the access to the API server by which it deletes runners', async () => {
    checkout.configure({ authMode: 'apiKey', runnerReuse: false, runnerEgress: 'none' });
    await checkout.setSecret('claudeToken', API_KEY);
    await up();
    await thereAre(2);
    const secrets = { 'API key': API_KEY, 'ServiceAccount token of the agent': await inAgent('cat', ACCOUNT_FILE) };
    expect(await foundOf({ ...(await ownSecrets()), ...secrets })).toEqual([]);
    expect(await inAgent('claude', '-p', 'test')).toBe('echo: test');
  });

  test('is on a runner of the runtime class, which the agent deletes after it', async () => {
    for (const { spec } of await podsOfRunners()) expect(spec.runtimeClassName).toBe(RUNTIME_CLASS);
    const pod = (await outputOf('[[bash:hostname]]')).replace('tool: ', '');
    expect(pod).toMatch(/^claude-code-runner-/);
    await until('the pod to be deleted', async () =>
      (await podsOfRunners()).every(({ metadata }) => metadata.name !== pod) ? true : undefined,
    );
  });

  test('reaches the gateway and DNS without the internet, where the cluster has an engine', async ({ skip }) => {
    if (!isEnforced) skip(NO_ENGINE);
    const places = {
      'the gateway of the agent': `${await addressOf('agent')}:3001`,
      DNS: 'kube-dns.kube-system.svc:53',
      'the internet': `${PLACES['the internet'].address}:443`,
    };
    // Only our own engine comes with somebody who answers there.
    if (engine !== undefined) expect(await answers('agent', 'the internet')).toBe(true);
    const given = Object.entries(places).map(([name, place]) => `${name}=${place}`);
    const found = findingsIn(await outputOf(promptFor([attack('network', ...given)])));
    const reached = found.filter(({ result }) => result === 'found').map(({ target }) => target);
    expect(reached.sort()).toEqual(['DNS', 'the gateway of the agent']);
  });

  test('an agent with an identity that Anthropic trusts finds no token of it', async () => {
    checkout.configure({
      authMode: 'federation',
      federationRuleId: 'fdrl_e2e',
      federationOrganizationId: '00000000-0000-4000-8000-000000000000',
      anthropicBaseUrl: `http://127.0.0.1:${DOUBLE.port}`,
    });
    await up();
    await startDoubleBesideAgent('https://api.anthropic.com');
    await thereAre(2);
    const secrets = { identity: await inAgent('cat', IDENTITY_FILE), access: DEFAULT_FEDERATION.token };
    expect(await foundOf({ ...(await ownSecrets()), ...secrets })).toEqual([]);
  });
});
