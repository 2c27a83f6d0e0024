import { describe, expect, test } from 'vitest';

import { find, runProgram, type Rendered } from '../program.ts';

interface Pod {
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  containers: [
    { args: string[]; env: { name: string; value: string }[]; volumeMounts: { name: string; mountPath: string }[] },
  ];
  volumes: Record<string, unknown>[];
}

const SECRETS = {
  teamsWebhookUrl: 'https://example.org/workflows/canary-webhook',
  n8nApiKey: 'canary-n8n-key',
  n8nApiUrl: 'http://n8n.n8n.svc:5678',
};

function cronJob(resources: Rendered[], name: string) {
  const { spec } = find(resources, 'kubernetes:batch/v1:CronJob', name) as unknown as {
    spec: { suspend?: boolean; jobTemplate: { spec: { template: { spec: Pod } } } };
  };
  const pod = spec.jobTemplate.spec.template.spec;
  const env = Object.fromEntries(pod.containers[0].env.map(({ name: key, value }) => [key, value]));
  return { ...spec, pod, env };
}

describe('the watchdog', () => {
  test('may read and write only one ConfigMap, which the stack declares without data', async () => {
    const { resources } = await runProgram();
    expect(find(resources, 'kubernetes:core/v1:ConfigMap', 'claude-auth-watchdog')).not.toHaveProperty('data');
    expect(find(resources, 'kubernetes:rbac.authorization.k8s.io/v1:Role')).toMatchObject({
      rules: [
        {
          apiGroups: [''],
          resources: ['configmaps'],
          resourceNames: ['claude-auth-watchdog'],
          verbs: ['get', 'update'],
        },
      ],
    });
    expect(find(resources, 'kubernetes:rbac.authorization.k8s.io/v1:RoleBinding')).toMatchObject({
      roleRef: { kind: 'Role', name: 'claude-auth-watchdog' },
      subjects: [{ kind: 'ServiceAccount', name: 'claude-auth-watchdog', namespace: 'claude-agent' }],
    });
    const bindings = resources.filter(({ type }) => type.includes('ClusterRole'));
    expect(bindings).toEqual([]);
  });

  test('has a ServiceAccount whose token is only in its own pods, and no copy of the session', async () => {
    const { resources } = await runProgram(SECRETS);
    const { pod } = cronJob(resources, 'claude-auth-watchdog');
    expect(pod.serviceAccountName).toBe('claude-auth-watchdog');
    expect(pod.containers[0].volumeMounts.map(({ mountPath }) => mountPath)).toEqual([
      '/var/run/claude-watchdog',
      '/var/run/secrets/kubernetes.io/serviceaccount',
      '/var/run/claude-watchdog-notify',
    ]);
    expect(JSON.stringify(pod)).not.toMatch(/claude-session|claude-credential/);
    expect(find(resources, 'kubernetes:core/v1:ServiceAccount', 'claude-auth-watchdog')).toMatchObject({
      automountServiceAccountToken: false,
    });
    const agent = JSON.stringify(find(resources, 'kubernetes:apps/v1:Deployment', 'claude-code-agent'));
    expect(agent).not.toMatch(/serviceAccountToken":|claude-watchdog-notify/);
  });

  test('gets webhook and API key as files, and has neither in its environment', async () => {
    const pageUrl = 'https://claude-agent.example.com/agent/';
    const guideUrl = 'https://wiki.example.com/x#y';
    const { resources } = await runProgram({ ...SECRETS, n8nTag: 'ai', pageUrl, guideUrl });
    const { env, pod } = cronJob(resources, 'claude-auth-watchdog');
    expect(env).toMatchObject({
      WATCHDOG_TEAMS_WEBHOOK_FILE: '/var/run/claude-watchdog-notify/teams-webhook-url',
      WATCHDOG_N8N_API_KEY_FILE: '/var/run/claude-watchdog-notify/n8n-api-key',
      WATCHDOG_N8N_API_URL: SECRETS.n8nApiUrl,
      WATCHDOG_N8N_TAG: 'ai',
      WATCHDOG_PAGE_URL: pageUrl,
      WATCHDOG_GUIDE_URL: guideUrl,
      WATCHDOG_LEDGER_CONFIGMAP: 'claude-agent/claude-auth-watchdog',
    });
    expect(JSON.stringify(pod)).not.toContain('canary');
  });

  test('knows its stack, for the commands that its cards suggest', async () => {
    const { resources } = await runProgram({}, { stack: 'prod' });
    expect(cronJob(resources, 'claude-auth-watchdog').env).toMatchObject({ WATCHDOG_STACK: 'prod' });
    expect(JSON.stringify(resources)).toContain('{"name":"AGENT_STACK","value":"prod"}');
  });

  test('has no Secret for them if neither is configured', async () => {
    const { resources } = await runProgram();
    const { env, pod } = cronJob(resources, 'claude-auth-watchdog');
    expect(Object.keys(env).filter((name) => /TEAMS|N8N_API/.test(name))).toEqual([]);
    expect(JSON.stringify(pod)).not.toContain('claude-watchdog-notify');
  });

  test.each(['maintenance-start', 'maintenance-end'])(
    'has a suspended CronJob for %s, from which Jobs are created',
    async (command) => {
      const { resources } = await runProgram({ maintenanceReason: 'Patch day', maintenanceMinutes: '30' });
      const { suspend, pod, env } = cronJob(resources, `claude-${command}`);
      expect(suspend).toBe(true);
      expect(pod.containers[0].args).toEqual(['node', '--disable-sigusr1', 'watchdog/main.ts', command]);
      expect(env).toMatchObject({ WATCHDOG_MAINTENANCE_REASON: 'Patch day', WATCHDOG_MAINTENANCE_MINUTES: '30' });
    },
  );
});
