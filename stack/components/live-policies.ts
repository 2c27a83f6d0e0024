import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import * as pulumi from '@pulumi/pulumi';

import { ANNOTATION, NAMES } from '../names.ts';
import type { Target } from './target.ts';

/** A network policy as the cluster has it. */
export interface LivePolicy {
  readonly metadata: {
    readonly name: string;
    /** Goes up with each change of the spec. */
    readonly generation: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
}

/** Says in a policy's annotations which edit of it an update last took back. */
export const TAKEN_BACK = `${ANNOTATION}/taken-back-generation`;

/**
 * The network policies of the namespace; none where `kubectl` can't read them, with a warning.
 * @param access How the provider reaches the cluster.
 */
export function livePolicies(access: Target['access']): pulumi.Output<readonly LivePolicy[]> {
  const found = pulumi.all([access.context, access.kubeconfig]).apply(async ([context, kubeconfig]) => {
    if (kubeconfig === undefined) return read(context === undefined ? [] : ['--context', context]);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kubeconfig-')); // For its owner alone.
    try {
      const file = path.join(folder, 'config');
      fs.writeFileSync(file, kubeconfig);
      return await read(['--kubeconfig', file]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
  return pulumi.unsecret(found);
}

async function read(where: readonly string[]): Promise<readonly LivePolicy[]> {
  const get = [
    'get',
    'networkpolicies',
    '--namespace',
    NAMES.namespace,
    '--output',
    'json',
    '--request-timeout',
    '10s',
  ];
  const { run } = await import('../exec.ts'); // While the engine works, and not before it may begin.
  const found = await run('kubectl', [...get, ...where]);
  if ('output' in found) return (JSON.parse(found.output) as { items: readonly LivePolicy[] }).items;
  void pulumi.log.warn(`Rules that somebody added to a network policy are not looked for: ${found.failure}`);
  return [];
}

/**
 * Annotations that make an update of a policy whose rules are not the stack's. Pulumi's refresh looks only at what the
 * stack has set: it does not see a rule that was added to a list, though that rule lets traffic through.
 * @param live What the cluster has under that name, if anything.
 * @param spec What the stack wants.
 */
export function takeBack(live: LivePolicy | undefined, spec: object): Record<string, string> {
  if (live === undefined) return {};
  const before = live.metadata.annotations?.[TAKEN_BACK];
  if (!isSame(live.spec, spec)) return { [TAKEN_BACK]: String(live.metadata.generation) };
  return before === undefined ? {} : { [TAKEN_BACK]: before };
}

/** The API server gives no empty lists back. */
function isSame(live: unknown, wanted: unknown): boolean {
  return JSON.stringify(inOrder(live)) === JSON.stringify(inOrder(wanted));
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => !(Array.isArray(inner) && inner.length === 0))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, inOrder(inner)]),
  );
}
