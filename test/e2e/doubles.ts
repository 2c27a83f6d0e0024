import { readdirSync, readFileSync } from 'node:fs';

import { DOUBLE } from './checkout.ts';
import { inAgent, kubectl, until } from './cluster.ts';

/** A program of `test/doubles` that runs in the cluster. */
export interface InCluster {
  /** Its folder in `test/doubles`. */
  readonly program: string;
  /** Of its Deployment and Service, in the namespace of all doubles. */
  readonly name: string;
  readonly port: number;
}

const { namespace } = DOUBLE;

/** Starts doubles, from the agent's own image and their sources; settles when all are ready. */
export async function startDoubles(image: string, ...doubles: readonly InCluster[]): Promise<void> {
  const items = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    ...doubles.flatMap((double) => objectsOf(double, image)),
  ];
  await kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  for (const { name } of doubles) {
    await kubectl(['rollout', 'status', `deployment/${name}`, '--namespace', namespace, '--timeout=100s']);
  }
}

/** Starts the double of the Anthropic API. */
export const startDouble = (image: string): Promise<void> =>
  startDoubles(image, { program: 'anthropic', name: DOUBLE.name, port: DOUBLE.port });

/** Sources of a double by file. */
function sourcesOf(program: string): Record<string, string> {
  const folder = `test/doubles/${program}`;
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(`${folder}/${name}`, 'utf8')]));
}

function objectsOf({ program, name, port }: InCluster, image: string): object[] {
  const metadata = { name, namespace };
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
  const template = { metadata: { labels }, spec };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: sourcesOf(program) },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { selector: { matchLabels: labels }, template } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port }] } },
  ];
}

const BESIDE = `http://127.0.0.1:${DOUBLE.port}`;

/**
 * Starts the double in the agent's own container: over cleartext `claude` sends an identity token to its own machine
 * only. It asks for that audience.
 */
export async function startDoubleBesideAgent(audience: string): Promise<void> {
  const unpack = `
    const fs = require('node:fs');
    fs.mkdirSync('/tmp/double', { recursive: true });
    fs.symlinkSync('/app/node_modules', '/tmp/double/node_modules');
    const sources = JSON.parse(fs.readFileSync(0, 'utf8'));
    for (const name of Object.keys(sources)) fs.writeFileSync('/tmp/double/' + name, sources[name]);`;
  const exec = ['exec', '--stdin', '--namespace', 'claude-agent', 'deployment/claude-code-agent', '--'];
  await kubectl([...exec, 'node', '-e', unpack], JSON.stringify(sourcesOf('anthropic')));
  const start = `setsid node /tmp/double/main.ts --port ${DOUBLE.port} --audience ${audience} >/dev/null 2>&1 &`;
  await inAgent('sh', '-c', start);
  await until('the double', async () => await inAgent('curl', '--silent', '--fail', BESIDE).then(() => true));
}

/** What that double has seen. */
export async function seenBesideAgent(): Promise<{ path: string; identity?: object }[]> {
  const seen = JSON.parse(await inAgent('curl', '--silent', `${BESIDE}/_control/requests`)) as { path: string }[];
  return seen.filter(({ path }) => path !== '/');
}

/** Makes the agent and its `claude` trust a certificate, until the next update: a deployed pod trusts the public authorities alone. */
export async function trustInAgent(certificateFile: string): Promise<void> {
  const deployment = ['--namespace', 'claude-agent', 'deployment/claude-code-agent'];
  const write = ['exec', '--stdin', ...deployment, '--', 'sh', '-c', 'cat > /data/ca.pem'];
  await kubectl(write, readFileSync(certificateFile, 'utf8'));
  await kubectl(['set', 'env', ...deployment, 'NODE_EXTRA_CA_CERTS=/data/ca.pem']);
  await kubectl(['rollout', 'status', ...deployment, '--timeout=100s']);
}
