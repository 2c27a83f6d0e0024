import { appendFileSync, renameSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { Checkout, seen } from './checkout.ts';
import { agentPod, inAgent, kubectl, until } from './cluster.ts';
import { missingRequirement } from './requirements.ts';
import { needs } from '../support/needs.ts';

let checkout: Checkout;
let elsewhere: Checkout;
const UP = ['--yes', '--skip-preview', '--non-interactive'];
const IN = ['--namespace', 'claude-agent'];
const measured = (what: string, seconds: number) => console.info(`${what}: ${seconds.toFixed(1)} s`);
const stackOutput = async (name: string) => (await checkout.pulumi('stack', 'output', name, '--stack', 'dev')).trim();

async function up(from = checkout): Promise<string> {
  const { exitCode, output, seconds } = await from.npm('up', ...UP);
  expect(exitCode, output).toBe(0);
  measured('up', seconds);
  return output;
}

/** What a preview says that starts from what the cluster has. */
async function preview(from = checkout): Promise<string> {
  const { exitCode, output } = await from.npm('preview', '--refresh', '--non-interactive');
  expect(exitCode, output).toBe(0);
  return output;
}

async function agreesWithCluster(from = checkout): Promise<void> {
  const { exitCode, output } = await from.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
  expect(exitCode, output).toBe(0);
}

/** Until the test ends there is no file where the first machine has its kubeconfig. */
function hideKubeconfig(): void {
  const aside = `${checkout.kubeconfig}-of-the-first-machine`;
  renameSync(checkout.kubeconfig, aside);
  onTestFinished(() => renameSync(aside, checkout.kubeconfig));
}

const field = (object: string, path: string) => kubectl(['get', object, ...IN, '--output', `jsonpath=${path}`]);
const imageOf = () => field('deployment/claude-code-agent', '{.spec.template.spec.containers[0].image}');

describe('after an accident', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    checkout = new Checkout();
    await checkout.fill();
    checkout.logIn(2);
    // The same state, and nothing else of what the first one has.
    elsewhere = new Checkout({ env: { ...checkout.stateElsewhere(), DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
    await elsewhere.fill();
  });

  afterAll(async () => {
    await checkout.npm('down', ...UP);
    elsewhere.remove();
    checkout.remove();
  });

  describe('an update that is cut off', () => {
    // Each one goes on from where the one before was killed, so that together they meet most of the objects.
    test('comes to its end by running it again, wherever it was killed', async () => {
      for (const count of [1, 6, 9]) {
        await checkout.npmCutOff('up', UP, seen(/^ \+ +(kubernetes|docker):\S+ \S+ creat(ing|ed) \(/, count));
      }
      await checkout.npmCutOff('up', UP, seen(/agent-deployment creating/));
      await up();
      expect(await up()).toMatch(/Resources:\n\s+\d+ unchanged/);
      await agreesWithCluster();
      const state = JSON.parse(await checkout.pulumi('stack', 'export', '--stack', 'dev')) as {
        deployment: { pending_operations?: unknown[]; resources: { urn: string }[] };
      };
      expect(state.deployment.pending_operations ?? []).toEqual([]);
      const urns = state.deployment.resources.map(({ urn }) => urn);
      expect(new Set(urns).size).toBe(urns.length);
      expect((await agentPod()).revision).toBe('1');
    });

    test('rolls the pod once more or not at all when it was killed in a rollout', async () => {
      checkout.configure({ queueLimit: '50' });
      await checkout.npmCutOff('up', UP, seen(/agent-deployment updating/));
      await up();
      expect(await inAgent('printenv', 'AGENT_QUEUE_LIMIT')).toBe('50');
      expect((await agentPod()).revision).toBe('2');
      await agreesWithCluster();
    });

    test('is waited for while it runs', async () => {
      const lock = checkout.at('.local/pulumi/.pulumi/locks/organization/claude-code-agent/dev/held.json');
      writeFileSync(lock, JSON.stringify({ pid: 1, username: 'ann', hostname: 'laptop-a', timestamp: 'T' }));
      const { exitCode, output } = await checkout.npm('up', ...UP);
      expect(exitCode).toBe(1);
      expect(output).toContain('has been locked by an update of ann@laptop-a (process 1) since T');
      expect(output).toContain('npm run pulumi -- cancel --yes');
      expect((await checkout.npm('pulumi', 'cancel', '--yes')).exitCode).toBe(0);
    });
  });

  describe('drift', () => {
    const drifts: [string, RegExp, () => Promise<unknown>, () => Promise<unknown>][] = [
      [
        'another image',
        /~ +kubernetes:apps\/v1:Deployment agent-deployment update/,
        () => kubectl(['set', 'image', 'deployment/claude-code-agent', 'claude-code-agent=127.0.0.1:1/gone:1', ...IN]),
        async () => expect(await imageOf()).toBe(await stackOutput('image')),
      ],
      [
        'no replica',
        /~ +kubernetes:apps\/v1:Deployment agent-deployment update/,
        () => kubectl(['scale', 'deployment/claude-code-agent', '--replicas=0', ...IN]),
        async () => expect(await field('deployment/claude-code-agent', '{.status.readyReplicas}')).toBe('1'),
      ],
      [
        'objects that were deleted',
        /(\+ .*(agent-service|network-default-deny|watchdog-cronjob|updates-shown|watchdog-account|tokens-agent) create[^]*){6}/,
        () =>
          kubectl([
            'delete',
            'service/claude-agent',
            'networkpolicy/default-deny',
            'cronjob/claude-auth-watchdog',
            'configmap/claude-agent-updates',
            'serviceaccount/claude-auth-watchdog',
            'secret/claude-agent-token',
            ...IN,
          ]),
        async () => expect(await field('configmap/claude-agent-updates', '{.data.1}')).toContain('"queueLimit":"100"'),
      ],
      [
        'an opened network policy',
        /~ +kubernetes:networking.k8s.io\/v1:NetworkPolicy network-default-deny update/,
        () =>
          kubectl(['patch', 'networkpolicy/default-deny', ...IN, '--patch', '{"spec":{"egress":[{}],"ingress":[{}]}}']),
        async () => expect(await field('networkpolicy/default-deny', '{.spec.egress}{.spec.ingress}')).toBe(''),
      ],
    ];
    test.each(drifts)('%s: preview tells, up mends', async (_what, told, change, mended) => {
      await change();
      expect(await preview()).toMatch(told);
      await up();
      await mended();
      await agreesWithCluster();
    });

    test('a login that somebody applied by hand: not replaced by an older one, but by a newer', async () => {
      const login = (generation: number) => ({
        claudeAiOauth: { accessToken: 'by-hand', refreshToken: 'by-hand', expiresAt: 4_000_000_000_000 + generation },
      });
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'claude-session', namespace: 'claude-agent' },
        stringData: { '.credentials.json': JSON.stringify(login(5)) },
      };
      await kubectl(['apply', '--server-side', '--force-conflicts', '--filename', '-'], JSON.stringify(secret));
      const refused = await checkout.npm('up', ...UP);
      expect(refused.exitCode, refused.output).not.toBe(0);
      expect(refused.output).toContain('is older than the one the stack has');
      checkout.logIn(6);
      await up();
      expect(await inAgent('cat', '/var/run/claude-session/.credentials.json')).toContain('e2e-refresh-6-canary');
      await agreesWithCluster();
    });

    test('a restart by hand is none', async () => {
      await kubectl(['rollout', 'restart', 'deployment/claude-code-agent', ...IN]);
      await kubectl(['rollout', 'status', 'deployment/claude-code-agent', ...IN, '--timeout=100s']);
      const pod = await agentPod();
      await agreesWithCluster();
      expect(await up()).toMatch(/Resources:\n\s+\d+ unchanged/);
      expect(await agentPod()).toEqual(pod);
    });
  });

  describe('going back', () => {
    let first: string;

    test('lists every update with its number, time, image and what it changed', async () => {
      first = await stackOutput('image');
      appendFileSync(checkout.at('watchdog', 'main.ts'), '\n// A change that turns out to be bad.\n');
      checkout.configure({ queueLimit: '1' });
      await up();
      expect(await stackOutput('image')).not.toBe(first);
      const { exitCode, output } = await checkout.npm('rollback');
      expect(exitCode, output).toBe(0);
      const rows = output.split('\n').map((line) => line.split(/ {2,}/));
      expect(rows[0]).toEqual(['update', 'when', 'image', 'what it changed']);
      expect(rows.slice(1, 5).map(([number, , , changed]) => [number, changed])).toEqual([
        ['4', 'image, queueLimit 50 -> 1'],
        ['3', 'login'],
        ['2', 'queueLimit 100 -> 50'],
        ['1', 'oldest recorded update'],
      ]);
      expect(first).toContain(rows[2]?.[2] ?? 'no digest');
      expect(JSON.stringify(output) + (await kubectl(['get', 'configmaps', ...IN, '--output', 'yaml']))).not.toContain(
        'canary',
      );
    });

    test('is one command on another machine, without login, token, Docker or a build, and keeps the login', async () => {
      hideKubeconfig();
      const unasked = await elsewhere.npm('rollback', '2');
      expect(unasked.exitCode).toBe(1);
      expect(unasked.output).toContain(
        'There is no terminal to ask for confirmation. To roll back without asking, pass --yes.',
      );
      const { exitCode, output, seconds } = await elsewhere.npm('rollback', '2', '--yes', '--non-interactive');
      expect(exitCode, output).toBe(0);
      measured('rollback', seconds);
      expect(output).toMatch(
        /^Roll back to update 2 of [^]*image [0-9a-f]{12} -> [0-9a-f]{12}, pinned[^]*login was different: the login in the cluster stays/,
      );
      expect(await imageOf()).toBe(first);
      expect(await inAgent('printenv', 'AGENT_QUEUE_LIMIT')).toBe('50');
      expect(await inAgent('cat', '/data/claude/.credentials.json')).toContain('e2e-refresh-6-canary');
      expect(await elsewhere.gitStatus()).toBe(' M Pulumi.dev.yaml');
    });

    test('stays: a plain up there changes nothing, and one from a checkout without the pin says that it leaves it', async () => {
      expect(await preview()).toMatch(/warning: Update 5 \([^)]*\) pinned the image .*npm run rollback -- 5/);
      hideKubeconfig();
      await agreesWithCluster(elsewhere);
      expect(await up(elsewhere)).toMatch(/Resources:\n\s+\d+ unchanged/);
    });

    test('may begin with kubectl rollout undo; the stack then says so, and takes it back or makes it last', async () => {
      const undo = async () => {
        await kubectl(['rollout', 'undo', 'deployment/claude-code-agent', ...IN]);
        await kubectl(['rollout', 'status', 'deployment/claude-code-agent', ...IN, '--timeout=100s']);
      };
      await undo();
      expect(await imageOf()).not.toBe(first);
      expect(await preview(elsewhere)).toMatch(/~ +kubernetes:apps\/v1:Deployment agent-deployment update/);
      await up(elsewhere);
      expect(await imageOf()).toBe(first);

      await undo();
      const undone = await agentPod();
      const { exitCode, output } = await elsewhere.npm('rollback', '4', '--yes', '--non-interactive');
      expect(exitCode, output).toBe(0);
      expect((await agentPod()).uid).toBe(undone.uid);
      expect(await inAgent('printenv', 'AGENT_QUEUE_LIMIT')).toBe('1');
      await agreesWithCluster(elsewhere);
    });

    test('works by the plain config, too', async () => {
      checkout.configure({ image: first });
      await up();
      expect(await imageOf()).toBe(first);
      await agreesWithCluster();
    });
  });

  test('goes away without a rest after a down that was killed', async () => {
    await checkout.npmCutOff('down', UP, seen(/deleted \(/, 3));
    const { exitCode, output } = await checkout.npm('down', ...UP);
    expect(exitCode, output).toBe(0);
    await until('the end of the namespace', async () =>
      (await kubectl(['get', 'namespaces', '--output', 'name'])).includes('claude-agent') ? undefined : true,
    );
  });
});
