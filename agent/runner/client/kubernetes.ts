import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import { isFile } from '../../setting-values.ts';

/** Where a pod finds the access of its ServiceAccount. */
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const FILES = { token: path.join(FOLDER, 'token'), ca: path.join(FOLDER, 'ca.crt') };
const NAMESPACE = path.join(FOLDER, 'namespace');
const HOST = 'KUBERNETES_SERVICE_HOST';
const PORT = 'KUBERNETES_SERVICE_PORT';

const REQUEST_MS = 10_000;

/** The API server of the cluster that the agent runs in. */
export interface Cluster {
  readonly host: string;
  readonly port: string;
}

/** Finds the API server. @returns it, or the variables and files of a pod that are missing for it. */
export function readCluster(env: NodeJS.ProcessEnv): Cluster | { readonly missing: readonly string[] } {
  const { [HOST]: host = '', [PORT]: port = '' } = env;
  const variables = [
    [HOST, host],
    [PORT, port],
  ] as const;
  const missing = [
    ...variables.filter(([, value]) => value === '').map(([name]) => name),
    ...[...Object.values(FILES), NAMESPACE].filter((file) => !isFile(file)),
  ];
  return missing.length > 0 ? { missing } : { host, port };
}

/**
 * Deletes a pod in the agent's own namespace. Reads the access anew: its token is replaced every hour.
 * @returns the HTTP status; 404 if there is no such pod.
 * @throws if there is no response.
 */
export async function deletePod(name: string, { host, port }: Cluster): Promise<number> {
  const [token, ca, namespace] = await Promise.all(
    [FILES.token, FILES.ca, NAMESPACE].map((file) => readFile(file, 'utf8')),
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const options = {
    method: 'DELETE',
    host,
    port,
    path: `/api/v1/namespaces/${namespace?.trim()}/pods/${name}`,
    headers: { Authorization: `Bearer ${token?.trim()}` },
    ca,
    agent: false,
    signal: AbortSignal.timeout(REQUEST_MS),
  } as const;
  request(options, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  })
    .once('error', reject)
    .end();
  return promise;
}
