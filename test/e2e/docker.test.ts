import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';

import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { RunAnswer } from '../../agent/http/api/run.ts';
import type { Health } from '../../agent/http/api/state.ts';
import { startOauthProxy, type OauthProxy } from '../doubles/oauth-proxy/server.ts';
import type { DoubleWorkflow } from '../doubles/n8n/workflows.ts';
import type { PostedCard } from '../doubles/teams/server.ts';
import { needs } from '../support/needs.ts';
import { until } from './cluster.ts';
import { commandsWith, ComposeProject, NETWORK, noCompose, PORT, PROJECT, SERVICES } from './compose.ts';

/** What the login page of Anthropic shows at the end; each works once. */
const CODES = ['e2e-code-canary-1', 'e2e-code-canary-2'] as const;
const ACCOUNT = '00000000-0000-4000-8000-000000000001';
const docker = async (...args: string[]) => (await execa('docker', args)).stdout;
/** Commands of a document with the names of the test, and its port for one container. */
const ours = (command: string) =>
  command
    .replaceAll('claude-code-agent_data', `${PROJECT}_data`)
    .replaceAll('127.0.0.1:3000:3000', `127.0.0.1:${PORT + 1}:3000`)
    .replaceAll(/(^|[ =])claude-agent(?=[ :]|$)/g, '$1claude-agent-docker-test');

describe('without Kubernetes', needs(await noCompose()), () => {
  const project = new ComposeProject();
  let proxy: OauthProxy;
  let token = '';

  const call = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const response = await fetch(`${project.url}${path}`, { headers, ...init });
    return (await response.json()) as T;
  };
  const post = <T>(path: string, body: object = {}) => call<T>(path, { method: 'POST', body: JSON.stringify(body) });
  const health = () => call<Health>('/health');
  const slots = (count: number) =>
    until(`${count} runner(s)`, async () => ((await health()).slots === count ? true : undefined), 90);
  const isHealthy = () =>
    until(
      'a healthy agent',
      async () => ((await project.compose('ps', 'agent')).includes('(healthy)') ? true : undefined),
      90,
    );
  /** Starts a run that lasts until it is ended, and waits until Claude is at work. */
  const startHanging = async (prompt: string): Promise<string> => {
    const { id } = await post<{ id: string }>('/runs', { prompt: `${prompt} [[hang]]` });
    await until('the request', async () => {
      const asked = (await project.control('anthropic', 'GET', '/requests')) as { prompt?: string }[];
      return asked.some((request) => request.prompt?.includes(prompt)) ? true : undefined;
    });
    return id;
  };
  const ended = (id: string) =>
    until('the end of the run', async () => {
      const run = await call<{ outcome?: string }>(`/runs/${id}`);
      return run.outcome === undefined ? undefined : run;
    });
  /** As the page does. */
  const logIn = async (code: string): Promise<object> => {
    const { id, url } = await post<{ id: string; url: string }>('/auth/login');
    return post(`/auth/login/${id}`, { code: `${code}#${new URL(url).searchParams.get('state')}` });
  };
  const cards = async () => (await project.control('teams', 'GET')) as PostedCard[];
  const workflows = async () => ((await project.control('n8n', 'GET')) as { workflows: DoubleWorkflow[] }).workflows;

  beforeAll(async () => {
    const host = await docker('network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}');
    const tokens = { accessToken: 'e2e-access-canary', refreshToken: 'e2e-refresh-canary' };
    proxy = await startOauthProxy({ host, tokens, codes: Object.fromEntries(CODES.map((code) => [code, ACCOUNT])) });
    await project.fill({
      ANTHROPIC_BASE_URL: 'http://anthropic:8080',
      HTTPS_PROXY: proxy.env.HTTPS_PROXY,
      NO_PROXY: 'anthropic,claude-gateway',
      NODE_EXTRA_CA_CERTS: '/certificates/ca.pem',
      AGENT_GRACE_SECONDS: '3',
      WATCHDOG_MINUTES: '1',
      TEAMS_WEBHOOK_FILE: './secrets/teams-webhook-url',
      N8N_API_KEY_FILE: './secrets/n8n-api-key',
      GIT_CREDENTIALS: './secrets/git',
      AGENT_GIT_HOSTS: `'${JSON.stringify([{ repositories: ['https://git.invalid/e2e/*'], type: 'plain', tokenFile: '/git/token' }])}'`,
      WATCHDOG_N8N_API_URL: 'http://n8n:5678',
    });
    copyFileSync(proxy.env.NODE_EXTRA_CA_CERTS, project.at('certificates', 'ca.pem'));
    chmodSync(project.at('certificates', 'ca.pem'), 0o644);
    mkdirSync(project.at('secrets'), { mode: 0o700 });
    writeFileSync(
      project.at('secrets', 'teams-webhook-url'),
      'http://teams:8080/workflows/hook?sig=canary-webhook-signature',
    );
    writeFileSync(project.at('secrets', 'n8n-api-key'), 'n8n-key');
    mkdirSync(project.at('secrets', 'git'));
    writeFileSync(project.at('secrets', 'git', 'token'), 'canary-of-a-git-host');
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(await project.logs().catch(String));
  });

  afterAll(async () => {
    await execa('docker', ['rm', '--force', '--volumes', 'claude-agent-docker-test'], { reject: false });
    await execa('docker', ['volume', 'rm', 'claude-agent-docker-test'], { reject: false });
    await project.remove();
    await proxy.close();
  });

  test('the commands of README build and start it, and print a token', async () => {
    const commands = commandsWith('README.md', 'docker compose up');
    expect(commands).toHaveLength(3);
    for (const command of commands) token = (await project.run(command.replace(' exec ', ' exec -T '))).trim();
    expect(token).toMatch(/^[\w-]{43}$/);
    const states = await project.compose('ps', '--format', '{{.Service}} {{.Health}}');
    expect(states.split('\n')).toEqual(expect.arrayContaining(['agent healthy', 'runner healthy']));
    expect(await health()).toMatchObject({ status: 'ok', auth: { mode: 'session', state: 'auth_failed' } });
    await slots(1);
  });

  test.each(SERVICES)('%s has no capability, no root, and may not write where it need not', async (service) => {
    const script = 'id -u; grep -hE "^(Cap|NoNewPrivs|Seccomp:)" /proc/1/status; touch /usr/x /app/x 2>&1 || true; env';
    const said = await project.inside(service, 'sh', '-c', script);
    expect(said).toMatch(/^10001\n/);
    expect(said.match(/^Cap\w+:\s+0{16}$/gm)).toHaveLength(5);
    expect(said).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(said).toMatch(/^Seccomp:\s+2$/m);
    expect(said.match(/Read-only file system/g)).toHaveLength(2);
    expect(said).not.toContain(token);
    const id = await project.compose('ps', '--quiet', service);
    const limits = await docker('inspect', '--format', '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}', id);
    for (const limit of limits.split(' ')) expect(Number(limit)).toBeGreaterThan(0);
  });

  test("somebody logs in by the page's API, and a run of the real CLI is made by the curl of the docs", async () => {
    expect(await logIn(CODES[0])).toMatchObject({ state: 'ok', account: 'somebody@example.com' });
    const said = [];
    for (const command of commandsWith('docs/docker.md', '/run -H')) {
      said.push(await project.run(command.replaceAll('http://127.0.0.1:3000', project.url)));
    }
    expect(JSON.parse(said[0] ?? '')).toMatchObject({ status: 'ok', auth: { state: 'ok' } });
    expect(JSON.parse(said[1] ?? '')).toMatchObject({ success: true, output: 'echo: Say hello' });
  });

  test('a run has no secret, and no way but to the gateway', async () => {
    const gateway = await docker('network', 'inspect', NETWORK, '--format', '{{(index .IPAM.Config 0).Gateway}}');
    const agent = await project.inside('agent', 'sh', '-c', 'getent ahostsv4 claude-agent | head -n 1');
    const [address = ''] = agent.split(' ');
    const listener = createServer().listen(0, '0.0.0.0');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const probe = (host: string, to: number) =>
      `timeout 2 bash -c 'exec 3<>/dev/tcp/${host}/${to}' 2>/dev/null && echo OPEN ${host}:${to} || echo closed ${host}:${to}`;
    const own = `$(hostname -i | sed 's/[0-9]*$/1/')`;
    const script = [
      probe('claude-gateway', 3001),
      ...[
        ['claude-gateway', 3000],
        ['agent', 3000],
        ['claude-agent', 3000],
        [address, 3000],
        ['anthropic', 8080],
      ].map(([host, to]) => probe(String(host), Number(to))),
      ...[gateway, '1.1.1.1', '169.254.169.254'].map((host) => probe(host, port)),
      probe(own, port).replaceAll("'", '"'),
      'cat /proc/net/if_inet6 | grep -v " lo$" && echo IPV6',
      'ls -A /shared/watchdog /data/home /session; cat /git/*; ls /shared/runner',
      'touch /shared/runner/public-key && echo WRITABLE',
      'timeout 5 getent hosts example.org && echo RESOLVED',
      'cat /proc/*/environ | tr "\\0" "\\n"',
    ].join('; ');
    const { output: all } = await post<RunAnswer>('/run', { prompt: `[[bash:${script}]]` });
    listener.close();
    expect(all).toContain('OPEN claude-gateway:3001');
    expect(all.match(/OPEN/g)).toHaveLength(1);
    expect(all.match(/closed/g)).toHaveLength(9);
    expect(all).toContain('public-key');
    expect(all).not.toMatch(/IPV6|WRITABLE|RESOLVED/);
    expect(await project.inside('agent', 'cat', '/git/token')).toBe('canary-of-a-git-host');
    const watchdogToken = await project.inside('watchdog', 'cat', '/shared/watchdog/token');
    for (const secret of [token, watchdogToken.trim(), proxy.current.accessToken, proxy.current.refreshToken, 'canary'])
      expect(all).not.toContain(secret);
  });

  test('more runners take more runs at a time', async () => {
    await project.compose('up', '--detach', '--scale', 'runner=2', '--no-recreate');
    await slots(2);
    await project.compose('up', '--detach', '--scale', 'runner=1', '--no-recreate');
    await slots(1);
  });

  test('an agent that is killed comes back by itself, with its records, its login and its token', async () => {
    const { runId: done } = await post<RunAnswer>('/run', { prompt: 'before the crash' });
    const hanging = await startHanging('at the crash');
    // Every process in the container but PID 1, which then ends too.
    await project.inside('agent', 'sh', '-c', 'kill -KILL -1').catch(() => undefined);
    await until('an interrupted run', async () => {
      const { outcome } = await call<{ outcome?: string }>(`/runs/${hanging}`);
      return outcome === 'interrupted' ? true : undefined;
    });
    expect(await call(`/runs/${done}`)).toMatchObject({ outcome: 'succeeded', output: 'echo: before the crash' });
    await slots(1);
    expect(await post('/run', { prompt: 'after the crash' })).toMatchObject({ output: 'echo: after the crash' });
  });

  test('a runner that a run has stopped is replaced', async () => {
    const id = await project.compose('ps', '--quiet', 'runner');
    const hanging = await startHanging('stops its runner');
    await project.inside('runner', 'sh', '-c', 'kill -STOP -1');
    expect(await ended(hanging)).toMatchObject({ outcome: 'interrupted' });
    await until(
      'a restart',
      async () => (Number(await docker('inspect', '--format', '{{.RestartCount}}', id)) > 0 ? true : undefined),
      120,
    );
    await slots(1);
    expect(await post('/run', { prompt: 'on a new one' })).toMatchObject({ output: 'echo: on a new one' });
  });

  test('a stop lets the agent record the run that is in progress, and a start has it', async () => {
    const hanging = await startHanging('at the stop');
    await project.compose('stop', 'agent');
    const id = await project.compose('ps', '--all', '--quiet', 'agent');
    expect(await docker('inspect', '--format', '{{.State.ExitCode}}', id)).toBe('0');
    expect(await project.logs('agent')).toContain('"msg":"drained"');
    await project.compose('start', 'agent');
    await isHealthy();
    expect(await ended(hanging)).toMatchObject({ outcome: 'interrupted' });
  });

  test('a backup brings everything back into an empty volume', async () => {
    const { runId } = await post<RunAnswer>('/run', { prompt: 'before the backup' });
    for (const command of commandsWith('docs/docker.md', '-cz .')) await project.run(command);
    for (const command of commandsWith('docs/docker.md', '-xzp')) await project.run(ours(command));
    await slots(1);
    expect(await call(`/runs/${runId}`)).toMatchObject({ output: 'echo: before the backup' });
    expect(await post('/run', { prompt: 'after it' })).toMatchObject({ output: 'echo: after it' });
  });

  test('the watchdog sends cards and pauses workflows by its own schedule', async () => {
    await project.control('n8n', 'POST', '/add?name=Invoices');
    proxy.setMode('revoked');
    await project.control('anthropic', 'PUT', '', { accept: ['another token'] });
    expect(await post('/run', { prompt: 'refused' })).toMatchObject({ outcome: 'auth_failed' });
    const before = (await cards()).length;
    // It works as soon as it starts, and then by its schedule.
    await project.run('docker compose restart watchdog');
    const red = await until('a red card', async () => (await cards())[before], 90);
    expect(red.fallbackText).toBe('Claude needs a new login');
    expect(JSON.stringify(red)).toContain('docker compose exec agent claude auth login');
    expect(JSON.stringify(red)).not.toMatch(/kubectl|npm run/);
    expect(await workflows()).toMatchObject([{ name: 'Invoices', active: false }]);

    proxy.setMode('rotate');
    await project.control('anthropic', 'DELETE');
    expect(await logIn(CODES[1])).toMatchObject({ state: 'ok' });
    await until('a green card', async () => (await cards())[before + 1], 120);
    expect((await cards()).at(-1)?.fallbackText).toBe('Claude works again');
    expect(await workflows()).toMatchObject([{ name: 'Invoices', active: true }]);
  });

  test('no secret is in a log', async () => {
    const log = await project.logs();
    expect(log).toContain('the login was replaced');
    const { accessToken, refreshToken } = proxy.current;
    const secrets = [
      token,
      ...CODES,
      'oauth/authorize',
      accessToken,
      refreshToken,
      'canary-webhook-signature',
      'n8n-key',
      'canary-of-a-git-host',
    ];
    for (const secret of secrets) expect(log).not.toContain(secret);
  });

  describe('what a user can get wrong is said with what to do', () => {
    /** Starts a service of its own with other settings, and returns its log when it has ended. */
    const failing = async (service: string, ...options: string[]): Promise<string> => {
      const command = ['compose', 'run', '--rm', '--no-deps', '-T', ...options, service];
      const { folder: cwd, environment: env } = project;
      const { all } = await execa('docker', command, { cwd, env, reject: false, all: true, timeout: 60_000 });
      return all;
    };

    test('a folder that belongs to another user', async () => {
      mkdirSync(project.at('roots'), { mode: 0o755 });
      const said = await failing('agent', '--volume', `${project.at('roots')}:/data`);
      expect(said).toMatch(/AGENT_STATE_DIR is "\/data"; .* runs as user 10001:10001 .* chown -R 10001:10001 FOLDER/);
    });

    test('a login that the agent may not read', async () => {
      mkdirSync(project.at('login'), { mode: 0o700 });
      writeFileSync(project.at('login', '.credentials.json'), '{}', { mode: 0o600 });
      await project.run('docker compose up --detach --wait agent', { SESSION_DIR: project.at('login') });
      expect(await project.logs('agent')).toMatch(/EACCES: this process runs as user 10001.* let that user read it/);
      expect((await health()).auth.state).not.toBe('auth_failed');
    });

    test('and that it may read after all: it uses it, and cannot write there', async () => {
      const login = {
        accessToken: 'e2e-mounted-access-canary',
        refreshToken: 'e2e-mounted-refresh-canary',
        expiresAt: Date.now() + 30 * 86_400_000,
        scopes: ['user:inference', 'user:profile'],
      };
      const file = project.at('login', '.credentials.json');
      writeFileSync(file, JSON.stringify({ claudeAiOauth: login }));
      chmodSync(file, 0o644);
      chmodSync(project.at('login'), 0o755);
      await project.control('anthropic', 'PUT', '', { accept: [login.accessToken] });
      await project.run('docker compose restart agent');
      await isHealthy();
      await slots(1);
      expect(await post('/run', { prompt: 'mounted' })).toMatchObject({ success: true, output: 'echo: mounted' });
      expect((await health()).auth).toMatchObject({ mode: 'session', state: 'ok' });
      expect(await project.inside('agent', 'sh', '-c', 'touch /session/x 2>&1 || true')).toContain('Read-only');
      expect(await project.logs('agent')).not.toContain('canary');
      await project.control('anthropic', 'DELETE');
    });

    test('a watchdog and a runner without what the agent gives them', async () => {
      const empty = ['--volume', '/shared/watchdog', '--volume', '/shared/runner'];
      expect(await failing('watchdog', ...empty)).toMatch(
        /WATCHDOG_TOKEN_FILE: the file can't be read \(ENOENT.*shared\/watchdog\/token/,
      );
      expect(await failing('runner', ...empty)).toMatch(
        /RUNNER_PUBLIC_KEY_FILE is .* which the agent writes when it starts/,
      );
    });

    test('a port that is in use', async () => {
      const said = await project.run('docker compose run --rm --no-deps --service-ports agent').catch(String);
      expect(said).toMatch(/port is already allocated|address already in use/);
    });
  });

  test('docker run as in the docs starts one container that becomes healthy and runs prompts itself', async () => {
    const [build = '', run = '', cat = ''] = commandsWith('docs/docker.md', 'docker run --detach');
    expect(build).toMatch(/^docker build /);
    const network = `--network ${NETWORK} --env ANTHROPIC_BASE_URL=http://anthropic:8080 --env AGENT_AUTH_MODE=apiKey --env ANTHROPIC_API_KEY=e2e-key`;
    const image = (command: string) => command.replace(/claude-code-agent$/, 'claude-code-agent:docker-test');
    await project.run(image(ours(run)).replace(' --name', ` ${network} --name`));
    await until('a healthy container', async () => {
      const state = await docker('inspect', '--format', '{{.State.Health.Status}}', 'claude-agent-docker-test');
      return state === 'healthy' ? true : undefined;
    });
    const key = (await project.run(ours(cat))).trim();
    const response = await fetch(`http://127.0.0.1:${PORT + 1}/run`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ prompt: 'alone [[bash:cat /data/agent-token]]' }),
    });
    // What the docs warn of.
    expect(await response.json()).toMatchObject({ success: true, output: expect.stringContaining(key) as string });
  });
});
