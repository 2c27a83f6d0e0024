import { createPrivateKey, createPublicKey } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { rawPublicKey } from '../../../agent/runner/key.ts';
import { DIGEST, find, runProgram, secretOf } from '../program.ts';
import type { Rendered } from '../program.ts';

interface Runners {
  spec: {
    replicas: number;
    strategy: { type: string };
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        runtimeClassName?: string;
        serviceAccountName: unknown;
        terminationGracePeriodSeconds: number;
        containers: [
          {
            image: string;
            args: string[];
            env: { name: string; value?: string }[];
            livenessProbe: { terminationGracePeriodSeconds: number; exec?: unknown };
            resources: Record<'requests' | 'limits', Record<string, string>>;
          },
        ];
        volumes: { name: string; emptyDir?: { sizeLimit: string } }[];
      };
    };
  };
}

const DEPLOYMENT = 'kubernetes:apps/v1:Deployment';
const runnersIn = (resources: readonly Rendered[]) =>
  find(resources, DEPLOYMENT, 'claude-code-runner') as unknown as Runners;
const envOf = (runners: Runners) =>
  Object.fromEntries(runners.spec.template.spec.containers[0].env.map(({ name, value }) => [name, value]));
/** The agent's private key, in PEM. */
const privateKeyIn = (resources: readonly Rendered[]) => secretOf(resources, 'claude-runner-key')['key.pem'] ?? '';
const kindsOf = (resources: readonly Rendered[]) =>
  resources.map(
    ({ type, inputs }) => `${type.split(':').at(-1)} ${(inputs['metadata'] as { name?: string } | undefined)?.name}`,
  );

describe('runners', () => {
  test('run the image of the agent with what the config says, and have only empty volumes', async () => {
    const { resources } = await runProgram({ graceSeconds: '60', logLevel: 'debug', workspaceSize: '20Gi' });
    const { spec } = runnersIn(resources);
    const [container] = spec.template.spec.containers;
    expect(spec.replicas).toBe(1);
    expect(container.image).toBe(DIGEST);
    expect(container.args).toEqual(['unreadable-node', '--disable-sigusr1', 'agent/runner/main.ts']);
    expect(envOf(runnersIn(resources))).toEqual({
      RUNNER_PORT: '7070',
      RUNNER_PUBLIC_KEY: rawPublicKey(createPrivateKey(privateKeyIn(resources))),
      RUNNER_HOME: '/home/runner',
      RUNNER_WORKSPACE: '/workspace',
      RUNNER_KEEP_WORKSPACE: 'false',
      RUNNER_GRACE_SECONDS: '60',
      RUNNER_LOG_LEVEL: 'debug',
    });
    expect(spec.template.spec.terminationGracePeriodSeconds).toBe(90);
    expect(container.livenessProbe).toMatchObject({ terminationGracePeriodSeconds: 1 });
    expect(container.livenessProbe).not.toHaveProperty('exec');
    expect(container.resources).toMatchObject({
      requests: { cpu: '1', memory: '2Gi' },
      limits: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '20Gi' },
    });
    expect(spec.template.spec.volumes).toEqual([
      { name: 'home', emptyDir: { sizeLimit: '2Gi' } },
      { name: 'workspace', emptyDir: { sizeLimit: '20Gi' } },
      { name: 'tmp', emptyDir: { sizeLimit: '2Gi' } },
    ]);
  });

  test('are found by the agent under the name of a Service without an address of its own', async () => {
    const { resources } = await runProgram();
    expect(find(resources, 'kubernetes:core/v1:Service', 'claude-code-runner')).toMatchObject({
      spec: { clusterIP: 'None', ports: [{ port: 7070 }], selector: { 'app.kubernetes.io/component': 'runner' } },
    });
  });

  test('are as many as runs may be in progress, and those that are started ahead', async () => {
    const { resources } = await runProgram({ runners: '3', warmRunners: '2' });
    expect(runnersIn(resources).spec.replicas).toBe(5);
    const { spec } = find(resources, 'kubernetes:core/v1:ResourceQuota') as { spec: { hard: { pods: string } } };
    expect(Number(spec.hard.pods)).toBeGreaterThanOrEqual(10 + 5);
  });

  test('have a private key that is derived from the API token, and no copy of it', async () => {
    const { resources } = await runProgram();
    const pem = privateKeyIn(resources);
    const key = createPrivateKey(pem);
    expect(key.asymmetricKeyType).toBe('ed25519');
    expect(privateKeyIn((await runProgram()).resources)).toBe(pem);
    expect(privateKeyIn((await runProgram({ agentToken: 'another' })).resources)).not.toBe(pem);
    expect(createPublicKey(key).export({ format: 'jwk' }).x).toHaveLength(43);
    const [, ...body] = pem.split('\n');
    expect(JSON.stringify(runnersIn(resources))).not.toContain(body[0]);
  });

  test('run in the runtime class of the config', async () => {
    const named = await runProgram({ runnerRuntimeClass: 'gvisor' });
    expect(runnersIn(named.resources).spec.template.spec.runtimeClassName).toBe('gvisor');
    expect(runnersIn((await runProgram()).resources).spec.template.spec).not.toHaveProperty('runtimeClassName');
  });

  test('are deleted by the agent after a run if the config says so, and only then may it delete pods', async () => {
    const replaced = await runProgram({ runnerReuse: 'false' });
    expect(find(replaced.resources, 'kubernetes:rbac.authorization.k8s.io/v1:Role', 'claude-code-agent')).toMatchObject(
      { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['delete'] }] },
    );
    const agent = find(replaced.resources, DEPLOYMENT, 'claude-code-agent');
    expect(JSON.stringify(agent)).toContain('/var/run/secrets/kubernetes.io/serviceaccount');
    const { resources } = await runProgram();
    expect(kindsOf(resources)).not.toContain('Role claude-code-agent');
    expect(JSON.stringify(find(resources, DEPLOYMENT, 'claude-code-agent'))).not.toContain('serviceaccount');
  });

  test('share a volume if several pods may mount it, and one after the other if not', async () => {
    const shared = await runProgram({
      runners: '2',
      workspaceStorage: 'volume',
      workspaceAccessMode: 'ReadWriteMany',
      storageClass: 'azurefile-csi',
    });
    expect(find(shared.resources, 'kubernetes:core/v1:PersistentVolumeClaim', 'claude-agent-workspace')).toMatchObject({
      spec: { accessModes: ['ReadWriteMany'] },
    });
    expect(runnersIn(shared.resources).spec.strategy.type).toBe('RollingUpdate');
    const single = runnersIn((await runProgram({ workspaceStorage: 'volume' })).resources);
    expect(single.spec.strategy.type).toBe('Recreate');
    expect(envOf(single)['RUNNER_KEEP_WORKSPACE']).toBe('true');
  });

  test('do not exist if the config wants claude in the pod of the agent', async () => {
    const { resources } = await runProgram({ runners: '0', slots: '4' });
    expect(kindsOf(resources).filter((name) => name.includes('runner'))).toEqual([]);
    const agent = find(resources, DEPLOYMENT, 'claude-code-agent');
    expect(JSON.stringify(agent)).toContain('local:4');
    expect(JSON.stringify(agent)).not.toContain('GATEWAY');
  });
});
