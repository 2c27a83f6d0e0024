import { describe, expect, test } from 'vitest';

import { find, runProgram } from '../program.ts';
import type { Rendered } from '../program.ts';

interface PodSpec {
  nodeSelector?: object;
  tolerations?: object[];
  volumes: { name: string }[];
  containers: [{ env: { name: string; value?: string }[]; resources: { limits: Record<string, string> } }];
}
interface Template {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}
/** The agent's template first, then the runner's, then those of the watchdog and of maintenance. */
function templatesOf(resources: Rendered[]): [agent: Template, runner: Template, ...watchdog: Template[]] {
  const deployment = (name: string) =>
    find(resources, 'kubernetes:apps/v1:Deployment', name) as { spec: { template: Template } };
  const jobs = ['claude-auth-watchdog', 'claude-maintenance-start', 'claude-maintenance-end'].map((name) => {
    const cronJob = find(resources, 'kubernetes:batch/v1:CronJob', name);
    return (cronJob as { spec: { jobTemplate: { spec: { template: Template } } } }).spec.jobTemplate.spec.template;
  });
  return [deployment('claude-code-agent').spec.template, deployment('claude-code-runner').spec.template, ...jobs];
}
const templates = async (config: Record<string, string> = {}) => templatesOf((await runProgram(config)).resources);
const envOf = ({ spec }: Template) =>
  Object.fromEntries(spec.containers[0].env.map(({ name, value }) => [name, value] as const));

describe('the config', () => {
  test('places all pods on the nodes that it names, and does not restrict them if it names none', async () => {
    const nodeSelector = { agentpool: 'user' };
    const tolerations = [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }];
    const config = { nodeSelector: JSON.stringify(nodeSelector), tolerations: JSON.stringify(tolerations) };
    for (const { spec } of await templates(config)) expect(spec).toMatchObject({ nodeSelector, tolerations });
    for (const { spec } of await templates()) {
      expect(spec).not.toHaveProperty('nodeSelector');
      expect(spec).not.toHaveProperty('tolerations');
    }
  });

  test('adds labels to every object and every pod, and leaves the standard labels and the selectors unchanged', async () => {
    const { resources } = await runProgram({ extraLabels: '{"cost-center":"4711"}' });
    const plain = (await runProgram()).resources;
    for (const { type, name, inputs } of resources.filter((resource) => resource.type.startsWith('kubernetes:'))) {
      const { labels } = inputs['metadata'] as { labels: Record<string, string> };
      expect(labels['cost-center'], name).toBe('4711');
      const before = plain.find((resource) => resource.type === type && resource.name === name);
      expect(labels, name).toEqual({
        ...(before?.inputs['metadata'] as { labels: object }).labels,
        'cost-center': '4711',
      });
    }
    for (const { metadata } of templatesOf(resources)) expect(metadata.labels['cost-center']).toBe('4711');
    const spec = (list: Rendered[]) =>
      (find(list, 'kubernetes:apps/v1:Deployment', 'claude-code-agent') as { spec: { selector: object } }).spec
        .selector;
    expect(spec(resources)).toEqual(spec(plain));
  });

  test("adds annotations to the agent's pod", async () => {
    const [agent] = await templates({ podAnnotations: '{"prometheus.io/scrape":"true"}' });
    expect(agent.metadata.annotations).toMatchObject({ 'prometheus.io/scrape': 'true' });
    expect(agent.metadata.annotations).toHaveProperty(['claude-agent/login-checksum']);
  });

  test('keeps the workspace on the node, or on a volume with the configured storage class', async () => {
    const [, onNode] = await templates({ workspaceSize: '20Gi' });
    expect(onNode.spec.volumes).toContainEqual({ name: 'workspace', emptyDir: { sizeLimit: '20Gi' } });
    expect(onNode.spec.containers[0].resources.limits['ephemeral-storage']).toBe('20Gi');
    const { resources } = await runProgram({
      workspaceStorage: 'volume',
      workspaceSize: '20Gi',
      storageClass: 'managed-csi',
    });
    const [, runner] = templatesOf(resources);
    const claimName = 'claude-agent-workspace';
    expect(runner.spec.volumes).toContainEqual({ name: 'workspace', persistentVolumeClaim: { claimName } });
    expect(runner.spec.containers[0].resources.limits['ephemeral-storage']).toBe('4Gi');
    expect(find(resources, 'kubernetes:core/v1:PersistentVolumeClaim', claimName)).toMatchObject({
      spec: { storageClassName: 'managed-csi', resources: { requests: { storage: '20Gi' } } },
    });
  });

  test('gives Claude and the watchdog a proxy, but not for addresses in the cluster', async () => {
    const [agent, runner, ...watchdog] = await templates({
      httpsProxy: 'http://proxy.example.org:3128',
      noProxy: 'gateway.example.org',
      extraEgress: '[{"cidr":"10.1.0.0/16","port":3128}]',
    });
    const proxy = {
      HTTPS_PROXY: 'http://proxy.example.org:3128',
      NO_PROXY: 'localhost,127.0.0.1,.svc,.cluster.local,gateway.example.org',
    };
    for (const template of [agent, runner]) expect(envOf(template)).toMatchObject(proxy);
    for (const template of watchdog) expect(envOf(template)).toMatchObject({ ...proxy, NODE_USE_ENV_PROXY: '1' });
    for (const template of await templates()) expect(JSON.stringify(template)).not.toContain('PROXY');
  });

  test('limits the records of runs and sets what is logged', async () => {
    const records = { recordDays: '7', recordCount: '500', recordMegabytes: '50', transcriptDays: '3' };
    const [agent] = await templates({ ...records, logLevel: 'debug' });
    expect(envOf(agent)).toMatchObject({
      AGENT_RECORD_DAYS: '7',
      AGENT_RECORD_COUNT: '500',
      AGENT_RECORD_MEGABYTES: '50',
      AGENT_TRANSCRIPT_DAYS: '3',
      AGENT_LOG_LEVEL: 'debug',
    });
  });
});
