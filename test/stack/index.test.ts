import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';

import { makeCertificates } from '../doubles/oauth-proxy/certificates.ts';
import {
  API_TOKEN,
  CALLBACK_SECRET,
  DIGEST,
  find,
  loginFolder,
  REFRESH_TOKEN,
  runProgram,
  secretOf,
} from './program.ts';
import type { Rendered } from './program.ts';

const SECRET_MARK = '1b47061264138c4ac30d75fd1eb44270'; // How Pulumi marks a secret on its way to the engine.

interface Container {
  name: string;
  image: string;
  args?: string[];
  env: { name: string; value?: string; valueFrom?: { secretKeyRef?: object; fieldRef?: object } }[];
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  securityContext: unknown;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}
interface Pod {
  containers: [Container];
  volumes: { name: string; secret?: { secretName: string; items?: unknown[]; defaultMode: number } }[];
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext: unknown;
}
interface Deployment {
  metadata: { name: string; annotations: Record<string, string> };
  spec: {
    replicas: number;
    revisionHistoryLimit: number;
    strategy: unknown;
    template: { metadata: { annotations: Record<string, string> }; spec: Pod };
  };
}
interface CronJob {
  metadata: { name: string };
  spec: Record<string, unknown> & { jobTemplate: { spec: Record<string, unknown> & { template: { spec: Pod } } } };
}

const deploymentOf = (resources: Rendered[]) =>
  find(resources, 'kubernetes:apps/v1:Deployment', 'claude-code-agent') as unknown as Deployment;
const CRON_JOBS = ['claude-auth-watchdog', 'claude-maintenance-start', 'claude-maintenance-end'] as const;
const cronJobOf = (resources: Rendered[], name: (typeof CRON_JOBS)[number] = 'claude-auth-watchdog') =>
  find(resources, 'kubernetes:batch/v1:CronJob', name) as unknown as CronJob;
const runnersOf = (resources: Rendered[]) =>
  find(resources, 'kubernetes:apps/v1:Deployment', 'claude-code-runner') as unknown as Deployment;
const podsOf = (resources: Rendered[]) => [
  deploymentOf(resources).spec.template.spec,
  runnersOf(resources).spec.template.spec,
  ...CRON_JOBS.map((name) => cronJobOf(resources, name).spec.jobTemplate.spec.template.spec),
];
const envOf = (resources: Rendered[]) =>
  Object.fromEntries(
    podsOf(resources)[0]?.containers[0].env.map(({ name, value, valueFrom }) => [
      name,
      value ?? valueFrom?.secretKeyRef ?? valueFrom?.fieldRef,
    ]) ?? [],
  );

describe('the program', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("leaves the kubeconfig's path, which differs between machines, out of the state", async () => {
    vi.stubEnv('KUBECONFIG', '/home/first/.kube/config');
    const { resources } = await runProgram();
    expect(find(resources, 'pulumi:providers:kubernetes')['kubeconfig']).toBe('');
  });

  test('creates every object under the name that runbooks know', async () => {
    const { resources, outputs } = await runProgram();
    const named = resources
      .filter(({ type }) => type.startsWith('kubernetes:'))
      .map(({ type, inputs }) => `${type.split(':').at(-1) ?? ''} ${(inputs['metadata'] as { name: string }).name}`);
    expect(named.sort()).toEqual([
      'ConfigMap claude-agent-updates',
      'ConfigMap claude-auth-watchdog',
      'CronJob claude-auth-watchdog',
      'CronJob claude-maintenance-end',
      'CronJob claude-maintenance-start',
      'Deployment claude-code-agent',
      'Deployment claude-code-runner',
      'LimitRange claude-agent',
      'Namespace claude-agent',
      'NetworkPolicy allow-agent',
      'NetworkPolicy allow-dns',
      'NetworkPolicy allow-runner',
      'NetworkPolicy allow-watchdog',
      'NetworkPolicy default-deny',
      'PersistentVolumeClaim claude-agent-data',
      'ResourceQuota claude-agent',
      'Role claude-auth-watchdog',
      'RoleBinding claude-auth-watchdog',
      'Secret claude-agent-token',
      'Secret claude-callback-secret',
      'Secret claude-runner-key',
      'Secret claude-session',
      'Secret claude-watchdog-token',
      'Service claude-agent',
      'Service claude-code-runner',
      'ServiceAccount claude-auth-watchdog',
      'ServiceAccount claude-code-agent',
      'ServiceAccount claude-code-runner',
    ]);
    expect(outputs).toEqual({
      namespace: 'claude-agent',
      deployment: 'claude-code-agent',
      image: DIGEST,
      agentUrl: 'http://claude-agent.claude-agent.svc',
      pageUrl: null,
      runUrl: 'http://claude-agent.claude-agent.svc/run',
      healthCommand: 'kubectl -n claude-agent exec deploy/claude-code-agent -- curl -s localhost:3000/health',
      watchdogCommand: 'kubectl -n claude-agent create job --from=cronjob/claude-auth-watchdog manual-check',
      portal: null,
    });
  });

  test('waits for no volume itself: one that a pod waits for may be bound before the provider looks', async () => {
    const { resources } = await runProgram({ workspaceStorage: 'volume', runners: '0' });
    const claims = resources.filter(({ type }) => type.endsWith(':PersistentVolumeClaim'));
    expect(claims.map(({ inputs }) => inputs['metadata'])).toEqual(
      ['claude-agent-data', 'claude-agent-workspace'].map(
        (name) => expect.objectContaining({ name, annotations: { 'pulumi.com/skipAwait': 'true' } }) as unknown,
      ),
    );
  });

  test('creates agent, runners and watchdog only after the network policies', async () => {
    const { resources } = await runProgram();
    const lastPolicy = resources.findLastIndex(({ type }) => type.endsWith(':NetworkPolicy'));
    const firstOfParts = resources.findIndex(({ parent }) => ['agent', 'runner', 'watchdog'].includes(parent ?? ''));
    expect(lastPolicy).toBeGreaterThan(0);
    expect(firstOfParts).toBeGreaterThan(lastPolicy);
  });

  test('puts every object but the namespace into the namespace, with the recommended labels', async () => {
    const { resources } = await runProgram();
    for (const { type, inputs } of resources.filter((resource) => resource.type.startsWith('kubernetes:'))) {
      const metadata = inputs['metadata'] as { namespace?: string; labels: Record<string, string> };
      expect(metadata.namespace, type).toBe(type.endsWith(':Namespace') ? undefined : 'claude-agent');
      expect(metadata.labels['app.kubernetes.io/managed-by'], type).toBe('pulumi');
    }
  });

  test('lets only restricted pods into the namespace', async () => {
    const { resources } = await runProgram();
    const { metadata } = find(resources, 'kubernetes:core/v1:Namespace') as {
      metadata: { labels: Record<string, string> };
    };
    expect(metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
  });

  test('runs every pod unprivileged: no root, no capabilities, no API token, read-only root, default seccomp', async () => {
    const { resources } = await runProgram();
    for (const pod of podsOf(resources)) {
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.enableServiceLinks).toBe(false);
      expect(pod.securityContext).toEqual({
        runAsNonRoot: true,
        runAsUser: 10001,
        runAsGroup: 10001,
        fsGroup: 10001,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      });
      const [container] = pod.containers;
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      for (const kind of ['cpu', 'memory', 'ephemeral-storage']) {
        expect(container.resources.requests, kind).toHaveProperty([kind]);
        expect(container.resources.limits, kind).toHaveProperty([kind]);
      }
      for (const volume of pod.volumes.filter(({ secret }) => secret !== undefined)) {
        expect(volume.secret?.defaultMode).toBe(0o440);
        expect(container.volumeMounts.find(({ name }) => name === volume.name)?.readOnly).toBe(true);
      }
    }
  });

  test('deploys one pod at a time, by digest, with time to finish a run and a described revision', async () => {
    const { resources } = await runProgram({ graceSeconds: '120' });
    const { metadata, spec } = deploymentOf(resources);
    expect(spec).toMatchObject({ replicas: 1, revisionHistoryLimit: 10, strategy: { type: 'Recreate' } });
    expect(spec.template.spec.terminationGracePeriodSeconds).toBe(150);
    expect(spec.template.spec.containers[0].image).toBe(DIGEST);
    expect(metadata.annotations['kubernetes.io/change-cause']).toMatch(/^image ab12ab12ab12, session [0-9a-f]{12}$/);
    expect(spec.template.metadata.annotations['cluster-autoscaler.kubernetes.io/safe-to-evict']).toBe('false');
    expect(spec.template.spec.containers[0].resources).toMatchObject({
      requests: { cpu: '250m', memory: '512Mi' },
      limits: { cpu: '2', memory: '2Gi' },
    });
    const alone = deploymentOf((await runProgram({ runners: '0' })).resources);
    expect(alone.spec.template.spec.containers[0].resources).toMatchObject({
      requests: { cpu: '1', memory: '2Gi' },
      limits: { cpu: '4', memory: '8Gi' },
    });
  });

  test.each([
    [{}, '1Gi', '819'],
    [{ runners: '0' }, '20Gi', '16384'],
  ])(
    'limits the workspace in the pod of the agent (%o) to %s, and runs start below %s MiB',
    async (config, sizeLimit, value) => {
      const { resources } = await runProgram({ workspaceSize: '20Gi', ...config });
      const { volumes, containers } = deploymentOf(resources).spec.template.spec;
      expect(volumes).toContainEqual({ name: 'workspace', emptyDir: { sizeLimit } });
      expect(containers[0].env).toContainEqual({ name: 'AGENT_WORKSPACE_MEGABYTES', value });
    },
  );

  test('gives the agent its settings, and only references to the hashes of its tokens', async () => {
    const callers = JSON.stringify([{ name: 'n8n', sha256: ['a'.repeat(64)], may: ['run'] }]);
    const budgets = JSON.stringify([{ usd: 5, per: 'hour', caller: 'n8n' }]);
    const { resources } = await runProgram({
      warmRunners: '2',
      queueLimit: '7',
      onUsageLimit: 'fail',
      maxRunMinutes: '240',
      fileMegabytes: '40',
      runFilesMegabytes: '200',
      filesMegabytes: '9000',
      warmStart: 'false',
      model: 'opus[1m]',
      permissionMode: 'acceptEdits',
      approve: '["WebFetch", "Bash(git push*)"]',
      decisionMinutes: '60',
      graceSeconds: '60',
      callbackHosts: '["*.example.org"]',
      callbackGiveUpHours: '48',
      n8nUrl: 'https://n8n.example.com',
      callers,
      budgets,
    });
    expect(envOf(resources)).toEqual({
      AGENT_CALLERS: callers,
      AGENT_BUDGETS: budgets,
      HOME: '/data/home',
      AGENT_HOST: '0.0.0.0',
      AGENT_PORT: '3000',
      AGENT_STATE_DIR: '/data',
      AGENT_WORKSPACE_DIR: '/workspace',
      AGENT_WORKSPACE_LIFETIME: 'run',
      AGENT_WORKSPACE_MEGABYTES: '819',
      AGENT_CONVERSATION_MEGABYTES: '5120',
      AGENT_SESSION_DIR: '/var/run/claude-session',
      AGENT_AUTH_MODE: 'session',
      AGENT_MODEL: 'opus[1m]',
      AGENT_PERMISSION_MODE: 'acceptEdits',
      AGENT_APPROVE: '["WebFetch","Bash(git push*)"]',
      AGENT_DECISION_MINUTES: '60',
      AGENT_ON_USAGE_LIMIT: 'fail',
      POD_IP: { fieldPath: 'status.podIP' },
      AGENT_RUNNERS: 'http://claude-code-runner:7070',
      AGENT_WARM_RUNNERS: '2',
      AGENT_RUNNER_REUSE: 'on',
      AGENT_RUNNER_KEY_FILE: '/var/run/claude-runner-key/key.pem',
      AGENT_GATEWAY_HOST: '0.0.0.0',
      AGENT_GATEWAY_PORT: '3001',
      AGENT_GATEWAY_URL: 'http://$(POD_IP):3001',
      AGENT_QUEUE_LIMIT: '7',
      AGENT_MAX_RUN_MINUTES: '240',
      AGENT_FILE_MEGABYTES: '40',
      AGENT_RUN_FILES_MEGABYTES: '200',
      // 30 % of the volume.
      AGENT_FILES_MEGABYTES: '3072',
      AGENT_WARM_START: 'off',
      AGENT_WARM_START_FREE_MEGABYTES: '512',
      AGENT_GRACE_SECONDS: '60',
      AGENT_CALLBACK_HOSTS:
        'n8n.n8n.svc,n8n.n8n.svc:5678,n8n.n8n.svc.cluster.local,n8n.n8n.svc.cluster.local:5678,*.example.org',
      AGENT_CALLBACK_SECRET_FILE: '/var/run/claude-callback/secret',
      AGENT_CALLBACK_GIVE_UP_SECONDS: '172800',
      AGENT_N8N_URL: 'https://n8n.example.com',
      AGENT_STACK: 'dev',
      AGENT_RECORD_DAYS: '30',
      AGENT_RECORD_COUNT: '10000',
      AGENT_RECORD_MEGABYTES: '512',
      AGENT_TRANSCRIPT_DAYS: '30',
      AGENT_LOG_LEVEL: 'info',
      AGENT_TOKEN_SHA256: { name: 'claude-agent-token', key: 'sha256' },
      AGENT_EARLIER_TOKEN_SHA256: { name: 'claude-agent-token', key: 'earlier-sha256', optional: true },
      AGENT_WATCHDOG_TOKEN_SHA256: { name: 'claude-agent-token', key: 'watchdog-sha256' },
    });
  });

  test('runs the watchdog one at a time, never twice for one pass, and keeps its Jobs a day', async () => {
    const { resources } = await runProgram();
    const { spec } = cronJobOf(resources);
    expect(spec).toMatchObject({ schedule: '*/30 * * * *', concurrencyPolicy: 'Forbid', failedJobsHistoryLimit: 3 });
    expect(spec.jobTemplate.spec).toMatchObject({
      backoffLimit: 0,
      activeDeadlineSeconds: 900,
      ttlSecondsAfterFinished: 86_400,
    });
    expect(spec.jobTemplate.spec.template.spec.containers[0].args).toEqual([
      'node',
      '--disable-sigusr1',
      'watchdog/main.ts',
    ]);
  });

  test('marks every Secret as secret, and has no secret anywhere else or in an output', async () => {
    const { resources, outputs } = await runProgram();
    const derived = ['claude-callback-secret', 'claude-runner-key'].flatMap((name) =>
      Object.values(secretOf(resources, name)),
    );
    expect(derived).toHaveLength(2);
    const canaries = [API_TOKEN, REFRESH_TOKEN, ...derived].flatMap((text) => [
      text,
      Buffer.from(text).toString('base64').slice(0, -4),
    ]);
    const secrets = resources.filter(({ type }) => type === 'kubernetes:core/v1:Secret');
    expect(secrets).toHaveLength(5);
    for (const { name, inputs } of secrets) expect(JSON.stringify(inputs['data']), name).toContain(SECRET_MARK);
    const open = JSON.stringify([resources.filter(({ type }) => type !== 'kubernetes:core/v1:Secret'), outputs]);
    for (const canary of canaries) expect(open).not.toContain(canary);
    expect(open).not.toContain(SECRET_MARK);
  });

  test('mounts the files of the session under the names that the CLI knows', async () => {
    const sessionDir = loginFolder({
      'settings.json': '{}',
      'skills/review/SKILL.md': '# Review',
      'projects/p.jsonl': 'a transcript',
      'history.jsonl': 'a history',
    });
    const { resources } = await runProgram({ sessionDir, sessionExtras: '["skills"]' });
    const volume = podsOf(resources)[0]?.volumes.find(({ name }) => name === 'login');
    expect(volume?.secret?.items).toEqual([
      { key: '.credentials.json', path: '.credentials.json' },
      { key: 'settings.json', path: 'settings.json' },
      { key: 'skills_2freview_2fSKILL.md', path: 'skills/review/SKILL.md' },
    ]);
  });

  test('replaces the pod only when the login or the token changes', async () => {
    const annotations = async (config: Record<string, string>) =>
      deploymentOf((await runProgram(config)).resources).spec.template.metadata.annotations;
    const sessionDir = loginFolder();
    const first = await annotations({ sessionDir });
    expect(await annotations({ sessionDir })).toEqual(first);
    expect(await annotations({ sessionDir: loginFolder() })).toEqual(first);
    const relogged = await annotations({ sessionDir: loginFolder({ 'settings.json': '{"a":1}' }) });
    expect(relogged['claude-agent/login-checksum']).not.toBe(first['claude-agent/login-checksum']);
    const retokened = await annotations({ sessionDir, agentToken: 'another' });
    expect(retokened['claude-agent/token-checksum']).not.toBe(first['claude-agent/token-checksum']);
    expect(retokened['claude-agent/login-checksum']).toBe(first['claude-agent/login-checksum']);
    const resigned = await annotations({ sessionDir, callbackSecret: CALLBACK_SECRET });
    expect(resigned['claude-agent/token-checksum']).not.toBe(first['claude-agent/token-checksum']);
  });

  test.each(['oauthToken', 'apiKey'])(
    'mounts the credential of mode %s as a file, and no session',
    async (authMode) => {
      const { resources } = await runProgram({ authMode, claudeToken: 'canary-claude-token' });
      expect(envOf(resources)).toMatchObject({
        AGENT_AUTH_MODE: authMode,
        AGENT_CREDENTIAL_FILE: '/var/run/claude-credential/token',
      });
      expect(envOf(resources)).not.toHaveProperty('AGENT_SESSION_DIR');
      expect(find(resources, 'kubernetes:core/v1:Secret', 'claude-credential')).toBeDefined();
      expect(() => find(resources, 'kubernetes:core/v1:Secret', 'claude-session')).toThrow();
      expect(JSON.stringify(resources.filter(({ type }) => type !== 'kubernetes:core/v1:Secret'))).not.toContain(
        'canary-claude-token',
      );
    },
  );

  test('gives the pod of mode federation a token only for Anthropic, and stores no secret', async () => {
    const { resources } = await runProgram({
      authMode: 'federation',
      federationRuleId: 'fdrl_1',
      federationOrganizationId: '00000000-0000-4000-8000-000000000000',
      federationServiceAccountId: 'svac_1',
      federationTokenSeconds: '1200',
    });
    const [pod] = podsOf(resources);
    expect(pod?.automountServiceAccountToken).toBe(false);
    const volume = pod?.volumes.find(({ name }) => name === 'login');
    const serviceAccountToken = { audience: 'https://api.anthropic.com', expirationSeconds: 1200, path: 'token' };
    expect(volume).toEqual({ name: 'login', projected: { sources: [{ serviceAccountToken }], defaultMode: 0o440 } });
    const mount = pod?.containers[0].volumeMounts.find(({ name }) => name === 'login');
    expect(mount).toEqual({ name: 'login', mountPath: '/var/run/claude-credential', readOnly: true });
    expect(envOf(resources)).toMatchObject({
      AGENT_AUTH_MODE: 'federation',
      AGENT_CREDENTIAL_FILE: '/var/run/claude-credential/token',
      ANTHROPIC_FEDERATION_RULE_ID: 'fdrl_1',
      ANTHROPIC_ORGANIZATION_ID: '00000000-0000-4000-8000-000000000000',
      ANTHROPIC_SERVICE_ACCOUNT_ID: 'svac_1',
    });
    expect(envOf(resources)).not.toHaveProperty('ANTHROPIC_WORKSPACE_ID');
    const secrets = resources.filter(({ type }) => type === 'kubernetes:core/v1:Secret');
    expect(secrets.map(({ inputs }) => (inputs['metadata'] as { name: string }).name).sort()).toEqual([
      'claude-agent-token',
      'claude-callback-secret',
      'claude-runner-key',
      'claude-watchdog-token',
    ]);
    expect(deploymentOf(resources).metadata.annotations['kubernetes.io/change-cause']).toMatch(
      /, federation [0-9a-f]{12}$/,
    );
  });

  test('mounts MCP servers and settings from a Secret, and replaces the pod when they change', async () => {
    const mcp = (word: string) =>
      JSON.stringify({ tickets: { type: 'http', url: 'https://x.example/mcp', headers: { A: word } } });
    const { resources, outputs } = await runProgram({
      mcpServers: mcp('canary-header'),
      claudeSettings: '{"model":"opus"}',
    });
    const { data } = find(resources, 'kubernetes:core/v1:Secret', 'claude-config') as {
      data: { value: Record<string, string> };
    };
    const content = (key: string) => JSON.parse(Buffer.from(data.value[key] ?? '', 'base64').toString()) as unknown;
    expect(content('mcp.json')).toEqual({ mcpServers: JSON.parse(mcp('canary-header')) as unknown });
    expect(content('settings.json')).toEqual({ model: 'opus' });
    expect(envOf(resources)).toMatchObject({
      AGENT_MCP_CONFIG: '/var/run/claude-config/mcp.json',
      AGENT_CLAUDE_SETTINGS: '/var/run/claude-config/settings.json',
    });
    const mount = podsOf(resources)[0]?.containers[0].volumeMounts.find(({ name }) => name === 'config');
    expect(mount).toEqual({ name: 'config', mountPath: '/var/run/claude-config', readOnly: true });
    const open = resources.filter(({ type }) => type !== 'kubernetes:core/v1:Secret');
    expect(JSON.stringify([open, outputs])).not.toContain('canary-header');

    const checksum = ({ resources: all }: { resources: Rendered[] }) =>
      deploymentOf(all).spec.template.metadata.annotations['claude-agent/config-checksum'];
    const first = checksum(await runProgram({ mcpServers: mcp('one') }));
    expect(checksum(await runProgram({ mcpServers: mcp('one') }))).toBe(first);
    expect(checksum(await runProgram({ mcpServers: mcp('two') }))).not.toBe(first);
    expect(checksum(await runProgram())).toBeUndefined();
  });

  test('mounts the credentials that git hosts use in the agent alone, and replaces the pod when they change', async () => {
    const config = (azure: string) => ({
      gitHosts: JSON.stringify([
        { repositories: ['https://dev.azure.com/acme/web/_git/*'], type: 'azureDevOps', tokenFile: 'azure' },
        { repositories: ['https://git.example.org/tools/*'], type: 'plain' },
      ]),
      gitCredentials: JSON.stringify({ azure, unused: 'canary-of-nobody' }),
      gitMegabytes: '64',
    });
    const { resources, outputs } = await runProgram(config('canary-of-git'));
    expect(secretOf(resources, 'claude-git')).toEqual({ azure: 'canary-of-git' });
    expect(envOf(resources)).toMatchObject({ AGENT_GIT_MEGABYTES: '64' });
    expect(JSON.parse(envOf(resources)['AGENT_GIT_HOSTS'] as string)).toEqual([
      {
        repositories: ['https://dev.azure.com/acme/web/_git/*'],
        type: 'azureDevOps',
        tokenFile: '/var/run/claude-git/azure',
      },
      { repositories: ['https://git.example.org/tools/*'], type: 'plain' },
    ]);
    const withMount = podsOf(resources).filter(({ volumes }) =>
      volumes.some(({ secret }) => secret?.secretName === 'claude-git'),
    );
    expect(withMount.map(({ containers: [{ name }] }) => name)).toEqual(['claude-code-agent']);
    expect(withMount[0]?.containers[0].volumeMounts.find(({ name }) => name === 'git')).toEqual({
      name: 'git',
      mountPath: '/var/run/claude-git',
      readOnly: true,
    });
    const open = resources.filter(({ type }) => type !== 'kubernetes:core/v1:Secret');
    expect(JSON.stringify([open, outputs])).not.toMatch(/canary-of-(git|nobody)/);

    const checksum = ({ resources: all }: { resources: Rendered[] }) =>
      deploymentOf(all).spec.template.metadata.annotations['claude-agent/git-checksum'];
    expect(checksum({ resources })).toMatch(/^[0-9a-f]{64}$/);
    expect(checksum(await runProgram(config('another')))).not.toBe(checksum({ resources }));
    const without = await runProgram();
    expect(checksum(without)).toBeUndefined();
    expect(envOf(without.resources)).not.toHaveProperty('AGENT_GIT_HOSTS');
  });

  test('lets agent and watchdog trust the authorities of the config, and replaces the agent when they change', async () => {
    await using made = await makeCertificates('git.example.org');
    const extraCertificates = readFileSync(made.caFile, 'utf8');
    const { resources } = await runProgram({ extraCertificates });
    const data = { 'certificates.pem': extraCertificates };
    expect(find(resources, 'kubernetes:core/v1:ConfigMap', 'claude-certificates')).toMatchObject({ data });
    const [agent, runner, ...watchdogs] = podsOf(resources);
    const trusts = (pod: typeof agent) => ({
      variable: pod?.containers[0].env.find(({ name }) => name === 'NODE_EXTRA_CA_CERTS')?.value,
      mount: pod?.containers[0].volumeMounts.find(({ name }) => name === 'certificates')?.mountPath,
      volume: pod?.volumes.find(({ name }) => name === 'certificates'),
    });
    for (const pod of [agent, ...watchdogs]) {
      expect(trusts(pod)).toEqual({
        variable: '/var/run/claude-certificates/certificates.pem',
        mount: '/var/run/claude-certificates',
        volume: { name: 'certificates', configMap: { name: 'claude-certificates' } },
      });
    }
    expect(trusts(runner)).toEqual({});
    const checksum = ({ resources: all }: { resources: Rendered[] }) =>
      deploymentOf(all).spec.template.metadata.annotations['claude-agent/certificates-checksum'];
    expect(checksum({ resources })).toMatch(/^[0-9a-f]{64}$/);
    expect(checksum(await runProgram({ extraCertificates: made.cert }))).not.toBe(checksum({ resources }));
    const without = await runProgram();
    expect(checksum(without)).toBeUndefined();
    expect(trusts(podsOf(without.resources)[0])).toEqual({});
  });

  test("tells the agent alone where spans go, with the collector's headers in a file", async () => {
    const { resources, outputs } = await runProgram({
      otlpEndpoint: 'https://otlp.example.org',
      otlpHeaders: 'Authorization=Bearer%20canary-of-tracing',
      otelResourceAttributes: '{"deployment.environment.name":"a,b"}',
      otelTracesSampler: 'parentbased_traceidratio',
      otelTracesSamplerArg: '0.1',
    });
    expect(envOf(resources)).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.org',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TIMEOUT: '10000',
      OTEL_SERVICE_NAME: 'claude-code-agent',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=a%2Cb',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
      AGENT_OTLP_HEADERS_FILE: '/var/run/claude-tracing/headers',
    });
    expect(secretOf(resources, 'claude-tracing')).toEqual({ headers: 'Authorization=Bearer%20canary-of-tracing' });
    const withMount = podsOf(resources).filter(({ volumes }) =>
      volumes.some(({ secret }) => secret?.secretName === 'claude-tracing'),
    );
    expect(withMount.map(({ containers: [{ name }] }) => name)).toEqual(['claude-code-agent']);
    const open = resources.filter(({ type }) => type !== 'kubernetes:core/v1:Secret');
    expect(JSON.stringify([open, outputs])).not.toContain('canary-of-tracing');
  });

  test('builds nothing and pulls the pinned image when the config names one', async () => {
    const pinned = `example.azurecr.io/claude-agent@sha256:${'cd'.repeat(32)}`;
    const { resources, outputs } = await runProgram({ image: pinned });
    expect(resources.filter(({ type }) => type.startsWith('docker:'))).toEqual([]);
    expect(podsOf(resources).map(({ containers }) => containers[0].image)).toEqual([
      pinned,
      pinned,
      pinned,
      pinned,
      pinned,
    ]);
    expect(outputs['image']).toBe(pinned);
  });

  test('leaves a record of the update, with the config except secrets and what is specific to this machine', async () => {
    const { resources } = await runProgram({ queueLimit: '7', authMode: 'oauthToken', claudeToken: 'canary-token' });
    const { data } = find(resources, 'kubernetes:core/v1:ConfigMap', 'claude-agent-updates') as {
      data: Record<string, string>;
    };
    expect(Object.keys(data)).toEqual(['1']);
    const record = JSON.parse(data['1'] ?? '') as { config: Record<string, string> } & Record<string, string>;
    expect(record).toMatchObject({ image: DIGEST, config: { queueLimit: '7', extraEgress: '[]', image: '' } });
    expect(record['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    for (const checksum of ['login', 'token']) expect(record[checksum]).toMatch(/^[0-9a-f]{12}$/);
    for (const key of ['claudeToken', 'agentToken', 'kubeContext', 'sessionDir', 'sessionFrom']) {
      expect(record.config).not.toHaveProperty(key);
    }
    expect(JSON.stringify(data)).not.toContain('canary');
  });

  test('can be previewed while the digest of the image is not known', async () => {
    const { resources, outputs } = await runProgram({}, { preview: true });
    expect(outputs['image']).toBeUndefined();
    expect(outputs['runUrl']).toBe('http://claude-agent.claude-agent.svc/run');
    expect(deploymentOf(resources).metadata.name).toBe('claude-code-agent');
  });

  test('protects what holds data unless protectData is false', () => {
    const project = parse(readFileSync('Pulumi.yaml', 'utf8')) as { config: { protectData: { default: boolean } } };
    expect(project.config.protectData.default).toBe(true);
  });
});

test('the image is built from existing files, with paths relative to the folder in which Pulumi runs the program', async () => {
  const { resources } = await runProgram();
  const { build } = find(resources, 'docker:index/image:Image') as { build: { context: string; dockerfile: string } };
  const { main } = parse(readFileSync('Pulumi.yaml', 'utf8')) as { main: string };
  expect(build).toMatchObject({ context: '..', dockerfile: '../agent/Dockerfile' });
  for (const place of [build.context, build.dockerfile]) expect(existsSync(path.join(main, place))).toBe(true);
});
