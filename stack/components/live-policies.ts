import * as pulumi from '@pulumi/pulumi';

import { ANNOTATION, NAMES } from '../names.ts';
import { askCluster } from './ask-cluster.ts';
import type { Target } from './target.ts';

/** A network policy in the cluster. */
export interface LivePolicy {
  readonly metadata: {
    readonly name: string;
    /** Increases with each change of the spec. */
    readonly generation: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
}

/** Annotation of a policy: the generation that an update last reverted. */
const TAKEN_BACK = `${ANNOTATION}/taken-back-generation`;

/**
 * The network policies of a namespace. None, and a warning, if `kubectl` can't read them.
 * @param access How the provider reaches the cluster.
 */
export function livePolicies(
  access: Target['access'],
  namespace: string = NAMES.namespace,
): pulumi.Output<readonly LivePolicy[]> {
  const get = ['get', 'networkpolicies', '--namespace', namespace, '--output', 'json'];
  return askCluster(access, get).apply((found) => {
    if ('output' in found) return (JSON.parse(found.output) as { items: readonly LivePolicy[] }).items;
    void pulumi.log.warn(
      `The network policies in the cluster can't be read, so rules that somebody added to them stay: ${found.failure}`,
    );
    return [];
  });
}

/**
 * Annotations that cause an update of a policy whose rules differ from the stack's. Pulumi's refresh compares only what the
 * stack has set: it does not see a rule that was added to a list, although that rule allows traffic.
 * @param live The policy of that name in the cluster, if any.
 * @param spec The spec that the stack wants.
 */
export function takeBack(live: LivePolicy | undefined, spec: object): Record<string, string> {
  if (live === undefined) return {};
  const before = live.metadata.annotations?.[TAKEN_BACK];
  if (!isSame(live.spec, spec)) return { [TAKEN_BACK]: String(live.metadata.generation) };
  return before === undefined ? {} : { [TAKEN_BACK]: before };
}

/** Ignores empty lists, which the API server does not return. */
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
