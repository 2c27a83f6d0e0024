import { appendFileSync, readFileSync, renameSync, statSync } from 'node:fs';

import { execa } from 'execa';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Checkout, CONTROLLER_NAMESPACE, DOUBLE } from './checkout.ts';
import { agentPod, control, inAgent, kubectl, run, takeDown, timesAsked, until, watchdog } from './cluster.ts';
import { seenBesideAgent, startDouble, startDoubleBesideAgent } from './doubles.ts';
import { received, RECEIVER_URL, startReceiver } from './receiver.ts';
import { tryPolicies } from './network.ts';
import { layersOf } from './registry.ts';
import { NOTIFY_SETTINGS, n8nControl, startNotified, teamsCards } from './notified.ts';
import { NO_ENGINE } from './policy-engine.ts';
import { missingRequirement } from './requirements.ts';
import { needs } from '../support/needs.ts';

/** No controller is there to serve it. */
const HOST = {
  host: 'claude-agent.example.org',
  ingress: 'ingress',
  ingressClass: 'e2e',
  ingressNamespace: CONTROLLER_NAMESPACE,
  tlsSecret: 'claude-agent-tls',
};
let checkout: Checkout;
const measured = (what: string, seconds: number) => console.info(`${what}: ${seconds.toFixed(1)} s`);
const up = () => checkout.npm('up', '--yes', '--skip-preview', '--non-interactive');
const stackOutput = async (name: string) => (await checkout.pulumi('stack', 'output', name, '--stack', 'dev')).trim();

describe('the local target', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    checkout = new Checkout({ settings: { ...NOTIFY_SETTINGS, ...HOST } });
    await checkout.fill();
  });

  afterAll(async () => {
    await takeDown(checkout);
  });

  test('says in preview that it needs a login, where there is none here and none in the cluster', async () => {
    const { exitCode, output } = await checkout.npm('preview', '--non-interactive');
    expect(exitCode, output).not.toBe(0);
    expect(output).toContain('There is no login to seed the pod with (there is no .credentials.json in');
    expect(output).toContain('npm run login');
    checkout.logIn(2);
  });

  test('comes up from a clean checkout by one command, says how to call it, and leaves git clean', async () => {
    const { exitCode, output, seconds } = await up();
    expect(exitCode, output).toBe(0);
    measured('first up', seconds);
    expect(output).toContain('POST http://claude-agent.claude-agent.svc/run');
    expect(output).toContain('kubectl -n claude-agent port-forward service/claude-agent 3000:80');
    expect(await checkout.gitStatus()).toBe('');
    for (const file of ['agent-token', 'passphrase'])
      expect(statSync(checkout.at('.local', file)).mode & 0o777).toBe(0o600);
    expect(await stackOutput('image')).toMatch(/\/claude-agent@sha256:[0-9a-f]{64}$/);
  });

  test('keeps every secret out of its state, its output and the environment of the pod', async () => {
    const state = await execa('cat', [
      checkout.at('.local', 'pulumi', '.pulumi', 'stacks', 'claude-code-agent', 'dev.json'),
    ]);
    const outputs = await checkout.pulumi('stack', 'output', '--json', '--stack', 'dev');
    const pod = await kubectl(['get', 'deployment,cronjob,pods', '--namespace', 'claude-agent', '--output', 'json']);
    const canaries = [checkout.token(), 'e2e-access-2-canary', 'e2e-refresh-2-canary'];
    for (const place of [state.stdout, outputs, pod]) {
      for (const canary of canaries) {
        expect(place).not.toContain(canary);
        expect(place).not.toContain(
          Buffer.from(canary)
            .toString('base64')
            .replace(/.{1,3}$/, ''),
        );
      }
    }
    expect(state.stdout).toContain('ciphertext');
  });

  test("answers n8n's call by the real CLI, in the cluster", async () => {
    await startDouble(await stackOutput('image'));
    await startNotified(await stackOutput('image'));
    const { status, answer } = await run(checkout.token(), { prompt: 'Hello from n8n' });
    expect(answer).toMatchObject({ success: true, exitCode: 0, output: 'echo: Hello from n8n' });
    expect(status).toBe(200);
    expect((await run('wrong', { prompt: 'x' })).status).toBe(401);
  });

  test("calls n8n's Service back when a run ends, signed with the secret that the receiver can look up", async () => {
    await startReceiver(await stackOutput('image'));
    const callbackUrl = `${RECEIVER_URL}/webhook-waiting/1?signature=a%2Fb`;
    const { answer } = await run(checkout.token(), { prompt: 'Call me back', callbackUrl });
    const message = await until('the callback', async () => (await received())[0]);
    expect(message.path).toBe('/webhook-waiting/1?signature=a%2Fb');
    const secret = await kubectl([
      ...['get', 'secret', 'claude-callback-secret', '--namespace', 'claude-agent'],
      ...['--output', 'jsonpath={.data.secret}'],
    ]);
    const webhook = new Webhook(Buffer.from(secret, 'base64').toString());
    expect(webhook.verify(message.body, message.headers as Record<string, string>)).toMatchObject({
      type: 'run.ended',
      data: { id: answer['runId'], outcome: 'succeeded', output: 'echo: Call me back' },
    });
    const elsewhere = await run(checkout.token(), { prompt: 'x', callbackUrl: 'http://169.254.169.254/' });
    expect(elsewhere.status).toBe(400);
  });

  test('runs the tools of Claude in the workspace, as its own user, with nothing of the cluster to log in with', async () => {
    const { answer } = await run(checkout.token(), {
      prompt:
        '[[bash:id -u; pwd; touch made; ls; ls /var/run/secrets 2>&1; touch /app/x 2>&1; env | grep -c TOKEN_SHA256]]',
    });
    expect(answer['output']).toMatch(/10001\n\/workspace\nmade\n.*No such file.*\n.*Read-only file system\n0/s);
  });

  test('can be asked by hand in the pod, with its own login', async () => {
    expect(await inAgent('claude', '-p', 'test')).toBe('echo: test');
    expect(await inAgent('which', 'curl', 'git', 'claude')).toBe('/usr/bin/curl\n/usr/bin/git\n/usr/local/bin/claude');
  });

  test('changes nothing when it is brought up again, nor has anything drifted', async () => {
    const before = await agentPod();
    const { exitCode, output, seconds } = await up();
    expect(exitCode, output).toBe(0);
    measured('up without a change', seconds);
    expect(output).toMatch(/Resources:\n\s+\d+ unchanged/);
    expect(output).not.toContain('warning');
    expect(await agentPod()).toEqual(before);
    const drift = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(drift.exitCode, drift.output).toBe(0);
  });

  test('lets everybody reach what the matrix says, where the cluster has an engine for network policies', async ({
    skip,
  }) => {
    const found = await tryPolicies(await stackOutput('image'));
    if (found === undefined) {
      console.warn(`The network matrix is not tried: ${NO_ENGINE}.`);
      skip(NO_ENGINE);
      return;
    }
    const { tried, wrong, silent } = found;
    console.info(`The network matrix: ${tried} connections tried; nothing answers here at: ${silent.join(', ')}.`);
    expect(wrong).toEqual([]);
  });

  test('has outputs with the commands for health and watchdog', async () => {
    const ran = async (output: string) => (await execa('sh', ['-c', await stackOutput(output)])).stdout;
    expect(JSON.parse(await ran('healthCommand'))).toMatchObject({ status: 'ok' });
    expect(await ran('watchdogCommand')).toBe('job.batch/manual-check created');
  });

  test('has a watchdog that ends well while the login works', async () => {
    expect(await watchdog('login-works')).toMatchObject({ state: 'Complete', exitCode: 0, log: { state: 'ok' } });
  });

  test('replaces the pod once for a new login, and the agent takes it', async () => {
    const before = await agentPod();
    const { answer: first } = await run(checkout.token(), { prompt: 'a conversation' });
    checkout.logIn(3);
    const { exitCode, output, seconds } = await up();
    expect(exitCode, output).toBe(0);
    measured('up with a new login', seconds);
    const after = await agentPod();
    expect(after.uid).not.toBe(before.uid);
    expect(Number(after.revision)).toBe(Number(before.revision) + 1);
    expect(await inAgent('cat', '/data/claude/.credentials.json')).toContain('e2e-refresh-3-canary');
    const { sessionId } = first;
    const { answer } = await run(checkout.token(), { prompt: 'goes on in the new pod', sessionId });
    expect(answer).toMatchObject({ success: true, sessionId });
    const again = await up();
    expect(again.output).toMatch(/Resources:\n\s+\d+ unchanged/);
    expect(await agentPod()).toEqual(after);
  });

  test('refuses a login that is older than the one it has, in preview and in up', async () => {
    const before = await agentPod();
    checkout.logIn(1);
    for (const command of ['preview', 'up']) {
      const more = command === 'up' ? ['--yes', '--skip-preview'] : [];
      const { exitCode, output } = await checkout.npm(command, '--non-interactive', ...more);
      expect(exitCode, output).not.toBe(0);
      expect(output).toContain('is older than the one the stack has');
      expect(output).toContain('npm run login');
    }
    expect(await agentPod()).toEqual(before);
    expect(await inAgent('cat', '/var/run/claude-session/.credentials.json')).toContain('e2e-refresh-3-canary');
  });

  test('leaves login and token as they are, with a warning, on a machine that has neither', async () => {
    const before = await agentPod();
    renameSync(checkout.at('.local', 'session'), checkout.at('.local', 'elsewhere'));
    renameSync(checkout.at('.local', 'agent-token'), checkout.at('.local', 'elsewhere-token'));
    const { exitCode, output } = await up();
    renameSync(checkout.at('.local', 'elsewhere-token'), checkout.at('.local', 'agent-token'));
    checkout.logIn(3);
    expect(exitCode, output).toBe(0);
    expect(output).toContain('Secret claude-session stays unchanged: there is no .credentials.json');
    expect(output).toContain('The API token stays unchanged');
    expect(output).toMatch(/Resources:\n\s+\d+ unchanged/);
    expect(await agentPod()).toEqual(before);
  });

  test('takes back what somebody changed by kubectl', async () => {
    await kubectl(['set', 'env', 'deployment/claude-code-agent', 'AGENT_QUEUE_LIMIT=1', '--namespace', 'claude-agent']);
    const { exitCode, output } = await checkout.npm('up', '--yes', '--skip-preview', '--non-interactive', '--refresh');
    expect(exitCode, output).toBe(0);
    expect(await inAgent('printenv', 'AGENT_QUEUE_LIMIT')).toBe('100');
  });

  test('tells a login that no longer works from an outage, in the exit code of the Job', async () => {
    await control('PUT', '', { mode: '[[fail:token_revoked]]' });
    expect((await run(checkout.token(), { prompt: 'refused' })).answer).toMatchObject({
      success: false,
      exitCode: 57,
    });
    const refused = await watchdog('login-revoked');
    expect(refused).toMatchObject({ state: 'Failed', exitCode: 57, log: { state: 'auth_failed' } });
    expect(refused.log['msg']).toContain('npm run login && npm run up');
    await control('PUT', '', { mode: '[[fail:overloaded]]' });
    const overloaded = await watchdog('api-overloaded');
    expect(overloaded).toMatchObject({ state: 'Failed', exitCode: 1, log: { state: 'outage' } });
    await control('DELETE');
    expect(await watchdog('login-works-again')).toMatchObject({ state: 'Complete', exitCode: 0 });
  });

  test('takes a token that expired, where nobody can be reached to renew it, for an outage', async () => {
    await control('PUT', '', { accept: ['another-token'] });
    expect((await run(checkout.token(), { prompt: 'expired' })).answer).toMatchObject({ success: false });
    expect(await watchdog('token-expired')).toMatchObject({ state: 'Failed', exitCode: 1, log: { state: 'outage' } });
    await control('DELETE');
  });

  test('records a run as interrupted when its pod is killed, and never runs it again', async () => {
    const before = await agentPod();
    const call = run(checkout.token(), { prompt: 'killed in the middle [[wait:90000]]' }).catch(
      (error: unknown) => error,
    );
    await until('the run', async () => ((await timesAsked('killed in the middle')) > 0 ? true : undefined));
    await kubectl(['delete', 'pod', before.name, '--namespace', 'claude-agent', '--grace-period=0', '--force']);
    await call;
    const started = Date.now();
    await until('the next pod', async () => ((await agentPod()).uid === before.uid ? undefined : true));
    await kubectl([
      'rollout',
      'status',
      'deployment/claude-code-agent',
      '--namespace',
      'claude-agent',
      '--timeout=100s',
    ]);
    measured('from a killed pod to a ready one', (Date.now() - started) / 1000);
    const { answer } = await run(checkout.token(), { prompt: 'after the kill' });
    expect(answer).toMatchObject({ success: true, output: 'echo: after the kill' });
    // The agent has the database for itself: look at a copy.
    await inAgent('sh', '-c', 'mkdir -p /tmp/look && cp /data/runs.db* /tmp/look/');
    const query = "SELECT state, json_extract(result, '$.outcome') AS outcome FROM runs ORDER BY seq DESC LIMIT 2";
    const script = `const { DatabaseSync } = require('node:sqlite'); console.log(JSON.stringify(new DatabaseSync('/tmp/look/runs.db').prepare(${JSON.stringify(query)}).all()))`;
    expect(JSON.parse(await inAgent('node', '-e', script))).toEqual([
      { state: 'ended', outcome: 'succeeded' },
      { state: 'ended', outcome: 'interrupted' },
    ]);
    expect(await timesAsked('killed in the middle')).toBe(1);
  });

  test('sends a red card and pauses n8n, and with the new login and up a green one and resumes, without drift', async () => {
    await n8nControl('POST', '/add?name=Invoices');
    const told = (await teamsCards()).length;
    const [before] = (await n8nControl('GET')).workflows;
    expect(before).toMatchObject({ name: 'Invoices', active: true });
    await control('PUT', '', { mode: '[[fail:token_revoked]]' });
    await run(checkout.token(), { prompt: 'refused' });
    const red = await watchdog('red-card');
    expect(red).toMatchObject({ state: 'Failed', exitCode: 57, log: { state: 'auth_failed', cause: 'refused' } });
    expect((await n8nControl('GET')).workflows).toMatchObject([{ name: 'Invoices', active: false }]);
    expect((await teamsCards()).slice(told)).toMatchObject([{ fallbackText: 'Claude needs a new login' }]);
    expect(JSON.stringify(await teamsCards())).toContain((await agentPod()).name);

    await control('DELETE');
    checkout.logIn(5);
    const { exitCode, output } = await up();
    expect(exitCode, output).toBe(0);
    expect(await watchdog('green-card')).toMatchObject({ state: 'Complete', exitCode: 0, log: { state: 'ok' } });
    expect((await n8nControl('GET')).workflows).toEqual([before]);
    expect((await teamsCards()).slice(told + 1)).toMatchObject([{ fallbackText: 'Claude works again' }]);
    const drift = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(drift.exitCode, drift.output).toBe(0);
  });

  test('has a maintenance, made from suspended CronJobs, that says why and until when', async () => {
    const annotations = ['claude-agent/maintenance-reason=Patch day', 'claude-agent/maintenance-end=45m'];
    const map = ['configmap/claude-auth-watchdog', '--namespace', 'claude-agent'];
    await kubectl(['annotate', ...map, ...annotations]);
    expect(await watchdog('begin', 'claude-maintenance-start')).toMatchObject({ state: 'Complete', exitCode: 0 });
    expect((await run(checkout.token(), { prompt: 'not now' })).status).toBe(503);
    expect((await n8nControl('GET')).workflows).toMatchObject([{ active: false }]);
    const blue = (await teamsCards()).at(-1);
    expect(blue).toMatchObject({ fallbackText: 'Maintenance of the Claude agent' });
    expect(JSON.stringify(blue)).toContain('Patch day');
    expect(await watchdog('end', 'claude-maintenance-end')).toMatchObject({ state: 'Complete', exitCode: 0 });
    expect((await run(checkout.token(), { prompt: 'again' })).answer).toMatchObject({ success: true });
    expect((await n8nControl('GET')).workflows).toMatchObject([{ active: true }]);
    expect((await teamsCards()).at(-1)).toMatchObject({ fallbackText: 'Maintenance is over' });
    expect(await kubectl(['get', ...map, '--output', 'jsonpath={.metadata.annotations}'])).not.toContain('Patch day');
  });

  test("gives the watchdog's account its one ConfigMap, and nothing else", async () => {
    const may = async (...question: string[]) =>
      (
        await execa(
          'kubectl',
          [
            'auth',
            'can-i',
            ...question,
            '--as',
            'system:serviceaccount:claude-agent:claude-auth-watchdog',
            '--namespace',
            'claude-agent',
          ],
          { reject: false },
        )
      ).stdout;
    expect(await may('update', 'configmap/claude-auth-watchdog')).toBe('yes');
    for (const question of [
      ['get', 'configmap/kube-root-ca.crt'],
      ['list', 'configmaps'],
      ['get', 'secrets'],
      ['create', 'jobs'],
      ['delete', 'configmap/claude-auth-watchdog'],
    ]) {
      expect(await may(...question), question.join(' ')).toBe('no');
    }
  });

  test('pushes kilobytes for a change of the code', async () => {
    const before = await layersOf(await stackOutput('image'));
    appendFileSync(checkout.at('watchdog', 'main.ts'), '\n// A change.\n');
    const { exitCode, output, seconds } = await up();
    expect(exitCode, output).toBe(0);
    const after = await layersOf(await stackOutput('image'));
    const pushed = after.filter(({ digest }) => !before.some((layer) => layer.digest === digest));
    const bytes = pushed.reduce((sum, { size }) => sum + size, 0);
    measured(
      `up with changed code, ${bytes} bytes pushed of ${after.reduce((sum, { size }) => sum + size, 0)}`,
      seconds,
    );
    expect(pushed).toHaveLength(1);
    // All of the code: one layer.
    expect(bytes).toBeLessThan(600_000);
    expect(readFileSync(checkout.at('watchdog', 'main.ts'), 'utf8')).toContain('// A change.');
  });

  test('needs no login at all where the pod has an identity that Anthropic trusts', async () => {
    const settings = {
      authMode: 'federation',
      federationRuleId: 'fdrl_e2e',
      federationOrganizationId: '00000000-0000-4000-8000-000000000000',
      anthropicBaseUrl: `http://127.0.0.1:${DOUBLE.port}`,
    };
    for (const [key, value] of Object.entries(settings)) {
      const set = await checkout.npm('pulumi', 'config', 'set', key, value);
      expect(set.exitCode, set.output).toBe(0);
    }
    const { exitCode, output } = await up();
    expect(exitCode, output).toBe(0);
    await startDoubleBesideAgent('https://api.anthropic.com');
    const { answer } = await run(checkout.token(), { prompt: 'federated' });
    expect(answer).toMatchObject({ success: true, output: 'echo: federated' });
    expect(await inAgent('claude', '-p', 'by hand')).toBe('echo: by hand');
    const requests = await seenBesideAgent();
    // One exchange of the gateway, and one of `claude` in the pod.
    const exchangedAndAsked = ['/v1/oauth/token', '/v1/messages'];
    expect(requests.map(({ path }) => path)).toEqual([...exchangedAndAsked, ...exchangedAndAsked]);
    expect(requests[0]?.identity).toMatchObject({
      sub: 'system:serviceaccount:claude-agent:claude-code-agent',
      aud: ['https://api.anthropic.com'],
    });
    const { auth } = JSON.parse(await inAgent('curl', '-s', 'localhost:3000/health')) as { auth: object };
    expect(auth).toMatchObject({ mode: 'federation', state: 'ok', source: '/var/run/claude-credential/token' });
    expect(await watchdog('federated')).toMatchObject({ state: 'Complete', exitCode: 0 });
    const secrets = await kubectl(['get', 'secrets', '--namespace', 'claude-agent', '--output', 'name']);
    expect(secrets.split('\n').sort()).toEqual([
      'secret/claude-agent-token',
      'secret/claude-callback-secret',
      'secret/claude-runner-key',
      'secret/claude-watchdog-notify',
      'secret/claude-watchdog-token',
    ]);
  });

  test('goes away without a rest', async () => {
    const { exitCode, output, seconds } = await checkout.npm('down', '--yes', '--skip-preview', '--non-interactive');
    expect(exitCode, output).toBe(0);
    measured('down', seconds);
    await expect(kubectl(['get', 'namespace', 'claude-agent'])).rejects.toThrow(/not found/i);
  });
});
