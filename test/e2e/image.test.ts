import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { RUNNER_CLAUDE } from '../../agent/claude/host.ts';
import type { RunnerAddress } from '../../agent/runner/client/link.ts';
import { rawPublicKey } from '../../agent/runner/key.ts';
import { attackSuite } from '../support/attack-suite.ts';
import { startAttackedAgent, type AttackedAgent } from '../support/attacked-agent.ts';
import { until } from './cluster.ts';
import { needs, unless } from '../support/needs.ts';
import { KEY, runnersAt } from '../support/runner.ts';

const IMAGE = 'claude-agent:image-test';
const USER = 10_001;
/** As the pod of a runner, but in the network of this machine. */
const RESTRICTED = [
  ...['--network', 'host', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
  ...['/tmp', '/workspace', '/data/home'].flatMap((dir) => ['--tmpfs', `${dir}:exec,uid=${USER},gid=${USER},mode=700`]),
];
const COMMAND = ['unreadable-node', '--disable-sigusr1', 'agent/runner/main.ts'];

const hasDocker = !(await execa('docker', ['info'], { reject: false, timeout: 30_000 })).failed;

describe('the image', needs(unless(hasDocker, 'there is no Docker daemon (docker info fails)')), () => {
  const containers: string[] = [];
  const docker = async (...args: string[]) => (await execa('docker', args)).stdout;
  const inImage = (...command: string[]) => docker('run', '--rm', ...RESTRICTED, IMAGE, ...command);

  /** Starts a runner in a container. */
  async function startRunner(publicKey: string): Promise<RunnerAddress> {
    const settings = {
      RUNNER_HOST: '127.0.0.1',
      RUNNER_PORT: '0',
      RUNNER_PUBLIC_KEY: publicKey,
      RUNNER_HOME: '/data/home',
      RUNNER_WORKSPACE: '/workspace',
    };
    const env = Object.entries(settings).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const container = await docker('run', '--detach', ...RESTRICTED, ...env, IMAGE, ...COMMAND);
    containers.push(container);
    const port = await until('the runner', async () => {
      const log = await docker('logs', container);
      return /"url":"http:\/\/127\.0\.0\.1:(\d+)".*"msg":"listening"/.exec(log)?.[1];
    });
    return { address: '127.0.0.1', port: Number(port) };
  }

  beforeAll(() => docker('build', '--quiet', '--file', 'agent/Dockerfile', '--tag', IMAGE, '.'));
  afterAll(async () => {
    if (containers.length > 0) await docker('rm', '--force', ...containers);
  });

  test('has what a runner and PID 1 are started with, which nobody but root may read', async () => {
    const files = ['/usr/bin/tini', '/usr/local/lib/unreadable/node'];
    expect(await inImage('stat', '--format', '%a %U', ...files)).toBe('711 root\n711 root');
    await expect(inImage('cat', files[1] ?? '')).rejects.toThrow('Permission denied');
    const version = await inImage('node', '--version');
    expect(await inImage('unreadable-node', '--version')).toBe(version);
  });

  test('has the programs that a runner starts, and the pinned CLI', async () => {
    const programs = ['chmod', 'find', 'ionice', 'ipcrm'];
    expect((await inImage('which', ...programs)).split('\n')).toHaveLength(programs.length);
    const address = await startRunner(rawPublicKey(KEY));
    await using host = await runnersAt([address]);
    const claude = host.shell('', { file: RUNNER_CLAUDE, args: ['--version'] });
    expect(await claude.exit).toEqual({ code: 0 });
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(claude.said.stdout).toContain(dependencies['@anthropic-ai/claude-code']);
    await claude.sweep();
    await host.until('ready');
  });

  test('has what the agent loads only when it is configured', async () => {
    const exporters = ['http', 'proto'].map((kind) => `@opentelemetry/exporter-trace-otlp-${kind}`);
    const modules = ['/app/agent/tracing/otlp.ts', '/app/agent/mcp/server.ts', ...exporters];
    const script = `for (const each of ${JSON.stringify(modules)}) await import(each)`;
    expect(await inImage('node', '--input-type=module', '--eval', script)).toBe('');
  });

  describe('an attack of a prompt in a container of it, by the real CLI', () => {
    let agent: AttackedAgent;
    afterAll(() => agent[Symbol.asyncDispose]());
    attackSuite(async () => (agent = await startAttackedAgent(startRunner, ['/'])));
  });
});
