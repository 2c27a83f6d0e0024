import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { folder } from '../../../support/folder.ts';
import { answerWithObjects, project } from '../project.ts';

/** The program of the image that copies the volume. */
const TAKE = path.resolve('agent/backup/take.ts');
const STATE = { version: 3, deployment: { resources: [{ urn: 'a', type: 't' }] } };
const LOGIN = JSON.stringify({ claudeAiOauth: { accessToken: 'a', refreshToken: 'r', expiresAt: 1 } });

/** A checkout with a deployed stack, whose cluster cannot be reached. */
function deployed() {
  const made = project();
  const { at } = made;
  mkdirSync(at('.local', 'session'), { recursive: true });
  mkdirSync(at('.local', 'pulumi'));
  writeFileSync(at('.local', 'passphrase'), 'the-passphrase\n');
  writeFileSync(at('.local', 'agent-token'), 'the-token\n');
  writeFileSync(at('.local', 'session', '.credentials.json'), LOGIN);
  writeFileSync(at('bin', 'stacks.json'), '[{"name":"dev","resourceCount":1}]');
  writeFileSync(at('bin', 'state.json'), JSON.stringify(STATE));
  return made;
}

/** Backs it up. Returns the file. */
async function backedUp(): Promise<string> {
  const { at, launch } = deployed();
  await launch(['backup', at('b.tar.gz')]);
  return at('b.tar.gz');
}

describe('npm run backup', () => {
  test('backs up this machine when the cluster cannot be reached, lists what is missing, and exits with 2', async () => {
    const { at, launch } = deployed();
    const { exitCode, stderr } = await launch(['backup'], { FAKE_KUBECTL: 'no route to host' });
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toMatch(/Missing:\n {2}objects: no route to host\n {2}volume \([^)]*\): no route to host/);
    expect(stderr).toContain('npm run restore -- ');
    const [name = ''] = readdirSync(at('.local', 'backups'));
    expect(statSync(at('.local', 'backups')).mode & 0o777).toBe(0o700);
    expect(statSync(at('.local', 'backups', name)).mode & 0o777).toBe(0o600);
    const { stdout } = await execa('tar', ['-tzf', at('.local', 'backups', name)]);
    expect(
      stdout
        .split('\n')
        .filter((line) => !line.endsWith('/'))
        .sort(),
    ).toEqual(
      [
        ...['local/agent-token', 'local/passphrase', 'local/session/.credentials.json', 'manifest.json'],
        ...['stack/Pulumi.dev.yaml', 'state.json'],
      ].map((file) => `claude-agent-backup/${file}`),
    );
  });

  test("lists how many files of runs it has, and their size, from the agent's volume", async () => {
    const { at, launch } = deployed();
    const volume = folder({
      [`files/${'a'.repeat(64)}`]: 'a'.repeat(1_048_576),
      [`files/${'b'.repeat(64)}`]: 'b',
      'files/.new-c': 'still arriving',
    });
    writeFileSync(
      at('bin', 'kubectl'),
      `#!/bin/sh
case "$*" in
  *' exec deploy/claude-code-agent '*'/take.ts /data '*) exec '${process.execPath}' '${TAKE}' '${volume}' 1 ;;
esac
echo 'no route to host' >&2
exit 1
`,
    );
    const { stderr } = await launch(['backup', at('b.tar.gz')]);
    expect(stderr).toMatch(/^ {2}files +2, 2 MB$/m);
    const { stdout } = await execa('tar', ['-tzf', at('b.tar.gz')]);
    expect(stdout.match(/(?<=volume\/files\/).+/g)?.sort()).toEqual(['a'.repeat(64), 'b'.repeat(64)]);
  });

  test('lists a passphrase and a token that are missing on this machine', async () => {
    const { at, launch } = project();
    writeFileSync(at('bin', 'stacks.json'), '[{"name":"dev","resourceCount":1}]');
    writeFileSync(at('bin', 'state.json'), JSON.stringify(STATE));
    const { exitCode, stderr } = await launch(['backup'], {
      PULUMI_BACKEND_URL: 's3://bucket',
      PULUMI_CONFIG_PASSPHRASE_FILE: '/nowhere',
    });
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toContain('passphrase: there is no ');
    expect(stderr).toContain('API token: there is no .local/agent-token');
  });

  test('fails and leaves no file when there is nothing to back up', async () => {
    const { at, launch } = project();
    const { exitCode, stderr } = await launch(['backup']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/There is nothing to back up:\n[^]*state: there is no stack dev/);
    expect(readdirSync(at('.local', 'backups'))).toEqual([]);
  });

  test.each([
    [['there.tar.gz'], /there.tar.gz already exists. Choose another file name/],
    [['a', 'b'], /Expected one file, but got a and b/],
    [['--conversations', 'all'], /'all' must be a whole number of megabytes/],
    [['--json'], /--json[^]*npm run backup -- \[FILE\]/],
  ])('%j is refused', async (args, message) => {
    const { at, launch } = deployed();
    writeFileSync(at('there.tar.gz'), 'earlier');
    const { exitCode, stderr } = await launch([
      'backup',
      ...args.map((arg) => (arg.startsWith('there') ? at(arg) : arg)),
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
    expect(readFileSync(at('there.tar.gz'), 'utf8')).toBe('earlier');
  });
});

describe('npm run restore', () => {
  test('of the state restores state, passphrase, token and login on a new machine, then runs up', async () => {
    const file = await backedUp();
    const { at, calls, launch, read } = project();
    const { exitCode, stderr } = await launch(['restore', file, '--only', 'state', '--yes']);
    expect(exitCode, stderr).toBe(0);
    expect(read('.local', 'passphrase')).toBe('the-passphrase\n');
    expect(read('.local', 'agent-token')).toBe('the-token\n');
    expect(read('.local', 'session', '.credentials.json')).toBe(LOGIN);
    expect(JSON.parse(read('bin', 'state.json'))).toEqual(STATE);
    expect(calls().at(-1)?.args[0]).toBe('up');
    expect(stderr).toContain('npm run login && npm run up');
    expect(existsSync(at('.local', 'restore.json'))).toBe(false);
  });

  test('gives each object in the state the field manager that it has by now, which is another one if it was deleted since', async () => {
    const object = (name: string) => ({
      urn: name,
      type: 'kubernetes:core/v1:Secret',
      inputs: { apiVersion: 'v1', kind: 'Secret', metadata: { name } },
      outputs: { data: {}, __fieldManager: 'pulumi-kubernetes-then' },
    });
    const made = deployed();
    const resources = [object('a'), { urn: 'u', type: 'pulumi:pulumi:Stack' }];
    const state = { version: 3, deployment: { resources } };
    writeFileSync(made.at('bin', 'state.json'), JSON.stringify(state));
    await made.launch(['backup', made.at('b.tar.gz')]);
    const args = ['restore', made.at('b.tar.gz'), '--only', 'state', '--yes', '--overwrite'];
    expect((await made.launch(args, { FAKE_KUBECTL: 'no route to host' })).stderr).toContain(
      'kubectl could not read the objects in the cluster: no route to host. ',
    );
    expect(JSON.parse(made.read('bin', 'state.json'))).toEqual(state);
    answerWithObjects(made.at('bin', 'kubectl'));
    const { exitCode, stderr } = await made.launch(args);
    expect(exitCode, stderr).toBe(0);
    const now = { data: {}, __fieldManager: 'pulumi-kubernetes-Secret-a' };
    expect(JSON.parse(made.read('bin', 'state.json'))).toMatchObject({
      deployment: { resources: [{ outputs: now }, {}] },
    });
  });

  test('lists what it would overwrite and changes nothing; with --overwrite it keeps a copy of what it replaces', async () => {
    const file = await backedUp();
    const { at, launch, read } = deployed();
    writeFileSync(at('.local', 'agent-token'), 'another\n');
    const refused = await launch(['restore', file, '--only', 'state', '--yes']);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(
      /an existing system[^]*the stack dev has 1 resources[^]*npm run backup[^]*--overwrite/,
    );
    expect(read('.local', 'agent-token')).toBe('another\n');
    const { exitCode, stderr } = await launch(['restore', file, '--only', 'state', '--yes', '--overwrite']);
    expect(exitCode, stderr).toBe(0);
    expect(read('.local', 'agent-token')).toBe('the-token\n');
    const [, kept = ''] = /agent-token was replaced; the previous one is (\S+)\.\n/.exec(stderr) ?? [];
    expect(readFileSync(kept, 'utf8')).toBe('another\n');
    expect(stderr.match(/was replaced/g)).toHaveLength(1);
  });

  test('that fails in its last step can be run again to finish, although a system exists by then', async () => {
    const file = await backedUp();
    const { calls, launch } = project();
    const args = ['restore', file, '--only', 'state', '--yes'];
    const failed = await launch(args, { FAKE_EXIT: '3' });
    expect(failed.exitCode).toBe(3);
    expect(failed.stderr).toContain('Run the same command again');
    const imports = () => calls().filter(({ args: [, command] }) => command === 'import').length;
    const before = imports();
    const again = await launch(args);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).toContain('it continues where it stopped');
    expect(imports()).toBe(before);
  });

  test('is refused if the cluster cannot be reached, or the backup has no volume', async () => {
    const file = await backedUp();
    const { at, launch } = project();
    const unreachable = await launch(['restore', file, '--yes'], { FAKE_KUBECTL: 'no such context' });
    expect(unreachable.exitCode).toBe(1);
    expect(unreachable.stderr).toMatch(/The cluster cannot be reached: no such context.*--config kubeContext=NAME/);
    const none = await launch(['restore', file, '--only', 'volume', '--yes']);
    expect(none.stderr).toMatch(/has nothing of the volume: objects: .*; volume \(/);
    expect(readdirSync(at('.local'))).toEqual(['backups']);
  });

  test('reports a file that does not exist', async () => {
    const { stderr } = await project().launch(['restore', '/nowhere/b.tar.gz']);
    expect(stderr).toContain('There is no file /nowhere/b.tar.gz.');
  });

  test('builds this checkout if the registry lost the pinned image', async () => {
    const made = deployed();
    const pinned = `r/claude-agent@sha256:${'0'.repeat(64)}`;
    writeFileSync(made.at('Pulumi.dev.yaml'), `config:\n  claude-code-agent:image: ${pinned}\n`);
    await made.launch(['backup', made.at('b.tar.gz')]);
    const { launch, read } = project();
    const args = ['restore', made.at('b.tar.gz'), '--only', 'state', '--yes', '--config', 'queueLimit=7'];
    const { exitCode, stderr } = await launch(args, { FAKE_DOCKER: `no such manifest: ${pinned}` });
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(`The registry has no ${pinned}, which was pinned: building this checkout instead.`);
    expect(read('Pulumi.dev.yaml')).toBe('config:\n  claude-code-agent:queueLimit: "7"\n');
  });
});
