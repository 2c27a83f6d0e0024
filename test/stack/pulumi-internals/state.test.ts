import { describe, expect, test } from 'vitest';

import { withoutImage, withPending } from '../../../stack/pulumi-internals/state.ts';
import type { ExportedState } from '../../../stack/pulumi-internals/state.ts';

const urn = (name: string) => `urn:pulumi:dev::p::t::${name}`;
const object = (name: string, metadata: Record<string, string>) => ({
  urn: urn(name),
  type: 'kubernetes:core/v1:Secret',
  inputs: { metadata },
});
const creating = (resource: ReturnType<typeof object>) => ({ type: 'creating', resource });
const IMAGE = { urn: urn('image'), type: 'docker:index/image:Image' };

describe('a state after an update that was cut off', () => {
  test('gets the objects that were being created, with the IDs that the provider gives them', () => {
    const state = {
      version: 3,
      deployment: {
        resources: [object('a', { name: 'a' })],
        pending_operations: [
          creating(object('secret', { name: 's', namespace: 'n' })),
          creating(object('namespace', { name: 'n' })),
          { type: 'updating', resource: object('a', { name: 'a' }) },
        ],
      },
    };
    const taken = withPending(state);
    expect(taken?.names).toEqual(['secret', 'namespace']);
    expect(taken?.state).toMatchObject({ version: 3, deployment: { pending_operations: [] } });
    const resources = taken?.state.deployment?.resources ?? [];
    expect(resources.map((resource) => [resource.urn, resource.id])).toEqual([
      [urn('a'), undefined],
      [urn('secret'), 'n/s'],
      [urn('namespace'), 'n'],
    ]);
    expect(resources[1]?.outputs).toEqual({ metadata: { name: 's', namespace: 'n' } });
  });

  test('gets what was being created in the Azure subscription, for the provider to import', () => {
    const provider = { urn: urn('p'), type: 'pulumi:providers:azure-native', inputs: { subscriptionId: 'sub' } };
    const group = {
      urn: urn('group'),
      type: 'azure-native:resources:ResourceGroup',
      inputs: { resourceGroupName: 'rg', location: 'westeurope' },
    };
    const pending = [{ type: 'creating', resource: group }];
    const taken = withPending({ deployment: { resources: [provider], pending_operations: pending } });
    expect(taken?.state.deployment?.resources).toEqual([
      provider,
      { ...group, id: '/subscriptions/sub/resourceGroups/rg', outputs: {} },
    ]);
  });

  test('gets nothing twice, and nothing with an unknown ID: an image is built again', () => {
    const known = object('known', { name: 'k', namespace: 'n' });
    const pending = [creating(known), { type: 'creating', resource: IMAGE }];
    const taken = withPending({ deployment: { resources: [known], pending_operations: pending } });
    expect(taken?.state.deployment).toEqual({ resources: [known], pending_operations: [] });
  });

  test.each<[string, ExportedState]>([
    ['is empty', {}],
    ['has nothing pending', { deployment: { resources: null, pending_operations: null } }],
    ['has an update pending', { deployment: { pending_operations: [{ type: 'updating', resource: IMAGE }] } }],
  ])('stays unchanged when it %s', (_what, state) => {
    expect(withPending(state)).toBeUndefined();
  });
});

describe('a state for an update that builds nothing', () => {
  test('loses the image, and the dependencies on it', () => {
    const pod = {
      ...object('pod', { name: 'pod' }),
      dependencies: [urn('image'), urn('a')],
      propertyDependencies: { spec: [urn('image')], metadata: null },
    };
    expect(withoutImage({ version: 3, deployment: { resources: [IMAGE, pod] } } as ExportedState)).toEqual({
      version: 3,
      deployment: {
        resources: [{ ...pod, dependencies: [urn('a')], propertyDependencies: { spec: [], metadata: [] } }],
      },
    });
  });

  test('stays unchanged without one', () => {
    expect(withoutImage({ deployment: { resources: [object('a', { name: 'a' })] } })).toBeUndefined();
  });
});
