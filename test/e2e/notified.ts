import type { DoubleWorkflow } from '../doubles/n8n/workflows.ts';
import type { PostedCard } from '../doubles/teams/server.ts';
import { DOUBLE } from './checkout.ts';
import { kubectl } from './cluster.ts';
import { startDoubles, type InCluster } from './doubles.ts';

const { namespace } = DOUBLE;
const TEAMS: InCluster = { program: 'teams', name: 'teams', port: 8080 };
const N8N: InCluster = { program: 'n8n', name: 'n8n-api', port: 5678 };

/** Settings of a stack whose watchdog tells the doubles of Teams and n8n. */
export const NOTIFY_SETTINGS = {
  teamsWebhookUrl: `http://${TEAMS.name}.${namespace}.svc:${TEAMS.port}/workflows/hook?sig=canary-webhook-signature`,
  n8nApiUrl: `http://${N8N.name}.${namespace}.svc:${N8N.port}`,
  n8nApiKey: 'n8n-key',
} as const;

/** Starts both doubles. */
export const startNotified = (image: string): Promise<void> => startDoubles(image, TEAMS, N8N);

/** The cards that Teams took, oldest first. */
export async function teamsCards(): Promise<PostedCard[]> {
  return (await curl(TEAMS, 'GET', '')) as PostedCard[];
}

/** What a person does in n8n, or what one sees there. */
export async function n8nControl(method: 'GET' | 'POST', suffix = ''): Promise<{ workflows: DoubleWorkflow[] }> {
  return (await curl(N8N, method, suffix)) as { workflows: DoubleWorkflow[] };
}

async function curl({ name, port }: InCluster, method: string, suffix: string): Promise<unknown> {
  const url = `http://127.0.0.1:${port}/_control${suffix}`;
  const command = ['curl', '--silent', '--show-error', '--fail', '--request', method, url];
  return JSON.parse(await kubectl(['exec', '--namespace', namespace, `deployment/${name}`, '--', ...command]));
}
