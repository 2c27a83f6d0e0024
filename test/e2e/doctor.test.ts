import { existsSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Checkout, DOUBLE } from './checkout.ts';
import { control, kubectl, run, takeDown, until, watchdog } from './cluster.ts';
import { startDouble } from './doubles.ts';
import { NOTIFY_SETTINGS, startNotified } from './notified.ts';
import { missingRequirement } from './requirements.ts';
import { needs } from '../support/needs.ts';

const AGENT = ['--namespace', 'claude-agent'];
const DEPLOYMENT = 'deployment/claude-code-agent';
const RUNNERS = 'deployment/claude-code-runner';

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'broken' | 'skipped';
  readonly detail: string;
  readonly next?: string;
}

let checkout: Checkout;

async function doctor(...args: string[]): Promise<{ exitCode: number | undefined; findings: Finding[] }> {
  const { exitCode, output } = await checkout.npm('doctor', '--json', ...args);
  const { findings } = JSON.parse(output.slice(output.indexOf('{'))) as { findings: Finding[] };
  return { exitCode, findings };
}

/** A way to break the system: what breaks and mends it, and what the doctor has to say. */
interface Break {
  readonly title: string;
  readonly check: string;
  readonly says: RegExp;
  readonly next: RegExp;
  readonly breaks: () => Promise<unknown>;
  readonly mends: () => Promise<unknown>;
  /** Looks at the drift too. */
  readonly whole?: boolean;
}

/** The pod is ready, and the Service leads to it. */
async function settled(): Promise<void> {
  await kubectl(['rollout', 'status', DEPLOYMENT, ...AGENT, '--timeout=100s']);
  await until('the Service', async () => {
    const double = ['--namespace', DOUBLE.namespace, `deployment/${DOUBLE.name}`];
    await kubectl([
      'exec',
      ...double,
      '--',
      'curl',
      '--silent',
      '--fail',
      'http://claude-agent.claude-agent.svc/ready',
    ]);
    return true;
  });
}
const scale = (what: string, namespace: string, replicas: number) =>
  kubectl(['scale', `deployment/${what}`, '--namespace', namespace, `--replicas=${replicas}`]);
/** Gives the runners another runtime class. */
const runtimeClass = (name: string) =>
  kubectl(['patch', RUNNERS, ...AGENT, '--patch', `{"spec":{"template":{"spec":{"runtimeClassName":${name}}}}}`]);
const callAgent = (path: string, body: object) =>
  kubectl(
    [
      ...['exec', '--stdin', '--namespace', DOUBLE.namespace, `deployment/${DOUBLE.name}`, '--'],
      ...['curl', '--silent', '--fail', '--header', '@-', '--data', JSON.stringify(body)],
      `http://claude-agent.claude-agent.svc${path}`,
    ],
    `Authorization: Bearer ${checkout.token()}\nContent-Type: application/json\n`,
  );
const move = (from: string, to: string) => rename(checkout.at(from), checkout.at(to));
const TOKEN_FILE = '.local/agent-token';

const BREAKS: readonly Break[] = [
  {
    title: 'a Deployment that somebody scaled to none',
    check: 'pod',
    says: /scaled to 0/,
    next: /^npm run up$/,
    breaks: () => scale('claude-code-agent', 'claude-agent', 0),
    mends: () => scale('claude-code-agent', 'claude-agent', 1).then(settled),
  },
  {
    title: 'runners that somebody scaled to none',
    check: 'runners',
    says: /scaled to 0/,
    next: /^npm run up$/,
    breaks: () => scale('claude-code-runner', 'claude-agent', 0),
    mends: async () => {
      await scale('claude-code-runner', 'claude-agent', 1);
      await kubectl(['rollout', 'status', RUNNERS, ...AGENT, '--timeout=100s']);
    },
  },
  {
    title: 'a runtime class that somebody took from the cluster, although the runners before are ready',
    check: 'runners',
    says: /RuntimeClass "gone" not found/,
    next: /get events/,
    breaks: async () => {
      await runtimeClass('"gone"');
      const conditions = "jsonpath={.status.conditions[?(@.type=='ReplicaFailure')].status}";
      await until('the pod that is refused', async () =>
        (await kubectl(['get', RUNNERS, ...AGENT, '--output', conditions])) === 'True' ? true : undefined,
      );
    },
    mends: async () => {
      await runtimeClass('null');
      await kubectl(['rollout', 'status', RUNNERS, ...AGENT, '--timeout=100s']);
    },
  },
  {
    title: 'an image that is not in the registry',
    check: 'pod',
    says: /ErrImagePull|ImagePullBackOff/,
    next: /npm run up/,
    breaks: async () => {
      const image = (await kubectl(['get', DEPLOYMENT, ...AGENT, '--output', IMAGE_PATH])).replace(/@.*/, '');
      await kubectl(['set', 'image', DEPLOYMENT, ...AGENT, `claude-code-agent=${image}@sha256:${'0'.repeat(64)}`]);
      await until('the image that is missing', async () =>
        (await kubectl(['get', 'pods', ...AGENT])).includes('ImagePull') ? true : undefined,
      );
    },
    mends: () => kubectl(['rollout', 'undo', DEPLOYMENT, ...AGENT]).then(settled),
  },
  {
    title: 'an agent that was paused and forgotten',
    check: 'agent',
    says: /paused since .*: nobody remembers/,
    next: /Resume .*troubleshooting\.md#paused-by-a-person/,
    breaks: () => callAgent('/pause', { reason: 'nobody remembers' }),
    mends: () => callAgent('/resume', {}),
  },
  {
    title: 'a login that was revoked',
    check: 'login',
    says: /Anthropic rejected it: session/,
    next: /^npm run login && npm run up$/,
    breaks: async () => {
      await control('PUT', '', { mode: '[[fail:token_revoked]]' });
      await run(checkout.token(), { prompt: 'refused' });
    },
    mends: async () => {
      await control('DELETE');
      await run(checkout.token(), { prompt: 'works' });
    },
  },
  {
    title: 'runs of which none succeeded of late',
    check: 'runs',
    says: /of the last \d+ succeeded; the last: auth_failed/,
    next: /GET \/runs\//,
    breaks: async () => {
      await control('PUT', '', { mode: '[[fail:token_revoked]]' });
      for (const prompt of ['one', 'two', 'three']) await run(checkout.token(), { prompt });
    },
    mends: async () => {
      await control('DELETE');
      await run(checkout.token(), { prompt: 'works' });
    },
  },
  {
    title: 'an API token that is not that of the agent',
    check: 'runs',
    says: /does not accept this machine's API token/,
    next: /npm run up/,
    breaks: async () => {
      await move(TOKEN_FILE, '.local/right-token');
      writeFileSync(checkout.at(TOKEN_FILE), 'another');
    },
    mends: () => move('.local/right-token', TOKEN_FILE),
  },
  {
    title: 'a watchdog that somebody suspended',
    check: 'watchdog',
    says: /suspended/,
    next: /^npm run up$/,
    breaks: () => kubectl(['patch', 'cronjob/claude-auth-watchdog', ...AGENT, '--patch', '{"spec":{"suspend":true}}']),
    mends: () => kubectl(['patch', 'cronjob/claude-auth-watchdog', ...AGENT, '--patch', '{"spec":{"suspend":false}}']),
  },
  {
    title: 'workflows that are paused, since somebody has to log in',
    check: 'ledger',
    says: /auth_failed since/,
    next: /create job --from=cronjob\/claude-auth-watchdog/,
    breaks: async () => {
      await control('PUT', '', { mode: '[[fail:token_revoked]]' });
      await run(checkout.token(), { prompt: 'refused' });
      await watchdog('doctor-red');
    },
    mends: async () => {
      await control('DELETE');
      await run(checkout.token(), { prompt: 'works' });
      await watchdog('doctor-green');
    },
  },
  {
    title: 'an n8n that is gone',
    check: 'n8n',
    says: /n8n-api/,
    next: /n8nApiUrl/,
    breaks: () => scale('n8n-api', DOUBLE.namespace, 0),
    mends: () => scale('n8n-api', DOUBLE.namespace, 1),
  },
  {
    title: 'a network policy that somebody edited',
    check: 'drift',
    says: /default-deny/,
    next: /npm run up/,
    breaks: () =>
      kubectl(['patch', 'networkpolicy/default-deny', ...AGENT, '--patch', '{"spec":{"policyTypes":["Ingress"]}}']),
    mends: () =>
      kubectl([
        ...['patch', 'networkpolicy/default-deny', ...AGENT],
        ...['--patch', '{"spec":{"policyTypes":["Ingress","Egress"]}}'],
      ]),
    whole: true,
  },
  {
    title: 'a context of the kubeconfig that is not there',
    check: 'cluster',
    says: /nowhere/,
    next: /get-contexts/,
    breaks: () => checkout.npm('pulumi', 'config', 'set', 'kubeContext', 'nowhere'),
    mends: () => checkout.npm('pulumi', 'config', 'rm', 'kubeContext'),
  },
  {
    title: 'a passphrase that was lost',
    check: 'state',
    says: /passphrase/,
    next: /passphrase|PULUMI_CONFIG_PASSPHRASE/,
    breaks: () => move('.local/passphrase', '.local/lost'),
    mends: () => move('.local/lost', '.local/passphrase'),
  },
];
const IMAGE_PATH = 'jsonpath={.spec.template.spec.containers[0].image}';

describe('npm run doctor', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    checkout = new Checkout({ settings: NOTIFY_SETTINGS });
    await checkout.fill();
  });

  afterAll(async () => {
    await takeDown(checkout);
  });

  test('says of a checkout that deployed nothing what to do first, and makes nothing', async () => {
    const { exitCode, findings } = await doctor();
    expect(exitCode).toBe(1);
    expect(findings.find(({ state }) => state === 'broken')).toMatchObject({
      check: 'state',
      next: 'npm run login && npm run up',
    });
    expect(existsSync(checkout.at('.local', 'passphrase'))).toBe(false);
  });

  test('finds nothing wrong with a system that is well', async () => {
    checkout.logIn(2);
    const { exitCode, output } = await checkout.npm('up', '--yes', '--skip-preview', '--non-interactive');
    expect(exitCode, output).toBe(0);
    const image = await kubectl(['get', DEPLOYMENT, ...AGENT, '--output', IMAGE_PATH]);
    await startDouble(image);
    await startNotified(image);
    await run(checkout.token(), { prompt: 'works' });
    expect(await watchdog('doctor-first')).toMatchObject({ exitCode: 0 });
    const healthy = await doctor();
    expect(healthy.findings.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(healthy.exitCode).toBe(0);
  });

  test.each(BREAKS)('names $title', async ({ check, says, next, breaks, mends, whole }) => {
    await breaks();
    try {
      const { exitCode, findings } = await doctor(...(whole ? [] : ['--quick']));
      const named = findings.find((finding) => finding.check === check);
      expect(named, JSON.stringify(findings, null, 1)).toMatchObject({ state: 'broken' });
      expect(named?.detail).toMatch(says);
      expect(named?.next).toMatch(next);
      expect(exitCode).toBe(1);
    } finally {
      await mends();
    }
  });

  test('finds nothing wrong once all of it is mended', async () => {
    const { findings } = await doctor();
    expect(findings.filter(({ state }) => state === 'broken')).toEqual([]);
  });
});
