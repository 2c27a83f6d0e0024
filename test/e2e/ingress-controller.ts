import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';

import { CONTROLLER_NAMESPACE } from './checkout.ts';
import { kubectl } from './cluster.ts';

/** Names a `traefik` (version 3, for the cluster's machines), and a file with the CustomResourceDefinitions of the Gateway API. */
const [PROGRAM, DEFINITIONS] = ['E2E_TRAEFIK', 'E2E_GATEWAY_API'];

/** The GatewayClass and the IngressClass. */
export const CONTROLLER_CLASS = 'traefik';

const NAME = 'traefik';
const WHERE = ['--namespace', CONTROLLER_NAMESPACE];
const GATEWAY_API = 'gateways.gateway.networking.k8s.io';

/** Why there is no controller here, or undefined where there can be one. */
export async function missingController(): Promise<string | undefined> {
  const program = process.env[PROGRAM] ?? '';
  if (!existsSync(program)) return `${PROGRAM} names no traefik to try an ingress controller with`;
  if (existsSync(process.env[DEFINITIONS] ?? '') || (await hasGatewayApi())) return undefined;
  return `the cluster has no Gateway API, and ${DEFINITIONS} names no file with its definitions`;
}

/** Whether the cluster has it by itself; then it stays. */
export async function hasGatewayApi(): Promise<boolean> {
  return !(await execa('kubectl', ['get', 'crd', GATEWAY_API], { reject: false, timeout: 30_000 })).failed;
}

/** A controller in the cluster, in a namespace of its own. */
export interface Controller {
  /** The address of its Service, for pods. */
  readonly address: string;
  /** Changes how it is started. */
  readonly restart: (...args: string[]) => Promise<void>;
  readonly log: () => Promise<string>;
  /** Takes away what is not in its namespace. */
  readonly stop: () => Promise<void>;
}

/** Starts the controller, for Ingresses and Gateways. @throws Error where {@link missingController} gives a reason. */
export async function startController(): Promise<Controller> {
  const image = await push(process.env[PROGRAM] ?? '');
  const definitions = process.env[DEFINITIONS] ?? '';
  const own = !(await hasGatewayApi());
  if (own) await kubectl(['apply', '--server-side', '--filename', definitions]);
  const start = async (...args: string[]): Promise<void> => {
    const items = objects(image, args);
    await kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await kubectl(['rollout', 'status', `deployment/${NAME}`, ...WHERE, '--timeout=100s']);
  };
  await start();
  return {
    address: await kubectl(['get', 'service', NAME, ...WHERE, '--output', 'jsonpath={.spec.clusterIP}']),
    restart: start,
    log: () => kubectl(['logs', `deployment/${NAME}`, ...WHERE, '--tail', '50']),
    stop: async () => {
      await kubectl(['delete', 'clusterrole,clusterrolebinding,ingressclass', NAME, '--ignore-not-found']);
      if (own) await kubectl(['delete', '--filename', definitions, '--ignore-not-found']);
    },
  };
}

/** @returns The image's name in the registry. */
async function push(program: string): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'e2e-traefik-'));
  try {
    copyFileSync(program, path.join(folder, 'traefik'));
    chmodSync(path.join(folder, 'traefik'), 0o755);
    writeFileSync(path.join(folder, 'Dockerfile'), 'FROM debian:bookworm-slim\nCOPY traefik /traefik\n');
    const image = `${process.env['E2E_REGISTRY'] ?? ''}/e2e-traefik:latest`;
    await execa('docker', ['build', '--quiet', '--tag', image, folder], { timeout: 200_000 });
    await execa('docker', ['push', '--quiet', image], { timeout: 200_000 });
    return image;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function objects(image: string, args: readonly string[]): object[] {
  const metadata = { name: NAME, namespace: CONTROLLER_NAMESPACE };
  const labels = { app: NAME };
  const ports = [
    { name: 'web', port: 80 },
    { name: 'websecure', port: 443 },
  ];
  const container = {
    name: NAME,
    image,
    imagePullPolicy: 'Always',
    args: [
      ...[
        '/traefik',
        '--log.level=INFO',
        '--global.checkNewVersion=false',
        '--ping',
        '--entryPoints.traefik.address=:8080',
      ],
      ...['--entryPoints.web.address=:80', '--entryPoints.websecure.address=:443'],
      ...[
        '--providers.kubernetesingress',
        '--providers.kubernetesgateway',
        '--providers.providersThrottleDuration=200ms',
      ],
      ...args,
    ],
    ports: ports.map(({ name, port }) => ({ name, containerPort: port })),
    readinessProbe: { httpGet: { path: '/ping', port: 8080 }, periodSeconds: 1 },
  };
  const read = (group: string, ...resources: string[]) => ({
    apiGroups: [group],
    resources,
    verbs: ['get', 'list', 'watch'],
  });
  const writeStatus = (group: string, ...resources: string[]) => ({ apiGroups: [group], resources, verbs: ['update'] });
  const gateway = [
    'gatewayclasses',
    'gateways',
    'httproutes',
    'grpcroutes',
    'tlsroutes',
    'referencegrants',
    'backendtlspolicies',
  ];
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: CONTROLLER_NAMESPACE } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: NAME },
      rules: [
        read('', 'services', 'secrets', 'nodes', 'namespaces', 'configmaps'),
        read('discovery.k8s.io', 'endpointslices'),
        read('networking.k8s.io', 'ingresses', 'ingressclasses'),
        writeStatus('networking.k8s.io', 'ingresses/status'),
        read('gateway.networking.k8s.io', ...gateway, 'listenersets'),
        writeStatus('gateway.networking.k8s.io', ...gateway.map((name) => `${name}/status`)),
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: NAME },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: NAME },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: CONTROLLER_CLASS },
      spec: { controller: 'traefik.io/ingress-controller' },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: CONTROLLER_CLASS },
      spec: { controllerName: 'traefik.io/gateway-controller' },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { serviceAccountName: NAME, terminationGracePeriodSeconds: 1, containers: [container] },
        },
      },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports } },
  ];
}
