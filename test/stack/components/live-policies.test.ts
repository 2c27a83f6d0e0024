import { describe, expect, test } from 'vitest';

import { takeBack } from '../../../stack/components/live-policies.ts';
import type { LivePolicy } from '../../../stack/components/live-policies.ts';

const WANTED = { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 1, protocol: 'TCP' }] }] };
const live = (spec: unknown, generation: number, annotations?: Record<string, string>): LivePolicy => ({
  metadata: { name: 'p', generation, ...(annotations && { annotations }) },
  spec,
});

describe('a network policy that somebody edited', () => {
  test.each<[string, unknown]>([
    ['a rule was added', { ...WANTED, ingress: [...WANTED.ingress, {}] }],
    ['a direction got rules', { ...WANTED, egress: [{}] }],
    ['a rule was removed', { ...WANTED, ingress: [] }],
    ['it selects other pods', { ...WANTED, podSelector: { matchLabels: { a: 'b' } } }],
  ])('is updated when %s', (_what, spec) => {
    expect(takeBack(live(spec, 4), WANTED)).toEqual({ 'claude-agent/taken-back-generation': '4' });
  });

  test('is not updated again once it was reverted', () => {
    const annotations = { 'claude-agent/taken-back-generation': '4', 'somebody/else': 'x' };
    expect(takeBack(live(WANTED, 5, annotations), WANTED)).toEqual({ 'claude-agent/taken-back-generation': '4' });
  });

  test('is updated for the next edit, too', () => {
    const edited = live({ ...WANTED, egress: [{}] }, 6, { 'claude-agent/taken-back-generation': '4' });
    expect(takeBack(edited, WANTED)).toEqual({ 'claude-agent/taken-back-generation': '6' });
  });
});

describe('a network policy that nobody edited', () => {
  test.each<[string, LivePolicy | undefined]>([
    ['is not there yet', undefined],
    [
      'has its fields in another order',
      live({ ingress: WANTED.ingress, policyTypes: ['Ingress'], podSelector: {} }, 1),
    ],
  ])('stays unchanged when it %s', (_what, policy) => {
    expect(takeBack(policy, WANTED)).toEqual({});
  });

  test('may lack the lists that are empty in the stack, because the API server does not return them', () => {
    const wanted = { ...WANTED, egress: [] };
    expect(takeBack(live(WANTED, 1), wanted)).toEqual({});
  });
});
