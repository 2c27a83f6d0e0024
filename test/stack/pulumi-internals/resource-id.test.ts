import { describe, expect, test } from 'vitest';

import { idOf } from '../../../stack/pulumi-internals/resource-id.ts';
import { ARM_TYPES } from '../../doubles/azure/names.ts';

const UNKNOWN = 'docker:index/image:Image';

describe('the ID of a resource whose creation was cut off', () => {
  test('is the name of an object, with its namespace if it has one', () => {
    const object = (metadata: object) => idOf({ type: 'kubernetes:core/v1:Secret', inputs: { metadata } }, undefined);
    expect(object({ name: 's', namespace: 'n' })).toBe('n/s');
    expect(object({ name: 'n' })).toBe('n');
  });

  test.each(Object.entries(ARM_TYPES))('is where Azure has a %s', (type, { parent, path, nameInput }) => {
    const place = { resourceGroupName: 'rg', resourceName: 'parent', scope: '/scope', resourceUri: '/uri' };
    const inputs = { ...place, [nameInput]: 'its-name' };
    expect(idOf({ type, inputs }, 'sub')).toBe(parent(inputs, 'sub') + path.replace('NAME', 'its-name'));
  });

  test('is unknown if a part of it is, and for other types', () => {
    const type = 'azure-native:resources:ResourceGroup';
    expect(idOf({ type, inputs: { resourceGroupName: 'rg' } }, undefined)).toBeUndefined();
    expect(idOf({ type, inputs: {} }, 'sub')).toBeUndefined();
    expect(idOf({ type: UNKNOWN, inputs: { name: 'x' } }, 'sub')).toBeUndefined();
    expect(idOf({ type: UNKNOWN }, 'sub')).toBeUndefined();
  });
});
