import { describe, expect, test } from 'vitest';

import { mistakesOf, read } from './read.ts';

const HOST = { host: 'claude-agent.example.com', tlsSecret: 'claude-agent-tls' };
const TRAEFIK = { ingressClass: 'traefik', ingressNamespace: 'traefik' };

describe('the config of a host', () => {
  test('is none by default', () => {
    expect(read()).toMatchObject({ ingress: undefined, pageUrl: undefined });
  });

  test('is a Gateway of AKS unless it says otherwise, and pageUrl follows', () => {
    expect(read(HOST)).toMatchObject({
      ingress: {
        host: 'claude-agent.example.com',
        kind: 'gateway',
        className: 'approuting-istio',
        controllerNamespace: undefined,
        annotations: {},
        tlsSecret: 'claude-agent-tls',
        sourceRanges: [],
        trustedProxies: 1,
      },
      pageUrl: 'https://claude-agent.example.com',
    });
    expect(read({ ...HOST, ingress: 'ingress', ...TRAEFIK, trustedProxies: '2' })).toMatchObject({
      ingress: { kind: 'ingress', className: 'traefik', controllerNamespace: 'traefik', trustedProxies: 2 },
    });
  });

  test.each(['a.b', 'claude-agent.example.com', '1.xn--bcher-kva.example', 'a-b.c.d.internal'])(
    'takes %s as a host',
    (host) => {
      expect(read({ ...HOST, host }).ingress?.host).toBe(host);
    },
  );

  test.each([
    'https://claude-agent.example.com',
    'claude-agent.example.com/agent',
    'claude-agent.example.com:8443',
    '*.example.com',
    'Claude.example.com',
    'claude-agent',
    '203.0.113.7',
    '2001:db8::1',
    'claude_agent.example.com',
    '-a.example.com',
    'a..example.com',
    'claude-agent.example.com.',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(126)}com`,
  ])('refuses %s as a host', (host) => {
    const message = mistakesOf({ ...HOST, host });
    expect(message).toContain('is invalid (1)');
    expect(message).toContain(`host is ${JSON.stringify(host)}; it must be a DNS name in lower case`);
  });

  test.each(['203.0.113.0/24', '198.51.100.7/32', '0.0.0.0/0', '2001:db8::/32', '2001:db8::1/128'])(
    'takes %s as a source range',
    (range) => {
      const given = { ...HOST, sourceRanges: JSON.stringify([range]) };
      expect(read(given).ingress?.sourceRanges).toEqual([range]);
    },
  );

  test.each([
    ['203.0.113.7', 'has no prefix length; a single address is 203.0.113.7/32'],
    ['203.0.113.7/24', 'does not begin at 203.0.113.7; the range with that address is 203.0.113.0/24'],
    ['2001:db8::/129', 'has a wrong prefix length; an IPv6 range has 0 to 128'],
    ['office', 'is no range such as 203.0.113.0/24'],
    [7, 'is no text'],
  ])('refuses %j as a source range', (range, words) => {
    const sourceRanges = JSON.stringify(['203.0.113.0/24', range]);
    expect(mistakesOf({ ...HOST, sourceRanges })).toContain(
      `sourceRanges[1] is ${JSON.stringify(range)}, which ${words}.`,
    );
    expect(mistakesOf({ ...HOST, sourceRanges: '{}' })).toContain('it must be a list of ranges, such as');
  });

  test('refuses a host without a certificate', () => {
    expect(mistakesOf({ host: HOST.host })).toContain('tlsSecret is empty; with host it must be the name of a Secret');
  });

  test.each([
    ['ingress', 'ingress'],
    ['ingressClass', 'traefik'],
    ['ingressNamespace', 'traefik'],
    ['ingressAnnotations', '{"a":"b"}'],
    ['tlsSecret', 'tls'],
    ['sourceRanges', '["203.0.113.0/24"]'],
    ['trustedProxies', '2'],
  ])('refuses %s without a host', (key, value) => {
    expect(mistakesOf({ [key]: value })).toContain(
      `${key} is set, but host is not, so that nothing outside of the cluster reaches the agent.`,
    );
  });

  test.each(['gateway', 'ingress'])(
    'refuses the retired NGINX of AKS with ingress %s, and says what to take',
    (ingress) => {
      const message = mistakesOf({ ...HOST, ingress, ingressClass: 'webapprouting.kubernetes.azure.com' });
      expect(message).toContain('is invalid (1)');
      expect(message).toContain('only until November 2026');
      expect(message).toContain('az aks update --enable-app-routing-istio');
    },
  );

  test('has to know where the pods of a controller are, unless they are beside the Gateway', () => {
    expect(mistakesOf({ ...HOST, ingressClass: 'traefik' })).toContain(
      'ingressNamespace is empty; with ingressClass traefik',
    );
    expect(mistakesOf({ ...HOST, ingress: 'ingress', ingressClass: 'istio' })).toContain('ingressNamespace is empty');
    expect(mistakesOf({ ...HOST, ingress: 'ingress' })).toContain('ingressClass is empty; with ingress ingress');
    expect(read({ ...HOST, ingressClass: 'istio' }).ingress?.controllerNamespace).toBeUndefined();
  });

  test.each(['claude-agent', 'claude-agent-gateway'])(
    'refuses a controller in %s, where runners or nobody are',
    (name) => {
      expect(mistakesOf({ ...HOST, ...TRAEFIK, ingressNamespace: name })).toContain(
        `ingressNamespace is ${name}, a namespace of the stack itself.`,
      );
    },
  );

  test('refuses a page that is elsewhere', () => {
    for (const pageUrl of ['https://other.example.com', 'https://claude-agent.example.com/agent']) {
      expect(mistakesOf({ ...HOST, pageUrl })).toContain(
        `pageUrl is ${pageUrl}, but host is claude-agent.example.com, so that the page is at https://claude-agent.example.com.`,
      );
    }
    expect(read({ ...HOST, pageUrl: 'https://claude-agent.example.com/' }).pageUrl).toBe(
      'https://claude-agent.example.com/',
    );
  });

  test('lists everything that is wrong at once', () => {
    expect(mistakesOf({ host: HOST.host, ingress: 'both', sourceRanges: '[1]', trustedProxies: '0' })).toContain(
      'is invalid (4)',
    );
  });
});
