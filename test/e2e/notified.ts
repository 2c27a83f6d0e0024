import { readdirSync, readFileSync } from 'node:fs';

import type { DoubleWorkflow } from '../doubles/n8n/workflows.ts';
import type { PostedCard } from '../doubles/teams/server.ts';
import { DOUBLE } from './checkout.ts';
import { kubectl } from './cluster.ts';

const { namespace } = DOUBLE;
const TEAMS = { name: 'teams', port: 8080 } as const;
const N8N = { name: 'n8n-api', port: 5678 } as const;

/** Settings of a stack whose watchdog tells the doubles of Teams and n8n. */
export const NOTIFY_SETTINGS = {
  teamsWebhookUrl: `http://${TEAMS.name}.${namespace}.svc:${TEAMS.port}/workflows/hook?sig=canary-webhook-signature`,
  n8nApiUrl: `http://${N8N.name}.${namespace}.svc:${N8N.port}`,
  n8nApiKey: 'n8n-key',
} as const;

/** Starts both doubles, from the agent's own image and their sources. */
export async function startNotified(image: string): Promise<void> {
  const items = [...itemsOf('teams', TEAMS, image), ...itemsOf('n8n', N8N, image)];
  await kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  for (const { name } of [TEAMS, N8N]) {
    await kubectl(['rollout', 'status', `deployment/${name}`, '--namespace', namespace, '--timeout=100s']);
  }
}

function itemsOf(double: string, { name, port }: { name: string; port: number }, image: string): object[] {
  const folder = `test/doubles/${double}`;
  const sources = readdirSync(folder).map((file) => [file, readFileSync(`${folder}/${file}`, 'utf8')] as const);
  const labels = { app: name };
  const container = {
    name,
    image,
    args: ['node', 'double/main.ts', '--host', '0.0.0.0', '--port', String(port)],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    volumeMounts: [{ name: 'sources', mountPath: '/app/double' }],
  };
  const spec = {
    terminationGracePeriodSeconds: 1,
    containers: [container],
    volumes: [{ name: 'sources', configMap: { name } }],
  };
  const metadata = { name, namespace };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(sources) },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port }] } },
  ];
}

/** The cards that Teams took, oldest first. */
export async function teamsCards(): Promise<PostedCard[]> {
  return (await curl(TEAMS, 'GET', '')) as PostedCard[];
}

/** What a person does in n8n, or what one sees there. */
export async function n8nControl(method: 'GET' | 'POST', suffix = ''): Promise<{ workflows: DoubleWorkflow[] }> {
  return (await curl(N8N, method, suffix)) as { workflows: DoubleWorkflow[] };
}

async function curl({ name, port }: { name: string; port: number }, method: string, suffix: string): Promise<unknown> {
  const url = `http://127.0.0.1:${port}/_control${suffix}`;
  const command = ['curl', '--silent', '--show-error', '--fail', '--request', method, url];
  return JSON.parse(await kubectl(['exec', '--namespace', namespace, `deployment/${name}`, '--', ...command]));
}
