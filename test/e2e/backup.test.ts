import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Checkout, DOUBLE, seen } from './checkout.ts';
import type { Ran } from './checkout.ts';
import { agentPod, call, callForText, inAgent, kubectl, run, timesAsked, until } from './cluster.ts';
import { startDouble } from './doubles.ts';
import { needs } from '../support/needs.ts';
import { missingRequirement } from './requirements.ts';

const UP = ['--yes', '--skip-preview', '--non-interactive'];
const IN = ['--namespace', 'claude-agent'];
const KEY = { 'Idempotency-Key': 'an-invoice' };
const INVOICE = { prompt: 'the invoice' };
/** What a run leaves. */
const LEFT = { name: 'left.txt', text: 'left by a run of before' };

/** Outside of every checkout, as a backup should be. */
const safe = mkdtempSync(path.join(tmpdir(), 'claude-code-agent-e2e-safe-'));
const FILE = path.join(safe, 'backup.tar.gz');

let laptop: Checkout;
let other: Checkout;
let token: string;
let image: string;
/** Runs of before, by what becomes of them. */
const before = { ended: '', invoice: '', session: '', queued: '', asked: 0 };

const measured = (what: string, { seconds }: Pick<Ran, 'seconds'>) => console.info(`${what}: ${seconds.toFixed(1)} s`);

async function ran(what: string, from: Checkout, name: string, ...args: string[]): Promise<string> {
  const result = await from.npm(name, ...args);
  expect(result.exitCode, result.output).toBe(0);
  measured(what, result);
  return result.output;
}

const text = (value: unknown): string => String(value);
const find = async (id: string) => (await call(token, `/runs/${id}`)).answer;
const answers = async () => {
  const { answer } = await run(token, { prompt: 'Is anybody there?' });
  expect(answer).toMatchObject({ success: true, output: 'echo: Is anybody there?' });
};
/** The Service leads to the pod. */
const isReady = () =>
  until('the Service', async () => ((await call(token, '/ready')).status === 200 ? true : undefined), 120);

const imageOf = async (from: Checkout) => (await from.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim();
/** The manifest of an image by digest, in its registry. */
const manifestOf = (reference: string) => {
  const [, host = '', name = '', digest = ''] = /^([^/]+)\/([^@]+)@(.+)$/.exec(reference) ?? [];
  return `http://${host}/v2/${name}/manifests/${digest}`;
};
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json';
async function isInRegistry(reference: string): Promise<boolean> {
  return (await fetch(manifestOf(reference), { headers: { accept: MANIFEST } })).ok;
}
async function loseImage(reference: string): Promise<void> {
  expect((await fetch(manifestOf(reference), { method: 'DELETE' })).status).toBe(202);
  expect(await isInRegistry(reference)).toBe(false);
}

/** The state of a checkout has none of the cluster's secrets as it is. */
async function encryptsSecrets(from: Checkout): Promise<void> {
  const state = readFileSync(from.at('.local/pulumi/.pulumi/stacks/claude-code-agent/dev.json'), 'utf8');
  const { items } = JSON.parse(await kubectl(['get', 'secrets', ...IN, '--output', 'json'])) as {
    items: { data: Record<string, string> }[];
  };
  const values = items.flatMap(({ data }) => Object.values(data));
  expect(values.length).toBeGreaterThan(3);
  for (const value of values) {
    expect(state).not.toContain(value);
    expect(state).not.toContain(Buffer.from(value, 'base64').toString());
  }
}

/** Everything goes, the volumes too. */
async function down(from: Checkout): Promise<void> {
  from.configure({ protectData: 'false' });
  await ran('up without protection', from, 'up', ...UP);
  await ran('down', from, 'down', ...UP);
}

async function isAllWell(from: Checkout): Promise<void> {
  const { output } = await from.npm('doctor', '--json');
  const { findings } = JSON.parse(output.slice(output.indexOf('{'))) as { findings: { state: string }[] };
  expect(findings.filter(({ state }) => state === 'broken')).toEqual([]);
}

async function changesNothing(from: Checkout): Promise<void> {
  expect(await ran('up without a change', from, 'up', ...UP)).toMatch(/Resources:\n\s+\d+ unchanged/);
}

describe('backup and restore', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    laptop = new Checkout({ settings: { protectData: 'true' } });
    await laptop.fill();
    laptop.logIn(2);
    await ran('first up', laptop, 'up', ...UP);
    image = await imageOf(laptop);
    await startDouble(image);
    token = laptop.token();
  });

  afterAll(async () => {
    await down(other);
    await kubectl(['delete', 'namespace', DOUBLE.namespace, '--ignore-not-found']);
    laptop.remove();
    other.remove();
    rmSync(safe, { recursive: true, force: true });
  });

  test('a backup is one file for nobody else, taken while runs go on, with every run that had ended', async () => {
    const leave = `[[bash:printf "${LEFT.text}" > "$CLAUDE_RUN_OUT/${LEFT.name}"]]`;
    const { answer } = await run(token, { prompt: `${leave} remember the word` });
    expect(answer).toMatchObject({ success: true, files: [{ name: LEFT.name }] });
    before.session = text(answer['sessionId']);
    before.ended = text(answer['runId']);
    const invoice = await call(token, '/run', { method: 'POST', body: INVOICE, headers: KEY });
    before.invoice = text(invoice.answer['runId']);
    // As the CLI leaves it when it renews the login.
    const renewed = 's/e2e-refresh-2-canary/e2e-refresh-renewed/; s/4000000000002/4000000000007/';
    await inAgent('sed', '-i', renewed, '/data/claude/.credentials.json');

    const data = { 'ledger.json': '{"workflows":[]}' };
    await kubectl(['patch', 'configmap/claude-auth-watchdog', ...IN, '--patch', JSON.stringify({ data })]);
    const load = Array.from({ length: 12 }, (_, number) =>
      call(token, '/runs', { method: 'POST', body: { prompt: `load ${number} [[wait:300]]` } }),
    );
    await call(token, '/runs', { method: 'POST', body: { prompt: 'a long one [[wait:20000]]' } });
    await Promise.all(load);
    const queued = await call(token, '/runs', { method: 'POST', body: { prompt: 'waits in the queue' } });
    before.queued = text(queued.answer['id']);
    const output = await ran('backup', laptop, 'backup', FILE);
    expect(output).toMatch(/records +\d+ runs, [1-9]\d* of them unfinished/);
    expect(statSync(FILE).mode & 0o777).toBe(0o600);
    expect(readdirSync(safe)).toEqual(['backup.tar.gz']);

    const look = mkdtempSync(path.join(safe, 'look-'));
    await execa('tar', ['-xzf', FILE, '--no-same-owner', '-C', look]);
    const at = (name: string) => path.join(look, 'claude-agent-backup', name);
    const records = new DatabaseSync(at('volume/runs.db'));
    expect(records.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const ended = records
      .prepare(`SELECT id FROM runs WHERE state = 'ended'`)
      .all()
      .map(({ id }) => id);
    records.close();
    expect(ended).toEqual(expect.arrayContaining([before.ended, before.invoice]));
    expect(readFileSync(at('volume/claude/.credentials.json'), 'utf8')).toContain('e2e-refresh-renewed');
    const hash = createHash('sha256').update(LEFT.text).digest('hex');
    expect(readFileSync(at(`volume/files/${hash}`), 'utf8')).toBe(LEFT.text);
    for (const name of ['state.json', 'local/passphrase', 'local/agent-token', 'local/session/.credentials.json']) {
      expect(existsSync(at(name)), name).toBe(true);
    }
    for (const name of ['deployment/claude-code-agent', 'secret/claude-session', 'cronjob/claude-auth-watchdog']) {
      expect(existsSync(at(`objects/${name}.yaml`)), name).toBe(true);
    }
    rmSync(look, { recursive: true });
  });

  test('a backup of a system whose agent is down has the rest, names what it lacks, and ends with 2', async () => {
    await kubectl(['scale', 'deployment/claude-code-agent', ...IN, '--replicas=0']);
    await kubectl([
      'wait',
      '--for=delete',
      'pods',
      ...IN,
      '--selector',
      'app.kubernetes.io/component=agent',
      '--timeout=90s',
    ]);
    const { exitCode, output } = await laptop.npm('backup');
    expect(exitCode, output).toBe(2);
    expect(output).toMatch(/Missing:\n +volume \(run records, login, conversations\): /);
    const folder = laptop.at('.local', 'backups');
    const [made = ''] = readdirSync(folder);
    expect(made).toMatch(/^claude-code-agent-dev-\d{8}T\d{6}Z\.tar\.gz$/);
    expect([statSync(folder).mode & 0o777, statSync(path.join(folder, made)).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  test('a backup that is damaged is refused, and nothing is touched', async () => {
    await down(laptop);
    rmSync(laptop.at('.local'), { recursive: true });
    other = new Checkout({ settings: { protectData: 'true' } });
    await other.fill();
    const damaged = path.join(safe, 'damaged.tar.gz');
    copyFileSync(FILE, damaged);
    const content = readFileSync(damaged);
    content[Math.floor(content.length / 2)] = (content[Math.floor(content.length / 2)] ?? 0) ^ 0xff;
    writeFileSync(damaged, content);
    const { exitCode, output } = await other.npm('restore', damaged, '--yes');
    expect(exitCode, output).toBe(1);
    expect(output).toMatch(/damaged/);
    expect(readdirSync(other.at('.local'), { recursive: true })).toEqual(['backups']);
    expect(await kubectl(['get', 'namespaces', '--output', 'name'])).not.toContain('claude-agent');
  });

  test('a restore on another laptop into a new cluster, killed twice and run again, brings it all back', async () => {
    // The registry may be new as well.
    await loseImage(image);
    before.asked = await timesAsked('waits in the queue');
    const unasked = await other.npm('restore', FILE);
    expect(unasked.exitCode).toBe(1);
    expect(unasked.output).toContain(
      'There is no terminal to ask for confirmation. To restore without asking, pass --yes.',
    );
    await other.npmCutOff('restore', [FILE, '--yes'], seen(/^ \+ +kubernetes:\S+ \S+ creat(ing|ed) \(/, 6));
    const tooEarly = await other.npm('up', ...UP);
    expect(tooEarly.exitCode).toBe(1);
    expect(tooEarly.output).toMatch(/A restore of .*backup.tar.gz is unfinished/);
    await other.npmCutOff('restore', [FILE, '--yes'], seen(/Putting run records/));
    expect(await ran('restore into a new cluster', other, 'restore', FILE, '--yes')).toContain(
      'it continues where it stopped',
    );
    expect(readdirSync(other.at('.local', 'backups'))).toEqual([]);
    expect(other.token()).toBe(token);
    expect(await isInRegistry(await imageOf(other))).toBe(true);
    await isReady();
    await answers();
  });

  test('afterwards the old runs and what they left are known, an old key returns the old run, and an old conversation continues', async () => {
    expect(await find(before.ended)).toMatchObject({ state: 'ended', outcome: 'succeeded' });
    expect(await callForText(token, `/runs/${before.ended}/files/${LEFT.name}`)).toMatchObject({
      status: 200,
      text: LEFT.text,
    });
    const again = await call(token, '/run', { method: 'POST', body: INVOICE, headers: KEY });
    expect(again.answer).toMatchObject({ runId: before.invoice, success: true });
    expect(await timesAsked('the invoice')).toBe(1);
    const { session: sessionId } = before;
    const { answer } = await run(token, { prompt: 'which word?', sessionId });
    expect(answer).toMatchObject({ success: true, sessionId });
  });

  test('runs that were queued at the time of the backup are interrupted, and not executed a second time', async () => {
    expect(await find(before.queued)).toMatchObject({ state: 'ended', outcome: 'interrupted' });
    expect(await timesAsked('waits in the queue')).toBe(before.asked);
  });

  test('it has the login as the pod had renewed it, and all is well', async () => {
    expect(await inAgent('cat', '/data/claude/.credentials.json')).toContain('e2e-refresh-renewed');
    expect(await inAgent('cat', '/var/run/claude-session/.credentials.json')).toContain('e2e-refresh-renewed');
    expect(await inAgent('stat', '--format=%u %a', '/data/runs.db', '/data/claude/.credentials.json')).toMatch(
      /^10001 \d+\n10001 600$/,
    );
    const ledger = ['get', 'configmap/claude-auth-watchdog', ...IN, '--output', 'jsonpath={.data}'];
    expect(await kubectl(ledger)).toContain('workflows');
    await isAllWell(other);
    await changesNothing(other);
    expect(await other.gitStatus()).toBe('');
  });

  test('an existing system is not overwritten', async () => {
    const pod = await agentPod();
    const { exitCode, output } = await other.npm('restore', FILE, '--yes');
    expect(exitCode, output).toBe(1);
    expect(output).toMatch(
      /existing system[^]*the stack dev has \d+ resources[^]*a volume claude-agent-data[^]*--overwrite/,
    );
    expect(await agentPod()).toEqual(pod);
  });

  describe('a disaster has a way back of one command or two', () => {
    const deleteNamespace = () => kubectl(['delete', 'namespace', 'claude-agent', '--timeout=110s']);
    const ONLY_VOLUME = ['restore', FILE, '--only', 'volume', '--yes'] as const;

    test('the namespace was deleted, and there is no backup: up', async () => {
      await deleteNamespace();
      await ran('namespace deleted: up', other, 'up', ...UP);
      await isReady();
      await answers();
      expect((await call(token, `/runs/${before.ended}`)).status).toBe(404);
    });

    test('the namespace was deleted: restore of the volume', async () => {
      await deleteNamespace();
      await ran('namespace deleted: restore of the volume', other, ...ONLY_VOLUME);
      await isReady();
      expect(await find(before.ended)).toMatchObject({ outcome: 'succeeded' });
      await changesNothing(other);
    });

    test('the volume was lost: up, and the records from the backup once there is one', async () => {
      const claim = 'persistentvolumeclaim/claude-agent-data';
      const volume = await kubectl(['get', claim, ...IN, '--output', 'jsonpath={.spec.volumeName}']);
      await kubectl(['delete', claim, ...IN, '--wait=false']);
      await kubectl(['delete', 'persistentvolume', volume, '--wait=false']);
      await kubectl(['delete', 'pods', ...IN, '--selector', 'app.kubernetes.io/component=agent']);
      await kubectl(['wait', '--for=delete', claim, ...IN, '--timeout=60s']);
      await ran('volume lost: up', other, 'up', ...UP);
      await isReady();
      await answers();
      await ran('volume lost: restore of the volume', other, ...ONLY_VOLUME, '--overwrite');
      await isReady();
      expect(await find(before.ended)).toMatchObject({ outcome: 'succeeded' });
    });

    test('the registry lost the image: up builds it and pushes it again', async () => {
      await loseImage(await imageOf(other));
      expect((await other.npm('doctor', '--quick')).output).toMatch(/✗ image/);
      other.configure({ guideUrl: 'https://wiki.example.org/agent' });
      expect(await ran('registry lost: up', other, 'up', ...UP)).toContain('It is built and pushed again');
      expect(await isInRegistry(await imageOf(other))).toBe(true);
      await isReady();
      await answers();
      await changesNothing(other);
    });

    test('the state was lost: up takes over what is there, replaces no pod, and later removes what the config no longer has', async () => {
      const pod = await agentPod();
      const list = await other.npm('rollback');
      rmSync(other.at('.local', 'pulumi'), { recursive: true });
      expect(await ran('state lost: up', other, 'up', ...UP)).toContain('adopting the existing objects');
      expect((await agentPod()).uid).toBe(pod.uid);
      expect((await other.npm('rollback')).output).toBe(list.output);
      await encryptsSecrets(other);
      const guide = () =>
        kubectl([
          'get',
          'cronjob/claude-auth-watchdog',
          ...IN,
          '--output',
          'jsonpath={.spec.jobTemplate.spec.template.spec.containers[0].env[?(@.name=="WATCHDOG_GUIDE_URL")]}',
        ]);
      expect(await guide()).toContain('wiki.example.org');
      other.configure({ guideUrl: '' });
      await ran('state lost: up with less config', other, 'up', ...UP);
      expect(await guide()).toBe('');
    });

    test('all of .local was lost: up takes over, with the login and the token of the cluster', async () => {
      const pod = await agentPod();
      renameSync(other.at('.local'), other.at('lost'));
      const output = await ran('.local lost: up', other, 'up', ...UP);
      expect(output).toContain('The API token stays unchanged');
      expect(existsSync(other.at('.local', 'agent-token'))).toBe(false);
      expect((await agentPod()).uid).toBe(pod.uid);
      await encryptsSecrets(other);
      await answers();
      await changesNothing(other);
    });

    test('all of .local was lost, and there is a backup: its state, passphrase, login and token come back', async () => {
      rmSync(other.at('.local'), { recursive: true });
      await ran('.local lost: restore of the state', other, 'restore', FILE, '--only', 'state', '--yes');
      expect(other.token()).toBe(token);
      await isReady();
      await answers();
      await changesNothing(other);
      rmSync(other.at('lost'), { recursive: true });
    });
  });
});
