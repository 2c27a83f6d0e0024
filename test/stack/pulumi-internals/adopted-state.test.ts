import { describe, expect, test } from 'vitest';

import type { Recorded } from '../../../stack/plan/record.ts';
import { stateOf } from '../../../stack/pulumi-internals/adopted-state.ts';

const SIGNATURE = '4dabf18193072939515e22adb298388d';
const SECRET = '1b47061264138c4ac30d75fd1eb44270';
const resource = (type: string, name: string, more: Partial<Recorded> = {}): Recorded => ({
  type,
  name,
  parent: undefined,
  isProtected: false,
  inputs: {},
  ...more,
});
const object = (kind: string, name: string, inputs: Record<string, unknown> = {}, more: Partial<Recorded> = {}) =>
  resource(`kubernetes:core/v1:${kind}`, `session-${name}`, {
    parent: 'session',
    inputs: { metadata: { name, namespace: 'n' }, ...inputs },
    ...more,
  });
const HISTORY = 'claude-code-agent:stack:UpdateHistory';
const RECORDS = { '3': '{"image":"i"}' };

function stateFrom(...resources: Recorded[]) {
  const known = [resource('pulumi:providers:kubernetes', 'cluster', { inputs: { enablePatchForce: 'true' } })];
  return stateOf([...resources, ...known], 'p', 'dev', RECORDS);
}

describe('a state built from the program', () => {
  test('has each object with the URN and the ID that the engine would give it, parents and provider first', () => {
    const entries = stateFrom(
      object('Secret', 's', {}, { isProtected: true }),
      resource('claude-code-agent:stack:SessionSecret', 'session'),
    );
    expect(entries.map(({ urn }) => urn)).toEqual([
      'urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev',
      'urn:pulumi:dev::p::pulumi:providers:kubernetes::cluster',
      'urn:pulumi:dev::p::claude-code-agent:stack:SessionSecret::session',
      'urn:pulumi:dev::p::claude-code-agent:stack:SessionSecret$kubernetes:core/v1:Secret::session-s',
    ]);
    const [root, provider, component, secret] = entries;
    expect(component).toMatchObject({ custom: false, parent: root?.urn });
    expect(secret).toMatchObject({ custom: true, id: 'n/s', parent: component?.urn, protect: true });
    expect(secret?.provider).toBe(`${String(provider?.urn)}::${String(provider?.id)}`);
  });

  test('marks what is secret, for the engine to encrypt', () => {
    const data = { [SIGNATURE]: SECRET, value: { token: 'x' } };
    const entries = stateFrom(
      resource('claude-code-agent:stack:SessionSecret', 'session'),
      object('Secret', 's', { data }),
    );
    expect(entries.at(-1)?.inputs?.['data']).toEqual({ [SIGNATURE]: SECRET, plaintext: '{"token":"x"}' });
  });

  test('leaves out what is built, and has the update records from the cluster', () => {
    const entries = stateFrom(resource('docker:index/image:Image', 'image-build'), resource(HISTORY, 'updates'));
    expect(entries.map(({ type }) => type)).toEqual(['pulumi:pulumi:Stack', 'pulumi:providers:kubernetes', HISTORY]);
    expect(entries.at(-1)?.outputs).toEqual({ records: RECORDS });
  });
});
