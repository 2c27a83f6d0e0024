import * as pulumi from '@pulumi/pulumi';
import { beforeAll, describe, expect, test } from 'vitest';

import { record } from '../../../stack/plan/record.ts';
import type { Recorded } from '../../../stack/plan/record.ts';
import { settled } from '../../../stack/pulumi-internals/monitor.ts';
import { asInState, isConfigSecret, withoutSecrets } from '../../../stack/pulumi-internals/secrets.ts';

class Child extends pulumi.CustomResource {}

/** The internals of the pinned SDK that stack/pulumi-internals depends on. */
describe('the pinned SDK', () => {
  let resources: Recorded[];
  let outputs: Record<string, unknown>;

  beforeAll(async () => {
    const standIn = { resource: () => ({ outputs: { made: 'by a provider' } }), call: () => ({}) };
    const config = { 'p:claudeToken': 'canary', 'p:plain': 'x' };
    ({ resources, outputs } = await record({ project: 'p', stack: 'dev', config, standIn }, () => {
      const parent = new pulumi.ComponentResource('test:index:Parent', 'parent');
      const hook = new pulumi.ResourceHook('hook', () => Promise.reject(new Error('was called')));
      const inputs = { token: pulumi.secret({ inner: 'canary' }), plain: 'x' };
      const hooks = { beforeCreate: [hook] };
      const child = new Child('test:index:Child', 'child', inputs, { parent, protect: true, hooks });
      return Promise.resolve({
        id: child.id,
        secrets: ['claudeToken', 'plain'].map((key) => isConfigSecret(`p:${key}`)),
      });
    }));
  });

  test('registers a resource with its parent, protection and hooks, which the mocks do not get', () => {
    expect(resources).toMatchObject([
      { type: 'test:index:Parent', name: 'parent', parent: undefined, isProtected: false },
      { type: 'test:index:Child', name: 'child', parent: 'parent', isProtected: true },
    ]);
  });

  test('marks the secrets among inputs', () => {
    const { inputs } = resources.at(-1) ?? {};
    expect(JSON.stringify(inputs)).toContain('canary');
    expect(withoutSecrets(inputs)).toEqual({ token: { inner: '[secret]' }, plain: 'x' });
    expect(asInState(inputs)).toMatchObject({ token: { plaintext: '{"inner":"canary"}' }, plain: 'x' });
  });

  test('knows which config values are secrets', () => {
    expect(outputs['secrets']).toEqual([true, false]);
  });

  test('returns the value of an output as a promise', async () => {
    expect(outputs['id']).toBe('child-id');
    expect(await settled(pulumi.output(Promise.resolve('value')))).toBe('value');
  });
});
