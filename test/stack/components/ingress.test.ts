import { beforeAll, describe, expect, test } from 'vitest';

import { find, runProgram } from '../program.ts';
import type { Rendered } from '../program.ts';

const GATEWAY = 'kubernetes:gateway.networking.k8s.io/v1:Gateway';
const ROUTE = 'kubernetes:gateway.networking.k8s.io/v1:HTTPRoute';
const INGRESS = 'kubernetes:networking.k8s.io/v1:Ingress';
const HOST = { host: 'claude-agent.example.com', tlsSecret: 'claude-agent-tls' };
const TRAEFIK = { ingressClass: 'traefik', ingressNamespace: 'traefik' };
const OF_INGRESS = { ...HOST, ...TRAEFIK, ingress: 'ingress' };

const outside = (resources: readonly Rendered[]) =>
  resources
    .filter(({ parent }) => parent === 'ingress')
    .map(({ type, inputs }) => {
      const { name, namespace = '' } = inputs['metadata'] as { name: string; namespace?: string };
      return `${type.split(':').at(-1) ?? ''} ${namespace}/${name}`;
    });
const annotationsOf = (inputs: Record<string, unknown>) =>
  (inputs['metadata'] as { annotations: Record<string, string> }).annotations;
const routesOf = (resources: readonly Rendered[]) =>
  resources.filter(({ type }) => type === ROUTE).map(({ inputs }) => inputs as { spec: object; metadata: object });
const variablesOf = (resources: readonly Rendered[]) => {
  const { spec } = find(resources, 'kubernetes:apps/v1:Deployment', 'claude-code-agent') as {
    spec: { template: { spec: { containers: [{ env: { name: string; value?: string }[] }] } } };
  };
  const { env } = spec.template.spec.containers[0];
  const names = ['AGENT_PAGE_URL', 'AGENT_ALLOWED_HOSTS', 'AGENT_TRUSTED_PROXIES', 'AGENT_SOURCE_RANGES'];
  return Object.fromEntries(env.filter(({ name }) => names.includes(name)).map(({ name, value }) => [name, value]));
};

describe('without a host', () => {
  test('nothing is made for callers outside of the cluster, and the agent knows of none', async () => {
    const { resources, outputs } = await runProgram();
    expect(outside(resources)).toEqual([]);
    expect(variablesOf(resources)).toEqual({});
    expect(outputs).toMatchObject({ agentUrl: 'http://claude-agent.claude-agent.svc', pageUrl: null });
  });

  test('the agent knows the address of a page that somebody else publishes', async () => {
    const { resources, outputs } = await runProgram({ pageUrl: 'https://agent.example.org/claude/' });
    expect(variablesOf(resources)).toEqual({
      AGENT_PAGE_URL: 'https://agent.example.org/claude/',
      AGENT_ALLOWED_HOSTS: 'agent.example.org',
    });
    expect(outputs).toMatchObject({ pageUrl: 'https://agent.example.org/claude/' });
  });
});

describe('a Gateway', () => {
  let resources: Rendered[];
  beforeAll(async () => {
    ({ resources } = await runProgram(HOST));
  });

  test('is made in a namespace of its own, with the policies and the routes', () => {
    expect(outside(resources).sort()).toEqual([
      'ConfigMap claude-agent-gateway/claude-agent',
      'Gateway claude-agent-gateway/claude-agent',
      'HTTPRoute claude-agent-gateway/claude-agent',
      'HTTPRoute claude-agent/claude-agent',
      'Namespace /claude-agent-gateway',
      'NetworkPolicy claude-agent-gateway/allow-acme-solver',
      'NetworkPolicy claude-agent-gateway/allow-dns',
      'NetworkPolicy claude-agent-gateway/allow-gateway',
      'NetworkPolicy claude-agent-gateway/default-deny',
    ]);
    expect(find(resources, 'kubernetes:core/v1:Namespace', 'claude-agent-gateway')).toMatchObject({
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
    });
  });

  test('takes HTTPS for the host, with the certificate, from routes of the agent only', () => {
    const { spec } = find(resources, GATEWAY) as { spec: { listeners: object[] } };
    expect(spec).toMatchObject({ gatewayClassName: 'approuting-istio' });
    expect(spec.listeners).toEqual([
      {
        name: 'https',
        hostname: HOST.host,
        port: 443,
        protocol: 'HTTPS',
        tls: { mode: 'Terminate', certificateRefs: [{ group: '', kind: 'Secret', name: 'claude-agent-tls' }] },
        allowedRoutes: {
          namespaces: {
            from: 'Selector',
            selector: { matchLabels: { 'kubernetes.io/metadata.name': 'claude-agent' } },
          },
        },
      },
      {
        name: 'http',
        hostname: HOST.host,
        port: 80,
        protocol: 'HTTP',
        allowedRoutes: { namespaces: { from: 'Same' } },
      },
    ]);
  });

  test('leads to the agent without a limit of time, and redirects from HTTP', () => {
    const parent = (sectionName: string) => [
      expect.objectContaining({ name: 'claude-agent', namespace: 'claude-agent-gateway', sectionName }) as object,
    ];
    expect(routesOf(resources)).toMatchObject([
      {
        metadata: { namespace: 'claude-agent' },
        spec: {
          parentRefs: parent('https'),
          hostnames: [HOST.host],
          rules: [
            {
              matches: [{ path: { type: 'PathPrefix', value: '/' } }],
              backendRefs: [{ kind: 'Service', name: 'claude-agent', port: 80 }],
              timeouts: { request: '0s' },
            },
          ],
        },
      },
      {
        metadata: { namespace: 'claude-agent-gateway' },
        spec: {
          parentRefs: parent('http'),
          rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }] }],
        },
      },
    ]);
    const [, redirect] = routesOf(resources) as [object, { spec: { rules: [object] } }];
    expect(redirect.spec.rules[0]).not.toHaveProperty('backendRefs');
  });

  test('admits all addresses unless the config has source ranges', () => {
    expect(variablesOf(resources)).toEqual({
      AGENT_PAGE_URL: 'https://claude-agent.example.com',
      AGENT_ALLOWED_HOSTS: 'claude-agent.example.com',
      AGENT_TRUSTED_PROXIES: '1',
    });
  });

  test("of AKS has a load balancer that keeps callers' addresses, waits for long runs and admits the source ranges", async () => {
    const annotations = {
      'cert-manager.io/cluster-issuer': 'letsencrypt',
      'service.beta.kubernetes.io/azure-load-balancer-internal': 'true',
    };
    const sourceRanges = ['203.0.113.0/24', '2001:db8::/32'];
    const { resources: annotated } = await runProgram({
      ...HOST,
      sourceRanges: JSON.stringify(sourceRanges),
      ingressAnnotations: JSON.stringify(annotations),
    });
    const gateway = find(annotated, GATEWAY) as { spec: { infrastructure: object } };
    expect(gateway.spec.infrastructure).toEqual({
      annotations: {
        'service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout': '30',
        'service.beta.kubernetes.io/azure-allowed-ip-ranges': '203.0.113.0/24,2001:db8::/32',
        'service.beta.kubernetes.io/azure-load-balancer-internal': 'true',
      },
      parametersRef: { group: '', kind: 'ConfigMap', name: 'claude-agent' },
    });
    expect(annotationsOf(gateway as unknown as Record<string, unknown>)).toEqual({
      'cert-manager.io/cluster-issuer': 'letsencrypt',
      'pulumi.com/skipAwait': 'true',
    });
    const { data } = resources.find(({ type, parent }) => parent === 'ingress' && type.endsWith(':ConfigMap'))
      ?.inputs as { data: { service: string } };
    expect(data.service).toContain('externalTrafficPolicy: Local');
    expect(data.service).toContain('service.beta.kubernetes.io/port_443_health-probe_request-path:\n');
  });

  test('of a controller with pods of its own has neither pods nor settings of a load balancer beside it', async () => {
    const { resources: others } = await runProgram({ ...HOST, ...TRAEFIK, sourceRanges: '["203.0.113.0/24"]' });
    expect(find(others, GATEWAY)['spec']).not.toHaveProperty('infrastructure');
    expect(outside(others)).not.toContain('ConfigMap claude-agent-gateway/claude-agent');
    expect(outside(others)).not.toContain('NetworkPolicy claude-agent-gateway/allow-gateway');
    expect(find(others, 'kubernetes:core/v1:Namespace', 'claude-agent-gateway')).toMatchObject({
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
  });
});

describe('an Ingress', () => {
  test("leads from the host to the agent by HTTPS, in the agent's namespace", async () => {
    const { resources } = await runProgram(OF_INGRESS);
    expect(outside(resources)).toEqual(['Ingress claude-agent/claude-agent']);
    expect(find(resources, INGRESS)['spec']).toEqual({
      ingressClassName: 'traefik',
      tls: [{ hosts: [HOST.host], secretName: 'claude-agent-tls' }],
      rules: [
        {
          host: HOST.host,
          http: {
            paths: [
              {
                path: '/',
                pathType: 'Prefix',
                backend: { service: { name: 'claude-agent', port: { number: 80 } } },
              },
            ],
          },
        },
      ],
    });
  });

  test('tells the usual controllers what long runs, uploads and event streams need, unless the config says otherwise', async () => {
    const given = { 'nginx.org/client-max-body-size': '200m', 'cert-manager.io/cluster-issuer': 'letsencrypt' };
    const { resources } = await runProgram({ ...OF_INGRESS, ingressAnnotations: JSON.stringify(given) });
    expect(annotationsOf(find(resources, INGRESS))).toMatchObject({
      ...given,
      'nginx.org/proxy-buffering': 'False',
      'nginx.org/proxy-read-timeout': '1h',
      'haproxy.org/timeout-server': '1h',
      'haproxy.org/ssl-redirect-port': '443',
      'traefik.ingress.kubernetes.io/router.tls': 'true',
    });
  });
});

describe('with a host', () => {
  test.each([
    ['a Gateway', HOST],
    ['an Ingress', OF_INGRESS],
  ])('and %s, agent, watchdog and outputs know its address', async (_what, config) => {
    const { resources, outputs } = await runProgram({
      ...config,
      trustedProxies: '2',
      sourceRanges: '["203.0.113.0/24","198.51.100.7/32"]',
    });
    expect(variablesOf(resources)).toEqual({
      AGENT_PAGE_URL: 'https://claude-agent.example.com',
      AGENT_ALLOWED_HOSTS: 'claude-agent.example.com',
      AGENT_TRUSTED_PROXIES: '2',
      AGENT_SOURCE_RANGES: '203.0.113.0/24,198.51.100.7/32',
    });
    expect(JSON.stringify(find(resources, 'kubernetes:batch/v1:CronJob', 'claude-auth-watchdog'))).toContain(
      '{"name":"WATCHDOG_PAGE_URL","value":"https://claude-agent.example.com"}',
    );
    expect(outputs).toMatchObject({
      agentUrl: 'https://claude-agent.example.com',
      pageUrl: 'https://claude-agent.example.com',
      runUrl: 'http://claude-agent.claude-agent.svc/run',
    });
  });
});
