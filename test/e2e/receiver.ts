import { readFileSync } from 'node:fs';

import type { Message } from '../doubles/receiver/server.ts';
import { DOUBLE } from './checkout.ts';
import { kubectl } from './cluster.ts';

const SOURCES = 'test/doubles/receiver';
const { namespace } = DOUBLE;
const name = 'n8n';
const port = 5678;

/** Where callbacks go that n8n asks for: its Service, by its usual name and port. */
export const RECEIVER_URL = `http://${name}.${namespace}.svc:${port}`;

/** Starts a receiver of callbacks in the place of n8n, from the agent's own image and the double's sources. */
export async function startReceiver(image: string): Promise<void> {
  const data = Object.fromEntries(
    ['main.ts', 'server.ts'].map((file) => [file, readFileSync(`${SOURCES}/${file}`, 'utf8')]),
  );
  const labels = { app: name };
  const container = {
    name,
    image,
    args: ['node', 'double/main.ts', '--address', '0.0.0.0', '--port', String(port)],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    volumeMounts: [{ name: 'sources', mountPath: '/app/double' }],
  };
  const spec = {
    terminationGracePeriodSeconds: 1,
    containers: [container],
    volumes: [{ name: 'sources', configMap: { name } }],
  };
  const items = [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector: labels, ports: [{ port }] } },
  ];
  await kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await kubectl(['rollout', 'status', `deployment/${name}`, '--namespace', namespace, '--timeout=100s']);
}

/** The messages that arrived, oldest first. */
export async function received(): Promise<Message[]> {
  const log = await kubectl(['logs', `deployment/${name}`, '--namespace', namespace]);
  return log
    .split('\n')
    .filter((line) => line.includes('"body"'))
    .map((line) => JSON.parse(line) as Message);
}
