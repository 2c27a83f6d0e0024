import * as fs from 'node:fs';
import * as path from 'node:path';

import type { RunFailure } from '../../exec.ts';
import { unmanagedIn, withFieldManagers } from '../../pulumi-internals/field-managers.ts';
import type { ManagedObject } from '../../pulumi-internals/field-managers.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';
import type { Kubectl } from './kubectl.ts';

/**
 * Adds to a state the field managers that the objects have in the cluster; see {@link withFieldManagers}.
 * @param localDir Folder for a temporary file.
 * @returns The state, or why the objects could not be read.
 */
export async function withLiveManagers(
  state: ExportedState,
  kubectl: Kubectl,
  localDir: string,
): Promise<{ readonly state: ExportedState } | Pick<RunFailure, 'failure'>> {
  const items = unmanagedIn(state);
  if (items.length === 0) return { state };
  const file = path.join(localDir, 'objects.json');
  fs.writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), { mode: 0o600 });
  try {
    // --all-namespaces: otherwise kubectl refuses objects that are outside of the stack's namespace.
    const found = ['--filename', file, '--all-namespaces', '--ignore-not-found'];
    const answer = await kubectl(['get', ...found, '--show-managed-fields', '--output', 'json']);
    return 'failure' in answer ? answer : { state: withFieldManagers(state, objectsIn(answer.output)) };
  } finally {
    fs.rmSync(file);
  }
}

/** kubectl prints nothing if no object exists, and a list unless it was asked about one. */
function objectsIn(output: string): readonly ManagedObject[] {
  if (output === '') return [];
  const printed = JSON.parse(output) as ManagedObject | { readonly items: readonly ManagedObject[] };
  return 'items' in printed ? printed.items : [printed];
}
