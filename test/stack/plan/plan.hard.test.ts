import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { SECRETS } from '../../../stack/config/secrets.ts';
import { withoutSecrets } from '../../../stack/pulumi-internals/secrets.ts';
import { COMPILE_CACHE } from '../../support/compile-cache.ts';
import { partialCheckout } from '../../support/partial-checkout.ts';
import { loginFolder, REFRESH_TOKEN } from '../program.ts';

/** A clean clone on a machine that has only Node: no engine, no kubeconfig, no login. */
function clone() {
  const parts = ['.dockerignore', 'agent', 'package-lock.json', 'package.json', 'stack', 'watchdog'];
  const folder = partialCheckout([...parts, 'Pulumi.yaml', 'Pulumi.dev.yaml']);
  const at = (...names: string[]) => path.join(folder, ...names);
  const launch = (...args: string[]) =>
    execa(process.execPath, ['stack/cli/main.ts', ...args], {
      cwd: folder,
      env: { HOME: folder, PATH: '/nowhere', ...COMPILE_CACHE },
      extendEnv: false,
      reject: false,
    });
  return { at, plan: (...args: string[]) => launch('plan', ...args), up: (...args: string[]) => launch('up', ...args) };
}

describe('npm run plan', () => {
  test('shows every resource in a tree, and writes each to a file, without an engine or a cluster', async () => {
    const { at, plan } = clone();
    const { exitCode, stdout, stderr } = await plan();
    expect(exitCode, stderr).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^RESOURCE +TYPE +NAME +FILE$/);
    expect(stdout).toMatch(/^agent +AgentService$/m);
    expect(stdout).toMatch(
      /^ {2}agent-deployment +Deployment +claude-code-agent +deployment-claude-code-agent\.yaml$/m,
    );
    expect(stdout).toMatch(
      /^ {2}image-build +docker:index\/image:Image +127\.0\.0\.1:5000\/claude-agent:[0-9a-f]{12} /m,
    );
    const files = readdirSync(at('.local', 'plan'));
    expect(stdout).toContain(`${files.length} resources of stack dev, as YAML in ${at('.local', 'plan')}`);
    for (const file of files) expect(stdout).toContain(file);
    const deployment = parse(readFileSync(at('.local', 'plan', 'deployment-claude-code-agent.yaml'), 'utf8')) as object;
    expect(deployment).toMatchObject({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      spec: { template: { spec: { containers: [{ image: `127.0.0.1:5000/claude-agent@sha256:${'0'.repeat(64)}` }] } } },
    });
    expect(stderr).toContain('Secret claude-session stays unchanged: there is no .credentials.json');
  });

  test('writes the objects of a Gateway beside those of the same names', async () => {
    const { at, plan } = clone();
    const config = { 'claude-code-agent:host': 'claude-agent.example.com', 'claude-code-agent:tlsSecret': 'tls' };
    writeFileSync(at('Pulumi.dev.yaml'), JSON.stringify({ config }));
    const { exitCode, stdout, stderr } = await plan();
    expect(exitCode, stderr).toBe(0);
    const files = readdirSync(at('.local', 'plan'));
    expect(stdout).toContain(`${files.length} resources of stack dev`);
    expect(files).toEqual(
      expect.arrayContaining([
        'gateway-claude-agent-gateway-claude-agent.yaml',
        'httproute-claude-agent-gateway-claude-agent.yaml',
        'httproute-claude-agent.yaml',
        'networkpolicy-claude-agent-gateway-default-deny.yaml',
        'networkpolicy-default-deny.yaml',
      ]),
    );
  });

  test('quotes strings that kubectl would read as another type', async () => {
    const { at, plan } = clone();
    expect((await plan()).exitCode).toBe(0);
    const deployment = readFileSync(at('.local', 'plan', 'deployment-claude-code-agent.yaml'), 'utf8');
    expect(deployment).toContain('value: "on"');
  });

  test('shows placeholders for secrets, and the names of their keys', async () => {
    const { at, plan } = clone();
    mkdirSync(at('.local'));
    cpSync(loginFolder(), at('.local', 'session'), { recursive: true });
    writeFileSync(at('.local', 'agent-token'), 'canary-agent-token');
    const { exitCode, stdout, stderr } = await plan();
    expect(exitCode, stderr).toBe(0);
    const files = readdirSync(at('.local', 'plan')).map((name) => readFileSync(at('.local', 'plan', name), 'utf8'));
    for (const text of [stdout, stderr, ...files]) {
      for (const canary of [REFRESH_TOKEN, 'canary-agent-token']) {
        expect(text).not.toContain(canary);
        expect(text).not.toContain(
          Buffer.from(canary)
            .toString('base64')
            .replace(/.{1,3}$/, ''),
        );
      }
    }
    const secret = parse(readFileSync(at('.local', 'plan', 'secret-claude-session.yaml'), 'utf8')) as { data: object };
    expect(secret.data).toEqual({ '.credentials.json': '[secret]' });
  });

  test('accepts another stack, a stack file and a folder; replaces its own files there and leaves others', async () => {
    const { at, plan } = clone();
    const out = at('out');
    expect((await plan('--out', out)).exitCode).toBe(0);
    writeFileSync(path.join(out, 'mine.yaml'), 'mine: true\n');
    writeFileSync(
      at('Pulumi.prod.yaml'),
      JSON.stringify({
        config: {
          'claude-code-agent:image': `r.example.org/a@sha256:${'ab'.repeat(32)}`,
          'claude-code-agent:queueLimit': 7,
          ...Object.fromEntries(Object.keys(SECRETS).map((key) => [`claude-code-agent:${key}`, { secure: 'v1:x' }])),
          'claude-code-agent:mcpServers': { tickets: { type: 'http', url: { secure: 'v1:x' } } },
          n8nApiUrl: 'http://n8n.n8n.svc',
          otlpEndpoint: 'https://collector.example.org',
        },
      }),
    );
    const { exitCode, stdout, stderr } = await plan('--stack', 'prod', '--out', out);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).not.toContain('docker:');
    expect(stdout).toContain('resources of stack prod');
    expect(stderr).toContain('Every prompt can read mcpServers and claudeSettings, on a runner too');
    expect(existsSync(path.join(out, 'image-image-build.yaml'))).toBe(false);
    expect(existsSync(path.join(out, 'mine.yaml'))).toBe(true);
    expect(readFileSync(path.join(out, 'deployment-claude-code-agent.yaml'), 'utf8')).toContain('value: "7"');
    const byFile = await plan('--config-file', at('Pulumi.prod.yaml'), '--out', out);
    expect(byFile.stdout).not.toContain('docker:');
  });

  test.each([
    ['a registry and a cluster that are there', 'rg-shared/', ['ResourceGroup', 'UserAssignedIdentity']],
    ['all that can be made', '', ['ResourceGroup', 'Registry', 'ManagedCluster', 'AgentPool', 'RoleAssignment']],
  ])('shows a stack on Azure with %s, without Azure', async (_what, group, made) => {
    const { at, plan } = clone();
    const config = {
      target: 'azure',
      azureSubscription: '11111111-2222-4333-8444-555555555555',
      azureRegistry: `${group}exampleacr`,
      azureCluster: `${group}aks-example`,
      azureAdminGroups: group === '' ? ['aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'] : [],
    };
    writeFileSync(at('Pulumi.prod.yaml'), JSON.stringify({ config }));
    const { exitCode, stdout, stderr } = await plan('--stack', 'prod');
    expect(exitCode, stderr).toBe(0);
    const kinds = [...stdout.matchAll(/ azure-native:\w+:(\w+) /g)].map(([, kind]) => kind);
    expect(kinds).toEqual(expect.arrayContaining(made));
    expect(kinds.includes('Registry')).toBe(group === '');
    expect(kinds.includes('ManagedCluster')).toBe(group === '');
    expect(stdout).toMatch(/ exampleacr\.azurecr\.io\/claude-agent:[0-9a-f]{12} /);
    expect(stdout).toMatch(/ Deployment +claude-code-agent /);
  });

  test('reports invalid config as `up` does, and writes nothing', async () => {
    const { at, plan, up } = clone();
    writeFileSync(
      at('Pulumi.dev.yaml'),
      'config:\n  claude-code-agent:queueLimit: many\n  claude-code-agent:registy: x\n',
    );
    const planned = await plan();
    const stopped = await up();
    expect(planned.exitCode).toBe(1);
    expect(planned.stderr).toContain('is invalid (2)');
    expect(planned.stderr).toBe(stopped.stderr);
    expect(existsSync(at('.local', 'plan'))).toBe(false);
  });

  test.each([
    [['--config-file', 'none.yaml'], 'none.yaml does not exist'],
    [['--target', 'azure'], "Unknown option '--target'"],
    [['prod'], "Unexpected argument 'prod'"],
  ])('rejects %j with the reason', async (args, words) => {
    const { exitCode, stderr } = await clone().plan(...args);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
  });

  test('reports a login that cannot be used', async () => {
    const { at, plan } = clone();
    mkdirSync(at('.claude'));
    writeFileSync(at('.claude', '.credentials.json'), 'not json');
    const { exitCode, stderr } = await plan();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('.credentials.json is not JSON. Log in again: `npm run login`.');
  });
});

describe('what npm run plan does not do', () => {
  test.each(['--help', '-h'])('is to plan with %s, which prints the help', async (help) => {
    const { at, plan } = clone();
    const { exitCode, stdout } = await plan(help);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^npm run plan -- \[--stack NAME\]/);
    expect(existsSync(at('.local'))).toBe(false);
  });

  test('is to write over a file that was given as the folder', async () => {
    const { at, plan } = clone();
    const { exitCode, stderr } = await plan('--out', at('package.json'));
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`--out ${at('package.json')} is a file. Specify a folder`);
    expect(stderr).not.toContain('    at ');
    const below = await plan('--out', at('package.json', 'below'));
    expect(below.stderr).toMatch(/--out \S+ can't be written to: ENOTDIR/);
    expect(below.stderr).not.toContain('    at ');
  });

  test.each([
    ['claudeToken', 'sk-ant-canary', 'claudeToken (not shown) is in plain text.'],
    [
      'claudeSettings',
      '{"permissions":{"denny":["Bash"]}}',
      'claude has no setting permissions.denny (did you mean deny?)',
    ],
  ])('is to accept %s %j: like `up`, it names the stack in each command', async (key, value, words) => {
    const { at, plan, up } = clone();
    writeFileSync(at('Pulumi.prod.yaml'), JSON.stringify({ config: { [`claude-code-agent:${key}`]: value } }));
    const planned = await plan('--stack', 'prod');
    expect(planned.exitCode).toBe(1);
    expect(planned.stderr).toContain(words);
    expect(planned.stderr).not.toContain('canary');
    expect(planned.stderr).toContain('config set KEY VALUE --stack prod');
    const stopped = await up('--stack', 'prod');
    expect(stopped.stderr).toBe(planned.stderr);
  });

  test('is to accept a login that cannot be used: it names the stack in the command that fixes it', async () => {
    const { at, plan } = clone();
    mkdirSync(at('.claude'));
    writeFileSync(at('.claude', '.credentials.json'), 'not json');
    const { stderr } = await plan('--stack', 'prod');
    expect(stderr).toContain('Log in again: `npm run login -- --stack prod`.');
  });
});

test('every string below a secret is replaced by a placeholder', () => {
  const marked = (value: unknown) => ({
    '4dabf18193072939515e22adb298388d': '1b47061264138c4ac30d75fd1eb44270',
    value,
  });
  expect(withoutSecrets({ a: marked({ b: ['c', 'd'], e: 1 }), f: ['g', marked('h')], i: null })).toEqual({
    a: { b: ['[secret]', '[secret]'], e: '[secret]' },
    f: ['g', '[secret]'],
    i: null,
  });
});
