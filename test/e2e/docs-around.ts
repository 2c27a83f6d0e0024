import { appendFileSync, readFileSync, statSync } from 'node:fs';

import { execa } from 'execa';
import { expect } from 'vitest';
import { parse } from 'yaml';

import type { Checkout } from './checkout.ts';
import { agentPod, control, inAgent, kubectl, run, until, watchdog } from './cluster.ts';
import { startDouble } from './doubles.ts';
import { n8nControl, startNotified, teamsCards } from './notified.ts';

/** What happens between the blocks: what brings the reader to a block, and what has to be true after it. */
export interface Around {
  readonly before?: () => unknown;
  readonly after?: (output: string) => unknown;
}

const AGENT = ['--namespace', 'claude-agent'];
const LIVING = '/data/claude/.credentials.json';
const IMAGE = '{.spec.template.spec.containers[0].image}';
const imageOf = () => kubectl(['get', 'deployment/claude-code-agent', ...AGENT, '--output', `jsonpath=${IMAGE}`]);
const lastCard = async () => (await teamsCards()).at(-1);
const workflows = async () => (await n8nControl('GET')).workflows;

const SCHEDULE_SECONDS = 1800;
const MARGIN_SECONDS = 10;

/** Waits until no pass of the watchdog's own schedule is about to start or starting: such a pass has no log yet. */
const betweenPasses = () =>
  until('no pass that is starting', async () => {
    const second = (Date.now() / 1000) % SCHEDULE_SECONDS;
    if (second < MARGIN_SECONDS || second > SCHEDULE_SECONDS - MARGIN_SECONDS) return undefined;
    const active = await kubectl(['get', 'jobs', ...AGENT, '--output', 'jsonpath={.items[*].status.active}']);
    return active.trim() === '' ? true : undefined;
  });

/** A login of test/doubles/login by its number, as it would be found in a file: plain, and in base64. */
const tracesOf = (number: number) => {
  const plain = `e2e-refresh-${number}-canary`;
  return [plain, ...[0, 1, 2].map((shift) => base64Inside(plain, shift))];
};

/** What is the same wherever a text begins in something that is encoded. */
function base64Inside(text: string, shift: number): string {
  return Buffer.from(`${'x'.repeat(shift)}${text}`)
    .toString('base64')
    .slice(4, -4);
}

/** The steps of the guide that something happens around, and what the reader puts where a block has an example. */
export function aroundSteps(
  checkout: Checkout,
  laptop: Checkout,
): { steps: Readonly<Record<string, Around>>; values: Readonly<Record<string, string>> } {
  const values: Record<string, string> = {};
  let pod: Awaited<ReturnType<typeof agentPod>>;
  let token: string;
  let laterImage: string;

  const remember = async () => (pod = await agentPod());
  /** The pod is another one, and no other came in between. */
  const rolledOnce = async () => {
    const now = await agentPod();
    expect(now.uid).not.toBe(pod.uid);
    expect(Number(now.revision)).toBe(Number(pod.revision) + 1);
    pod = now;
  };
  const livesOn = async (number: number) =>
    expect(await inAgent('cat', LIVING)).toContain(`e2e-refresh-${number}-canary`);
  const isAnswered = async () =>
    expect(await run(checkout.token(), { prompt: 'works' })).toMatchObject({ status: 200, answer: { success: true } });
  const backup = (file: string) => checkout.at('.local', 'backup', file);
  const agreesWithCluster = async () => {
    const { exitCode, output } = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(exitCode, output).toBe(0);
  };

  const steps: Record<string, Around> = {
    deploy: {
      after: async () => {
        expect(await checkout.gitStatus()).toBe('');
        await startDouble(await imageOf());
        await startNotified(await imageOf());
        await n8nControl('POST', '/add?name=Invoices');
      },
    },
    call: { after: (output) => expect(output).toContain('"output":"echo: Say hello"') },
    'claude-answers': { after: (output) => expect(output).toContain('echo: test') },
    'watchdog-history': {
      before: async () => {
        await watchdog('scheduled');
        await betweenPasses();
      },
    },
    login: {
      before: async () => {
        await control('PUT', '', { mode: '[[fail:token_revoked]]' });
        await run(checkout.token(), { prompt: 'refused' });
        expect(await watchdog('red')).toMatchObject({ exitCode: 57 });
        expect(await lastCard()).toMatchObject({ fallbackText: 'Claude needs a new login' });
        expect(await workflows()).toMatchObject([{ active: false }]);
        await remember();
      },
      after: async () => expect(await agentPod()).toEqual(pod),
    },
    'login-up': {
      before: () => control('DELETE'),
      after: async () => {
        await rolledOnce();
        await livesOn(2);
      },
    },
    'login-rolled': {
      after: (output) => {
        const sessions = [...output.matchAll(/session ([0-9a-f]{12})/g)].map(([, session]) => session);
        expect(sessions).toHaveLength(2);
        expect(sessions[0]).not.toBe(sessions[1]);
      },
    },
    'login-answers': { after: (output) => expect(output).toBe('echo: test') },
    'login-green': {
      after: async () => {
        expect(await lastCard()).toMatchObject({ fallbackText: 'Claude works again' });
        expect(await workflows()).toMatchObject([{ active: true }]);
      },
    },
    'old-login': {
      before: () => checkout.npm('login'),
      after: async () => {
        await rolledOnce();
        await livesOn(3);
      },
    },
    'old-login-taken': {
      after: async () => {
        await rolledOnce();
        await livesOn(3);
        const state = readFileSync(checkout.at('.local/pulumi/.pulumi/stacks/claude-code-agent/dev.json'), 'utf8');
        for (const trace of tracesOf(3)) expect(state).not.toContain(trace);
        await agreesWithCluster();
      },
    },
    'update-preview': {
      before: async () => {
        values['earlierImage'] = await imageOf();
        // As a `git pull` on both machines would.
        for (const machine of [checkout, laptop]) appendFileSync(machine.at('watchdog', 'main.ts'), '\n// A change.\n');
      },
      after: async () => expect(await imageOf()).toBe(values['earlierImage']),
    },
    'update-up': {
      after: async () => {
        await rolledOnce();
        laterImage = await imageOf();
        expect(laterImage).not.toBe(values['earlierImage']);
      },
    },
    'rollback-list': {
      after: (output) => {
        const rows = [...output.matchAll(/^(\d+) +\S+ \S+ +([0-9a-f]{12}) /gm)].map(([, number = '', image = '']) => ({
          number,
          image,
        }));
        expect(laterImage).toContain(rows[0]?.image);
        expect(values['earlierImage']).toContain(rows[1]?.image);
        values['laterUpdate'] = rows[0]?.number ?? '';
        values['earlierUpdate'] = rows[1]?.number ?? '';
      },
    },
    'rollback-to': {
      after: async () => {
        expect(await imageOf()).toBe(values['earlierImage']);
        await livesOn(3);
      },
    },
    'rollback-on': { after: async () => expect(await imageOf()).toBe(laterImage) },
    'pin-find': {
      before: async () => {
        const list = JSON.parse(await kubectl(['get', 'replicasets', ...AGENT, '--output', 'json'])) as {
          items: { metadata: { annotations: Record<string, string> }; spec: { template: object } }[];
        };
        const found = list.items.find(({ spec }) => JSON.stringify(spec).includes(String(values['earlierImage'])));
        values['earlierRevision'] = `--revision=${found?.metadata.annotations['deployment.kubernetes.io/revision']}`;
      },
      after: (output) => expect(output).toContain(values['earlierImage']),
    },
    pin: { after: async () => expect(await imageOf()).toBe(values['earlierImage']) },
    unpin: {
      after: async () => {
        expect(await imageOf()).toBe(laterImage);
        expect(readFileSync(checkout.at('Pulumi.dev.yaml'), 'utf8')).not.toMatch(/:image\b/);
      },
    },
    undo: { after: async () => expect(await imageOf()).toBe(values['earlierImage']) },
    'undo-taken-back': {
      after: async () => {
        expect(await imageOf()).toBe(laterImage);
        await livesOn(3);
      },
    },
    laptop: {
      before: async () => {
        values['backend'] = `file://${checkout.at('.local', 'pulumi')}`;
        values['passphrase'] = checkout.at('.local', 'passphrase');
        await remember();
      },
    },
    ci: { after: async () => expect(await agentPod()).toEqual(pod) },
    'backup-folder': { after: () => expect(statSync(backup('.')).mode & 0o777).toBe(0o700) },
    'backup-manifests': {
      after: () => {
        const { items } = parse(readFileSync(backup('manifests.yaml'), 'utf8')) as { items: { kind: string }[] };
        const kinds = [
          'CronJob',
          'ConfigMap',
          'Deployment',
          'NetworkPolicy',
          'PersistentVolumeClaim',
          'Secret',
          'Service',
        ];
        expect(items.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kinds));
      },
    },
    'backup-seed': {
      after: () => expect(JSON.parse(readFileSync(backup('credentials.json'), 'utf8'))).toHaveProperty('claudeAiOauth'),
    },
    'backup-session': {
      after: async () => {
        const { stdout } = await execa('tar', ['-xzOf', backup('session.tar.gz'), 'claude/.credentials.json']);
        expect(stdout).toContain('e2e-refresh-3-canary');
      },
    },
    'backup-records': {
      after: async () => {
        await execa('tar', ['-xzf', backup('records.tar.gz'), '-C', backup('.')]);
        const { DatabaseSync } = await import('node:sqlite');
        using database = new DatabaseSync(backup('runs.db'));
        const { count } = database.prepare('SELECT count(*) AS count FROM runs').get() as { count: number };
        expect(count).toBeGreaterThan(1);
      },
    },
    'maintenance-start': {
      after: async () => {
        const card = await lastCard();
        expect(card).toMatchObject({ fallbackText: 'Maintenance of the Claude agent' });
        expect(JSON.stringify(card)).toContain('Upgrade of the nodes');
        expect(await workflows()).toMatchObject([{ active: false }]);
        expect((await run(checkout.token(), { prompt: 'not now' })).status).toBe(503);
      },
    },
    'maintenance-end': {
      after: async () => {
        expect(await lastCard()).toMatchObject({ fallbackText: 'Maintenance is over' });
        expect(await workflows()).toMatchObject([{ active: true }]);
        await isAnswered();
      },
    },
    stop: { after: () => expect(agentPod()).rejects.toThrow('0 agent pods') },
    'new-token': {
      before: () => (token = checkout.token()),
      after: () => {
        expect(checkout.token()).toMatch(/^[0-9a-f]{64}$/);
        expect(checkout.token()).not.toBe(token);
        expect(statSync(checkout.at('.local', 'agent-token')).mode & 0o777).toBe(0o600);
      },
    },
    'start-again': {
      after: async () => {
        await isAnswered();
        expect((await run(token, { prompt: 'by the old token' })).status).toBe(401);
      },
    },
    resume: {
      before: async () => {
        const headers = `Authorization: Bearer ${checkout.token()}\n`;
        const curl = ['curl', '--silent', '--fail', '--request', 'POST', '--header', '@-', 'localhost:3000/pause'];
        await kubectl(['exec', '--stdin', ...AGENT, 'deployment/claude-code-agent', '--', ...curl], headers);
        // As the guide says, this is no way out.
        expect(await watchdog('no-maintenance', 'claude-maintenance-end')).toMatchObject({ exitCode: 0 });
        expect((await run(checkout.token(), { prompt: 'paused' })).status).toBe(503);
      },
      after: isAnswered,
    },
    crashed: {
      before: async () => {
        // Of what tini, the first process, has started. The container, and with it the command, may end before kubectl hears of it.
        await inAgent('sh', '-c', 'kill -9 $(cat /proc/1/task/1/children)').catch(() => undefined);
        await until('the container after the crash', async () => {
          const status =
            '{.items[0].status.containerStatuses[0].restartCount} {.items[0].status.containerStatuses[0].ready}';
          const selected = ['--selector', 'app.kubernetes.io/component=agent', '--output', `jsonpath=${status}`];
          return (await kubectl(['get', 'pods', ...AGENT, ...selected])) === '1 true' ? true : undefined;
        });
      },
    },
  };
  return { steps, values };
}
