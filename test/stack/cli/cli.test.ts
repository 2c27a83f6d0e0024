import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { textsOf } from '../../../stack/update-record.ts';
import { answerWithObjects, project } from './project.ts';
import type { Call } from './project.ts';
import { needs, unless } from '../../support/needs.ts';

describe('npm run up', () => {
  test('on first use creates backend, passphrase, stack and API token below .local, and does not change the committed file', async () => {
    const { at, read, calls, launch } = project();
    const { exitCode, stderr } = await launch(['up', '--yes']);
    expect(exitCode, stderr).toBe(0);
    expect(read('Pulumi.dev.yaml')).toBe(readFileSync('Pulumi.dev.yaml', 'utf8'));
    for (const file of ['passphrase', 'agent-token']) {
      expect(statSync(at('.local', file)).mode & 0o777).toBe(0o600);
      expect(read('.local', file)).toMatch(/^[\w-]{43}\n$/);
    }
    expect(statSync(at('.local')).mode & 0o777).toBe(0o700);
    const { args, env } = calls().at(-1) ?? { args: [], env: {} };
    expect(args).toEqual(['up', '--stack', 'dev', '--config-file', at('.local', 'Pulumi.dev.yaml'), '--yes']);
    expect(env).toEqual({
      PULUMI_BACKEND_URL: `file://${at('.local', 'pulumi')}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: at('.local', 'passphrase'),
      PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: 'true',
    });
    expect(stderr).toContain('POST http://claude-agent.claude-agent.svc/run');
    expect(stderr).not.toContain(read('.local', 'agent-token').trim());
  });

  test('creates nothing the second time, and applies changes of the committed file', async () => {
    const { at, read, calls, launch } = project();
    await launch(['up']);
    const made = [read('.local', 'passphrase'), read('.local', 'agent-token')];
    writeFileSync(at('Pulumi.dev.yaml'), 'config:\n  claude-code-agent:queueLimit: 3\n');
    expect((await launch(['up'])).exitCode).toBe(0);
    expect([read('.local', 'passphrase'), read('.local', 'agent-token')]).toEqual(made);
    expect(read('.local', 'Pulumi.dev.yaml')).toContain('queueLimit: 3');
    expect(calls().filter(({ args }) => args[1] === 'init')).toHaveLength(1);
  });

  test('creates no API token for a deployed stack, because it would lock out the callers', async () => {
    const { at, launch } = project();
    writeFileSync(at('bin', 'stacks.json'), '[{"name":"dev","resourceCount":27}]');
    const { exitCode } = await launch(['up'], { PULUMI_CONFIG_PASSPHRASE: 'x' });
    expect(exitCode).toBe(0);
    expect(existsSync(at('.local', 'agent-token'))).toBe(false);
  });

  test('creates no API token if the config has one', async () => {
    const { at, launch } = project();
    writeFileSync(at('Pulumi.dev.yaml'), 'config:\n  claude-code-agent:agentToken:\n    secure: v1:x\n');
    expect((await launch(['up'])).exitCode).toBe(0);
    expect(existsSync(at('.local', 'agent-token'))).toBe(false);
  });

  test('fails if the passphrase of the stack is gone, and does not create another', async () => {
    const { at, launch } = project();
    writeFileSync(at('bin', 'stacks.json'), '[{"name":"dev","resourceCount":27}]');
    const { exitCode, stderr } = await launch(['up']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${at('.local', 'passphrase')} is missing`);
    expect(existsSync(at('.local', 'passphrase'))).toBe(false);
  });

  test('uses the service that a login selected, which also keeps the key of the secrets', async () => {
    const { at, calls, launch } = project();
    mkdirSync(at('.pulumi'));
    writeFileSync(at('.pulumi', 'credentials.json'), '{"current":"https://api.pulumi.com"}');
    expect((await launch(['up'])).exitCode).toBe(0);
    const used = calls().at(-1)?.env ?? {};
    expect(used).not.toHaveProperty('PULUMI_BACKEND_URL');
    expect(used).not.toHaveProperty('PULUMI_CONFIG_PASSPHRASE_FILE');
    expect(existsSync(at('.local', 'passphrase'))).toBe(false);
  });

  test.each([
    ['creates a passphrase', '', true],
    ['creates none for a secrets provider', 'secretsprovider: azurekeyvault://vault/keys/key\n', false],
  ])('uses the storage that a variable selects, and %s', async (_, config, isMade) => {
    const { at, calls, launch } = project();
    writeFileSync(at('Pulumi.dev.yaml'), config);
    expect((await launch(['up'], { PULUMI_BACKEND_URL: 'azblob://state' })).exitCode).toBe(0);
    const used = calls().at(-1)?.env ?? {};
    expect(used['PULUMI_BACKEND_URL']).toBe('azblob://state');
    expect('PULUMI_CONFIG_PASSPHRASE_FILE' in used).toBe(isMade);
    expect(existsSync(at('.local', 'passphrase'))).toBe(isMade);
  });

  test('selects another stack by argument or PULUMI_STACK', async () => {
    const { at, calls, launch } = project();
    writeFileSync(at('bin', 'stacks.json'), '[{"name":"prod"},{"name":"test"}]');
    await launch(['preview', '--stack', 'prod'], { PULUMI_CONFIG_PASSPHRASE: 'x' });
    expect(calls().at(-1)?.args).toEqual([
      'preview',
      '--stack',
      'prod',
      '--config-file',
      at('.local', 'Pulumi.prod.yaml'),
    ]);
    expect(existsSync(at('Pulumi.prod.yaml'))).toBe(false);
    await launch(['refresh'], { PULUMI_STACK: 'test', PULUMI_CONFIG_PASSPHRASE: 'x' });
    expect(calls().at(-1)?.args.slice(0, 3)).toEqual(['refresh', '--stack', 'test']);
  });

  test('runs any other Pulumi command on the same stack, with the committed file', async () => {
    const { at, calls, launch } = project();
    expect((await launch(['pulumi', 'config', 'set', 'queueLimit', '3'])).exitCode).toBe(0);
    const { args, env } = calls().at(-1) ?? { args: [], env: {} };
    expect(args).toEqual(['config', 'set', 'queueLimit', '3']);
    expect(env).toMatchObject({
      PULUMI_STACK: 'dev',
      PULUMI_BACKEND_URL: `file://${at('.local', 'pulumi')}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: at('.local', 'passphrase'),
    });
  });

  test.each([
    ['removes the salt', 'config:\n  claude-code-agent:queueLimit: 3\n', ''],
    ['keeps the salt of encrypted values', 'config:\n  a:b:\n    secure: v1:x\n', 'encryptionsalt: v1:salt\n'],
  ])('%s that another Pulumi command wrote to the committed file', async (_, config, salt) => {
    const { at, read, launch } = project();
    writeFileSync(at('Pulumi.dev.yaml'), config);
    expect((await launch(['pulumi', 'whoami'], { FAKE_SALT: '1' })).exitCode).toBe(0);
    expect(read('Pulumi.dev.yaml')).toBe(config + salt);
  });

  test('reports missing prerequisites of Azure before it starts the engine, which would refresh first', async () => {
    const { at, calls, launch } = project();
    const needed = {
      target: 'azure',
      azureSubscription: `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`,
      azureRegistry: 'g/exampleacr',
      azureCluster: 'g/aks',
    };
    const lines = Object.entries(needed).map(([key, value]) => `  claude-code-agent:${key}: ${value}\n`);
    writeFileSync(at('Pulumi.dev.yaml'), `config:\n${lines.join('')}`);
    for (const command of ['refresh', 'down', 'preview', 'up']) {
      const { exitCode, stderr } = await launch([command]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain('The Azure CLI is not on the PATH');
      expect(stderr).not.toContain('    at ');
    }
    expect(calls().filter(({ args }) => ['refresh', 'destroy', 'preview', 'up'].includes(args[0] ?? ''))).toEqual([]);
  });

  test("returns Pulumi's exit code, and does not report a running agent if it failed", async () => {
    const { launch } = project();
    const { exitCode, stderr } = await launch(['up'], { FAKE_EXIT: '255' });
    expect(exitCode).toBe(255);
    expect(stderr).not.toContain('n8n calls');
  });

  test.each(['up', 'preview'])('lists every invalid config value before `%s` starts anything', async (command) => {
    const { at, launch } = project();
    writeFileSync(
      at('Pulumi.dev.yaml'),
      'config:\n  claude-code-agent:queueLimit: many\n  claude-code-agent:registy: x\n',
    );
    const { exitCode, stderr } = await launch([command]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('is invalid (2)');
    expect(stderr).toContain('queueLimit is "many"; it must be a whole number from 0 to 10000.');
    expect(stderr).toContain('registy is not a config key.');
    expect(stderr).not.toContain('    at ');
    expect(existsSync(at('bin', 'stacks.json'))).toBe(false);
    expect(existsSync(at('.local'))).toBe(false);
  });

  test('leaves the check to the program if some config is not in the file', async () => {
    const { at, launch } = project();
    writeFileSync(at('Pulumi.dev.yaml'), 'config:\n  claude-code-agent:queueLimit: many\n');
    expect((await launch(['up', '--config', 'claude-code-agent:queueLimit=5'])).exitCode).toBe(0);
    writeFileSync(at('Pulumi.dev.yaml'), 'environment: [prod]\nconfig:\n  claude-code-agent:queueLimit: many\n');
    expect((await launch(['up'])).exitCode).toBe(0);
  });

  test('reports a stack file that is not YAML', async () => {
    const { at, launch } = project();
    writeFileSync(at('Pulumi.dev.yaml'), 'config: [');
    const { exitCode, stderr } = await launch(['up']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Pulumi.dev.yaml can't be read");
  });

  test('prints the error of Pulumi if the stack cannot be created, and does not change the committed file', async () => {
    const { read, launch } = project();
    const { exitCode, stderr } = await launch(['up'], { FAKE_FAILS: '1' });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('error: no such bucket');
    expect(stderr).not.toContain('    at ');
    expect(read('Pulumi.dev.yaml')).toBe(readFileSync('Pulumi.dev.yaml', 'utf8'));
  });

  test('lists the commands if the given one is unknown', async () => {
    const { exitCode, stderr } = await project().launch(['deploy']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      "Unknown command 'deploy'. Allowed: up, preview, plan, refresh, down, rollback, login, caller, doctor, backup, restore, pulumi.",
    );
  });
});

describe('an image that the registry no longer has', () => {
  const IMAGE = {
    type: 'docker:index/image:Image',
    urn: 'i',
    outputs: { repoDigest: `r/claude-agent@sha256:${'0'.repeat(64)}` },
  };
  const LOST = 'no such manifest: r/claude-agent@sha256:000';

  function deployed() {
    const made = project();
    writeFileSync(made.at('bin', 'stacks.json'), '[{"name":"dev","resourceCount":27}]');
    writeFileSync(made.at('bin', 'state.json'), JSON.stringify({ deployment: { resources: [IMAGE] } }));
    const up = (env: Record<string, string>) => made.launch(['up', '--yes'], { PULUMI_CONFIG_PASSPHRASE: 'x', ...env });
    return { ...made, up };
  }

  test('is removed from the state, so that the update builds and pushes it', async () => {
    const { read, up } = deployed();
    const { exitCode, stderr } = await up({ FAKE_DOCKER: LOST });
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(`The registry no longer has ${IMAGE.outputs.repoDigest}. It is built and pushed again.`);
    expect(read('bin', 'state.json')).not.toContain('docker:index/image:Image');
  });

  test('stays in the state if the registry merely cannot be reached', async () => {
    const { read, up } = deployed();
    expect((await up({ FAKE_DOCKER: 'Get "http://r/v2/": dial tcp: connection refused' })).exitCode).toBe(0);
    expect(read('bin', 'state.json')).toContain('docker:index/image:Image');
  });

  test('fails the update before anything changes if it is pinned, and the message has the command that builds another', async () => {
    const { at, calls, up } = deployed();
    writeFileSync(at('Pulumi.dev.yaml'), `config:\n  claude-code-agent:image: ${IMAGE.outputs.repoDigest}\n`);
    const { exitCode, stderr } = await up({ FAKE_DOCKER: LOST });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('npm run pulumi -- config rm image && npm run up');
    expect(calls().map(({ args }) => args[0])).not.toContain('up');
  });
});

describe('npm run rollback', () => {
  const image = (digit: string) => `127.0.0.1:5000/claude-agent@sha256:${digit.repeat(64)}`;
  const record = (number: number, queueLimit: string) => ({
    number,
    time: `2026-01-0${number}T03:04:05.678Z`,
    image: image(String(number)),
    login: '111111111111',
    token: '222222222222',
    claude: '',
    git: '',
    config: { queueLimit, image: '', runners: '1' },
  });
  const SESSION = { type: 'kubernetes:core/v1:Secret', urn: 's', inputs: { metadata: { name: 'claude-session' } } };
  const stateOf = (...others: object[]) => ({
    version: 3,
    deployment: {
      resources: [
        ...others,
        {
          type: 'claude-code-agent:stack:UpdateHistory',
          urn: 'h',
          outputs: { records: textsOf([record(2, '50'), record(1, '100')]) },
        },
      ],
    },
  });
  const CONFIG = 'config:\n  claude-code-agent:queueLimit: 50 # too few\n';

  function deployed(state: object = stateOf(SESSION)) {
    const made = project();
    writeFileSync(made.at('bin', 'stacks.json'), '[{"name":"dev","resourceCount":27}]');
    writeFileSync(made.at('bin', 'state.json'), JSON.stringify(state));
    writeFileSync(made.at('Pulumi.dev.yaml'), CONFIG);
    return {
      ...made,
      rollback: (args: string[], env: Record<string, string> = {}) =>
        made.launch(['rollback', ...args], { PULUMI_CONFIG_PASSPHRASE: 'x', ...env }),
    };
  }

  test('lists the recorded updates, and changes nothing', async () => {
    const { read, calls, rollback } = deployed();
    const { exitCode, stdout } = await rollback([]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('2       2026-01-02 03:04Z  222222222222  image, queueLimit 100 -> 50');
    expect(read('Pulumi.dev.yaml')).toBe(CONFIG);
    expect(calls().map(({ args }) => args.slice(0, 2).join(' '))).toEqual(['stack ls', 'stack export']);
  });

  test('updates with the recorded config and image, and takes the login from the cluster', async () => {
    const { at, read, calls, rollback } = deployed();
    const { exitCode, stderr } = await rollback(['1', '--yes', '--non-interactive']);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('image 222222222222 -> 111111111111, pinned from now on\n  queueLimit 50 -> 100\n');
    expect(read('Pulumi.dev.yaml')).toBe(`config:\n  claude-code-agent:image: ${image('1')}\n`);
    expect(read('.local', 'Pulumi.dev.yaml')).toContain('claude-code-agent:sessionFrom: cluster');
    const update = ['up', '--stack', 'dev', '--config-file', at('.local', 'Pulumi.dev.yaml'), '--non-interactive'];
    expect(calls().at(-1)?.args).toEqual([...update, '--yes', '--skip-preview', '--message', 'Back to update 1']);
    expect(stderr).toContain('npm run rollback -- 2 ');
    expect(stderr).toContain('npm run pulumi -- config rm image && npm run up');
  });

  test('takes the login of this machine if the cluster has none', async () => {
    const { read, rollback } = deployed(stateOf());
    expect((await rollback(['1', '--yes'])).exitCode).toBe(0);
    expect(read('.local', 'Pulumi.dev.yaml')).not.toContain('sessionFrom');
  });

  test('requires --yes without a terminal, and changes nothing without it', async () => {
    const { read, calls, rollback } = deployed();
    const { exitCode, stderr } = await rollback(['1']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('queueLimit 50 -> 100');
    expect(stderr).toContain('There is no terminal to ask for confirmation. To roll back without asking, pass --yes.');
    expect(read('Pulumi.dev.yaml')).toBe(CONFIG);
    expect(calls().some(({ args }) => args[0] === 'up')).toBe(false);
  });

  test.each([
    ['n', 1, false],
    ['y', 0, true],
  ])(
    'on a terminal previews and asks; after the answer %s it exits with %i',
    needs(unless(process.platform === 'linux', 'It needs `script` of util-linux.')),
    async (answer, ended, updates) => {
      const { at, read, calls, env } = deployed();
      const command = `'${process.execPath}' '${at('stack', 'cli', 'main.ts')}' rollback 1`;
      const { exitCode, stdout } = await execa('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
        cwd: tmpdir(),
        env: { ...env, PULUMI_CONFIG_PASSPHRASE: 'x' },
        extendEnv: false,
        reject: false,
        input: `${answer}\n`,
      });
      expect(exitCode, stdout).toBe(ended);
      expect(stdout).toContain('Roll back to update 1? [y/N]');
      const commands = calls().map(({ args }) => args[0]);
      expect(commands).toContain('preview');
      expect(commands.includes('up')).toBe(updates);
      expect(read('Pulumi.dev.yaml') === CONFIG).toBe(!updates);
    },
  );

  test('suggests the next command if the update fails, and keeps the config in the file', async () => {
    const { read, rollback } = deployed();
    const { exitCode, stderr } = await rollback(['1', '--yes'], { FAKE_EXIT: '255' });
    expect(exitCode).toBe(255);
    expect(stderr).toContain('Pulumi.dev.yaml contains its config. Run `npm run up` to try again.');
    expect(read('Pulumi.dev.yaml')).toContain(image('1'));
  });

  test('is rejected for an update that is not recorded', async () => {
    const { exitCode, stderr } = await deployed().rollback(['7', '--yes']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('There is no record of update 7. Available: 2, 1.');
    expect(stderr).not.toContain('    at ');
  });

  test('is rejected if the recorded config is no longer valid, and does not change the file', async () => {
    const state = JSON.stringify(stateOf(SESSION)).replace(String.raw`\"100\"`, String.raw`\"999999\"`);
    const { read, calls, rollback } = deployed(JSON.parse(state) as object);
    const { exitCode, stderr } = await rollback(['1', '--yes']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('queueLimit is "999999"; it must be a whole number');
    expect(stderr).not.toContain('    at ');
    expect(read('Pulumi.dev.yaml')).toBe(CONFIG);
    expect(calls().some(({ args }) => args[0] === 'up')).toBe(false);
  });

  test('removes the built image from the state, so that it needs no Docker', async () => {
    const { read, rollback } = deployed(stateOf({ type: 'docker:index/image:Image', urn: 'i' }));
    expect((await rollback(['1', '--yes'])).exitCode).toBe(0);
    expect(read('bin', 'state.json')).not.toContain('docker:index/image:Image');
  });
});

describe('an update after one that was killed', () => {
  test('adds to the state what that one was creating', async () => {
    const { at, read, calls, launch } = project();
    const resource = {
      type: 'kubernetes:apps/v1:Deployment',
      urn: 'u::agent-deployment',
      inputs: { metadata: { name: 'd', namespace: 'n' } },
    };
    const state = { version: 3, deployment: { resources: [], pending_operations: [{ type: 'creating', resource }] } };
    writeFileSync(at('bin', 'state.json'), JSON.stringify(state));
    const { exitCode, stderr } = await launch(['up']);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(
      'The last update was interrupted while it created agent-deployment. This update continues from there.',
    );
    expect(JSON.parse(read('bin', 'state.json'))).toMatchObject({
      deployment: { resources: [{ urn: 'u::agent-deployment', id: 'n/d' }], pending_operations: [] },
    });
    expect(existsSync(at('.local', 'state.json'))).toBe(false);
    expect(calls().at(-1)?.args[0]).toBe('up');
  });
});

describe('an update without a state of what is in the cluster', () => {
  const deployed = (failure?: string) => {
    const made = project();
    answerWithObjects(made.at('bin', 'kubectl'), failure);
    const image = `127.0.0.1:5000/claude-agent@sha256:${'1'.repeat(64)}`;
    writeFileSync(made.at('Pulumi.dev.yaml'), `config:\n  claude-code-agent:image: ${image}\n`);
    return made;
  };

  test('makes one, in which each object has the field manager that applied it', async () => {
    const { read, calls, launch } = deployed();
    const { exitCode, stderr } = await launch(['up', '--yes']);
    expect(exitCode, stderr).toBe(0);
    const { deployment } = JSON.parse(read('bin', 'state.json')) as { deployment: { resources: Adopted[] } };
    const objects = deployment.resources.filter(({ type }) => type.startsWith('kubernetes:'));
    expect(objects.map(({ inputs }) => inputs?.kind)).toEqual(expect.arrayContaining(['Deployment', 'Namespace']));
    for (const { inputs, outputs } of objects)
      expect(outputs?.__fieldManager).toBe(`pulumi-kubernetes-${inputs?.kind}-${inputs?.metadata.name}`);
    expect(calls().at(-1)?.args[0]).toBe('up');
  });

  test('changes nothing if kubectl cannot read the objects', async () => {
    const { calls, launch } = deployed('Forbidden');
    const { exitCode, stderr } = await launch(['up', '--yes']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('kubectl could not read the existing objects: Forbidden. Nothing changed.');
    expect(calls().map(({ args: [name, command] }) => `${name} ${command}`)).not.toContain('stack import');
  });
});

interface Adopted {
  readonly type: string;
  readonly inputs?: { readonly kind: string; readonly metadata: { readonly name: string } };
  readonly outputs?: { readonly __fieldManager?: string };
}

describe('npm run login', () => {
  const LOGIN = '{"claudeAiOauth":{"accessToken":"canary","refreshToken":"canary"}}';

  test('starts the CLI with a folder of its own, and without credentials from the environment', async () => {
    const { at, read, launch } = project();
    const { exitCode, stderr } = await launch(['login'], {
      FAKE_LOGIN: LOGIN,
      ANTHROPIC_API_KEY: 'stray',
      CLAUDE_CODE_OAUTH_TOKEN: 'stray',
    });
    expect(exitCode, stderr).toBe(0);
    const { args, env } = JSON.parse(read('bin', 'claude.json')) as Call;
    expect(args).toEqual(['auth', 'login']);
    expect(env['CLAUDE_CONFIG_DIR']).toBe(at('.local', 'session'));
    expect(JSON.stringify(env)).not.toContain('stray');
    expect(statSync(at('.local', 'session', '.credentials.json')).mode & 0o777).toBe(0o600);
    expect(statSync(at('.local', 'session')).mode & 0o777).toBe(0o700);
    expect(stderr).toContain('Next: npm run up');
    expect(stderr).not.toContain('canary');
  });

  test.each([
    ['the CLI fails', { FAKE_LOGIN: 'fails' }, 'exit code 1'],
    ['the CLI creates no login', {}, 'did not create'],
    ['the CLI creates an empty login', { FAKE_LOGIN: '{"claudeAiOauth":{}}' }, 'contains no login'],
  ])('fails if %s', async (_what, env, message) => {
    const { exitCode, stderr } = await project().launch(['login'], env);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});
