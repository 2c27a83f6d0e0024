import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { needs } from '../support/needs.ts';
import { Checkout } from './checkout.ts';
import { agentPod, call, control, inAgent, kubectl, run, takeDown } from './cluster.ts';
import { startDouble } from './doubles.ts';
import { missingRequirement } from './requirements.ts';

/** The last commit of version 0.1.0. */
const VERSION_0_1_0 = '82d5ee5';

async function missingVersion(): Promise<string | undefined> {
  const { exitCode } = await execa('git', ['cat-file', '-e', `${VERSION_0_1_0}^{commit}`], { reject: false });
  return exitCode === 0 ? undefined : `This clone has no commit ${VERSION_0_1_0}: git fetch --unshallow`;
}

const BACKUP = 'version-0.1.0.tar.gz';
/** The login that the pod has, once its `claude` renewed the one of `up`. */
const RENEWED = {
  accessToken: 'e2e-access-renewed-canary',
  refreshToken: 'e2e-refresh-renewed-canary',
  expiresAt: Date.now() + 8 * 3_600_000,
  scopes: ['user:inference', 'user:profile'],
  subscriptionType: 'max',
};
const LOGIN = '/data/claude/.credentials.json';

let checkout: Checkout;
let runId: string;
let sessionId: string;
const up = () => checkout.npm('up', '--yes', '--skip-preview', '--non-interactive');

/** Every object of the namespace by kind and name, with its uid; without what a Deployment makes anew for a new pod. */
async function objects(): Promise<Record<string, string>> {
  const kinds = (await kubectl(['api-resources', '--namespaced', '--verbs=list', '--output', 'name']))
    .trim()
    .split('\n')
    .filter((kind) => !/^(pods|events|replicasets|endpoints|endpointslices|controllerrevisions|jobs)\b/.test(kind));
  const list = JSON.parse(
    await kubectl(['get', kinds.join(','), '--namespace', 'claude-agent', '--output', 'json']),
  ) as { items: { kind: string; metadata: { name: string; uid: string } }[] };
  return Object.fromEntries(list.items.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.uid]));
}

describe(
  'an update of a stack that version 0.1.0 deployed',
  needs((await missingRequirement()) ?? (await missingVersion())),
  () => {
    beforeAll(async () => {
      // What that version does without the key, too.
      checkout = new Checkout({ settings: { workspaceLifetime: 'keep' } });
      await checkout.fill(VERSION_0_1_0);
      checkout.logIn(1);
    });

    afterAll(async () => {
      await takeDown(checkout);
    });

    test('adds runners and says so, replaces nothing but the pod, and keeps records and conversations', async () => {
      const first = await up();
      expect(first.exitCode, first.output).toBe(0);
      await startDouble((await checkout.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim());
      await kubectl(
        [
          ...['exec', '--stdin', '--namespace', 'claude-agent', 'deployment/claude-code-agent', '--'],
          ...['sh', '-c', `cat > ${LOGIN}`],
        ],
        JSON.stringify({ claudeAiOauth: RENEWED }),
      );
      const { answer } = await run(checkout.token(), { prompt: 'Remember me' });
      expect(answer).toMatchObject({ success: true });
      const backup = await checkout.npm('backup', checkout.at(BACKUP));
      expect(backup.exitCode, backup.output).toBe(0);
      const before = { objects: await objects(), pod: await agentPod() };
      expect(Object.keys(before.objects)).toContain('Deployment claude-code-agent');

      await checkout.fill();
      const tooEarly = await checkout.npm('backup');
      expect(tooEarly.exitCode, tooEarly.output).toBe(2);
      expect(tooEarly.output).toContain('an older version of the agent, which has no backup program');
      for (const { exitCode, output } of [await checkout.npm('preview', '--non-interactive'), await up()]) {
        expect(exitCode, output).not.toBe(0);
        expect(output).toContain("workspaceLifetime is keep, but a runner's workspace is emptied after each run");
        for (const way of ['config rm workspaceLifetime', 'config set runners 0']) expect(output).toContain(way);
      }
      expect(await objects()).toEqual(before.objects);
      checkout.configure({ workspaceLifetime: undefined });
      const preview = await checkout.npm('preview', '--non-interactive');
      for (const { exitCode, output } of [preview, await up()]) {
        expect(exitCode, output).toBe(0);
        expect(output).toContain("moves runs from the agent's pod to runners");
        expect(output).toContain('a request with a workdir is refused');
        expect(output).toContain('npm run pulumi -- config set runners 0');
        expect(output).not.toMatch(/\d+ (deleted|replaced|to delete|to replace)/);
      }
      const after = await objects();
      expect(after).toMatchObject(before.objects);
      const added = Object.keys(after).filter((name) => !(name in before.objects));
      expect(added.sort()).toEqual([
        'Deployment claude-code-runner',
        'NetworkPolicy allow-runner',
        'Secret claude-runner-key',
        'Service claude-code-runner',
        'ServiceAccount claude-code-runner',
      ]);
      expect((await agentPod()).uid).not.toBe(before.pod.uid);
      expect(JSON.parse(await inAgent('cat', LOGIN))).toMatchObject({ claudeAiOauth: RENEWED });
      const { answer: record } = await call(checkout.token(), `/runs/${String(answer['runId'])}`);
      expect(record).toMatchObject({ outcome: 'succeeded', output: 'echo: Remember me' });
      const { answer: next } = await run(checkout.token(), { prompt: 'Go on', sessionId: answer['sessionId'] });
      expect(next).toMatchObject({ success: true, sessionId: answer['sessionId'] });
      const asked = (await control('GET', '/requests')) as { prompt: string; credential: object }[];
      expect(asked.find(({ prompt }) => prompt === 'Go on')?.credential).toMatchObject({ value: RENEWED.accessToken });
      const again = await up();
      expect(again.output).toMatch(/Resources:\n\s+\d+ unchanged/);
      expect(again.output).not.toContain('moves runs');
      runId = String(answer['runId']);
      sessionId = String(answer['sessionId']);
    });

    test('restores a backup that version 0.1.0 made, with its records and conversations', async () => {
      const { answer: later } = await run(checkout.token(), { prompt: 'Forget me' });
      const args = ['--only', 'volume', '--yes', '--overwrite'];
      const { exitCode, output } = await checkout.npm('restore', checkout.at(BACKUP), ...args);
      expect(exitCode, output).toBe(0);
      await kubectl([
        'rollout',
        'status',
        'deployment/claude-code-agent',
        '--namespace=claude-agent',
        '--timeout=110s',
      ]);
      const { answer: record } = await call(checkout.token(), `/runs/${runId}`);
      expect(record).toMatchObject({ outcome: 'succeeded', output: 'echo: Remember me' });
      expect((await call(checkout.token(), `/runs/${String(later['runId'])}`)).status).toBe(404);
      const { answer } = await run(checkout.token(), { prompt: 'Go on', sessionId });
      expect(answer).toMatchObject({ success: true, sessionId });
    });

    test('keeps the workspace again, on a volume of its runner, and nothing else that a run leaves there', async () => {
      checkout.configure({ workspaceStorage: 'volume', workspaceLifetime: 'keep' });
      const { exitCode, output } = await up();
      expect(exitCode, output).toBe(0);
      const leave = '[[bash:mkdir shop; echo kept > shop/note; echo lost > ~/note; hostname]]';
      const { answer: first } = await run(checkout.token(), { prompt: leave });
      expect(first['output']).toMatch(/^tool: claude-code-runner-/);
      const { answer: next } = await run(checkout.token(), {
        prompt: '[[bash:cat note; cat ~/note 2>&1; hostname]]',
        workdir: '/workspace/shop',
      });
      expect(next['output']).toMatch(/^tool: kept\n.*No such file.*\nclaude-code-runner-/);
    });
  },
);
