import { describe, expect, test } from 'vitest';

import { unmanagedIn, withFieldManagers } from '../../../stack/pulumi-internals/field-managers.ts';
import type { ManagedObject } from '../../../stack/pulumi-internals/field-managers.ts';

const SECRET = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'n' } };
const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } };
const resource = (object: typeof SECRET | typeof NAMESPACE, outputs: Record<string, unknown> = { data: {} }) => ({
  urn: `u::${object.kind}`,
  type: `kubernetes:core/v1:${object.kind}`,
  inputs: { ...object, immutable: false },
  outputs,
});
const stateOf = (...resources: object[]) =>
  ({ version: 3, deployment: { resources } }) as Parameters<typeof withFieldManagers>[0];
const managed = (object: typeof SECRET, ...fields: [manager: string, operation: string, time: string][]) =>
  ({
    ...object,
    metadata: {
      ...object.metadata,
      managedFields: fields.map(([manager, operation, time]) => ({ manager, operation, time })),
    },
  }) satisfies ManagedObject;

describe('the objects whose field manager is not in the state', () => {
  test('are what the provider has not read yet', () => {
    const others = [{ urn: 'u', type: 'pulumi:pulumi:Stack' }, resource(NAMESPACE, { __fieldManager: 'known' })];
    expect(unmanagedIn(stateOf(...others, resource(SECRET)))).toEqual([SECRET]);
    expect(unmanagedIn({})).toEqual([]);
  });

  test('get the manager that last applied them for this provider', () => {
    const live = managed(
      SECRET,
      ['pulumi-kubernetes-second', 'Apply', '2026-03-02T10:00:00Z'],
      ['pulumi-kubernetes-first', 'Update', '2026-03-01T10:00:00Z'],
      ['kubectl', 'Apply', '2026-03-03T10:00:00Z'],
    );
    const state = stateOf(resource(NAMESPACE), resource(SECRET));
    expect(withFieldManagers(state, [live])).toEqual({
      version: 3,
      deployment: {
        resources: [resource(NAMESPACE), resource(SECRET, { data: {}, __fieldManager: 'pulumi-kubernetes-second' })],
      },
    });
  });

  test.each<[string, ManagedObject[]]>([
    [
      'does not exist',
      [
        managed({ ...SECRET, metadata: { ...SECRET.metadata, namespace: 'other' } }, [
          'pulumi-kubernetes-x',
          'Apply',
          '',
        ]),
      ],
    ],
    ['was applied by others only', [managed(SECRET, ['kubectl', 'Apply', ''])]],
    ['has no managed fields', [SECRET]],
  ])('get none if the object %s', (_what, live) => {
    const state = stateOf(resource(SECRET));
    expect(withFieldManagers(state, live)).toEqual(state);
  });
});
