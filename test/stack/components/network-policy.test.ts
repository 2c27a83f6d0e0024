import { describe, expect, test } from 'vitest';

import { isAllowed } from '../../support/network-policy.ts';
import type { Connection, End, Policy } from '../../support/network-policy.ts';

const web: End = { ip: '10.0.0.1', pod: { namespace: 'shop', labels: { app: 'web' }, ports: { http: 8080 } } };
const database: End = { ip: '10.0.0.2', pod: { namespace: 'shop', labels: { app: 'db' } } };
const elsewhere: End = { ip: '10.0.0.3', pod: { namespace: 'other', labels: { app: 'web' } } };
const outside: End = { ip: '203.0.113.5' };

const policy = (spec: Policy['spec'], namespace = 'shop'): Policy => ({ metadata: { name: 'p', namespace }, spec });
const to = (from: End, destination: End, port = 80, protocol: 'TCP' | 'UDP' = 'TCP'): Connection => ({
  from,
  to: destination,
  port,
  protocol,
});
const allows = (policies: readonly Policy[], connection: Connection) =>
  isAllowed(policies, connection, 'match pods too');

describe('network policies, as the tests understand them,', () => {
  test('allow everything if there is none, or none for the pod or the direction', () => {
    expect(allows([], to(web, database))).toBe(true);
    expect(allows([policy({ podSelector: { matchLabels: { app: 'cache' } } })], to(web, database))).toBe(true);
    expect(allows([policy({ podSelector: {}, policyTypes: ['Ingress'] }, 'other')], to(web, database))).toBe(true);
    expect(allows([policy({ podSelector: {}, policyTypes: ['Egress'] })], to(elsewhere, database))).toBe(true);
  });

  test('close a direction for the pods they select', () => {
    expect(allows([policy({ podSelector: {}, policyTypes: ['Egress'] })], to(web, outside))).toBe(false);
    expect(allows([policy({ podSelector: {}, policyTypes: ['Ingress'] })], to(outside, web))).toBe(false);
  });

  test('apply to ingress if they name no direction, and to egress too if they have egress rules', () => {
    expect(allows([policy({ podSelector: {} })], to(outside, web))).toBe(false);
    expect(allows([policy({ podSelector: {} })], to(web, outside))).toBe(true);
    expect(allows([policy({ podSelector: {}, egress: [] })], to(web, outside))).toBe(false);
  });

  test('add up: what one of them allows is allowed', () => {
    const deny = policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    const open = policy({ podSelector: { matchLabels: { app: 'db' } }, policyTypes: ['Ingress'], ingress: [{}] });
    expect(allows([deny, open], to(outside, database))).toBe(true);
  });

  test('must allow a connection at its source and at its destination', () => {
    const deny = policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    const out = policy({ podSelector: {}, policyTypes: ['Egress'], egress: [{}] });
    const into = policy({ podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] });
    expect(allows([deny, out], to(web, database))).toBe(false);
    expect(allows([deny, into], to(web, database))).toBe(false);
    expect(allows([deny, out, into], to(web, database))).toBe(true);
  });

  test('select in their own namespace with only a pod selector, and a whole namespace with only a namespace selector', () => {
    const from = (...peers: object[]) => [
      policy({ podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: peers }] }),
    ];
    const app = { podSelector: { matchLabels: { app: 'web' } } };
    const other = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'other' } } };
    expect(allows(from(app), to(web, database))).toBe(true);
    expect(allows(from(app), to(elsewhere, database))).toBe(false);
    expect(allows(from(other), to(elsewhere, database))).toBe(true);
    expect(allows(from(other), to(web, database))).toBe(false);
    expect(allows(from({ ...app, ...other }), to(elsewhere, database))).toBe(true);
    expect(allows(from({ ...other, podSelector: { matchLabels: { app: 'db' } } }), to(elsewhere, database))).toBe(
      false,
    );
    expect(allows(from({ ...app, namespaceSelector: {} }), to(elsewhere, database))).toBe(true);
  });

  test.each([
    [{ key: 'app', operator: 'In', values: ['web', 'x'] }, true],
    [{ key: 'app', operator: 'NotIn', values: ['web'] }, false],
    [{ key: 'tier', operator: 'NotIn', values: ['web'] }, true],
    [{ key: 'app', operator: 'Exists' }, true],
    [{ key: 'app', operator: 'DoesNotExist' }, false],
  ])('select by the expression %j: %s', (expression, selected) => {
    const deny = policy({ podSelector: { matchExpressions: [expression] }, policyTypes: ['Egress'] });
    expect(allows([deny], to(web, outside))).toBe(!selected);
  });

  test('exclude exceptions from a range, and match pods by range if the engine does', () => {
    const egress = [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/30'] } }] }];
    const rules = [policy({ podSelector: {}, policyTypes: ['Egress'], egress })];
    expect(allows(rules, to(web, outside))).toBe(true);
    expect(allows(rules, to(web, elsewhere))).toBe(false);
    const wide = [
      policy({ podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] }),
    ];
    expect(isAllowed(wide, to(web, elsewhere), 'match pods too')).toBe(true);
    expect(isAllowed(wide, to(web, elsewhere), 'match others only')).toBe(false);
  });

  test('apply a rule without peers, or with an empty list of peers, to every peer', () => {
    expect(allows([policy({ podSelector: {}, egress: [{ to: [] }] })], to(web, outside))).toBe(true);
  });

  test('match ports by number, name, range and protocol, which is TCP unless given', () => {
    const ports = (...list: object[]) => [
      policy({ podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports: list }] }),
    ];
    expect(allows(ports({ port: 80 }), to(outside, web, 80))).toBe(true);
    expect(allows(ports({ port: 80 }), to(outside, web, 81))).toBe(false);
    expect(allows(ports({ port: 80 }), to(outside, web, 80, 'UDP'))).toBe(false);
    expect(allows(ports({ port: 80, endPort: 90 }), to(outside, web, 85))).toBe(true);
    expect(allows(ports({ port: 'http' }), to(outside, web, 8080))).toBe(true);
    expect(allows(ports({ port: 'http' }), to(outside, database, 8080))).toBe(false);
    expect(allows(ports({ protocol: 'UDP' }), to(outside, web, 53, 'UDP'))).toBe(true);
  });
});
