import { describe, expect, test } from 'vitest';

import { selectorLabels } from '../../../stack/names.ts';
import { decidedFor, PLACES, REACHES, SOURCES } from '../../support/network-matrix.ts';
import type { Place, Source } from '../../support/network-matrix.ts';
import { isAllowed } from '../../support/network-policy.ts';
import type { End, IpBlocks, Policy } from '../../support/network-policy.ts';
import { runProgram } from '../program.ts';

const TYPE = 'kubernetes:networking.k8s.io/v1:NetworkPolicy';
const policiesOf = async (config: Record<string, string> = {}) =>
  (await runProgram(config)).resources
    .filter(({ type }) => type === TYPE)
    .map(({ inputs }) => inputs as unknown as Policy);

const pod = (ip: string, namespace: string, labels: Record<string, string>): End => ({
  ip,
  pod: { namespace, labels },
});
const N8N = { 'app.kubernetes.io/name': 'n8n' };
const ENDS: Record<Source | 'another runner' | 'dns', End> = {
  agent: pod('10.244.0.11', 'claude-agent', selectorLabels('agent')),
  runner: pod('10.244.0.18', 'claude-agent', selectorLabels('runner')),
  'another runner': pod('10.244.0.19', 'claude-agent', selectorLabels('runner')),
  watchdog: pod('10.244.0.12', 'claude-agent', selectorLabels('watchdog')),
  neighbour: pod('10.244.0.13', 'claude-agent', {}),
  n8n: pod('10.244.0.14', 'n8n', N8N),
  prometheus: pod('10.244.0.15', 'monitoring', {}),
  controller: pod('10.244.0.22', 'traefik', {}),
  // The same labels in another namespace give no access.
  stranger: pod('10.244.0.16', 'elsewhere', { ...selectorLabels('watchdog'), ...N8N, 'k8s-app': 'kube-dns' }),
  dns: pod('10.244.0.17', 'kube-system', { 'k8s-app': 'kube-dns' }),
};
/** The API server's address in the mocked cluster. */
const API_SERVER: End = { ip: '192.0.2.1' };

function endOf(place: Place): End {
  if ('apiServer' in place) return API_SERVER;
  return 'pod' in place ? ENDS[place.pod] : { ip: place.address };
}

/** Config that opens every connection of the matrix. */
const HOST = {
  host: 'claude-agent.example.com',
  tlsSecret: 'tls',
  ingressClass: 'traefik',
  ingressNamespace: 'traefik',
};
const EVERY_WAY = {
  prometheusNamespace: 'monitoring',
  n8nApiUrl: 'http://n8n.n8n.svc',
  n8nApiKey: 'key',
  ...HOST,
  ingress: 'ingress',
};

async function reachable(
  source: Source,
  ipBlocks: IpBlocks,
  config: Record<string, string> = EVERY_WAY,
): Promise<string[]> {
  const policies = await policiesOf(config);
  return decidedFor(source).filter((name) => {
    const place: Place = PLACES[name];
    const { port, protocol = 'TCP' } = place;
    return isAllowed(policies, { from: ENDS[source], to: endOf(place), port, protocol }, ipBlocks);
  });
}

describe('the network', () => {
  describe.each(['match pods too', 'match others only'] as const)('where ranges of addresses %s', (ipBlocks) => {
    test.each(SOURCES)('lets %s reach exactly what the matrix allows', async (source) => {
      expect(new Set(await reachable(source, ipBlocks))).toEqual(new Set(REACHES[source]));
    });
  });

  test('admits a Prometheus only if the config names its namespace', async () => {
    expect(await reachable('prometheus', 'match pods too', {})).toEqual([]);
  });

  test('admits an ingress controller only if the config has a host', async () => {
    expect(await reachable('controller', 'match pods too', {})).toEqual([]);
    expect(await reachable('controller', 'match pods too', HOST)).toEqual(['agent']);
  });

  test("lets the Gateway's own proxies in, if the class starts them: everybody to them, and them to agent and Istio", async () => {
    const { ingressClass: _, ingressNamespace: __, ...host } = HOST;
    const policies = await policiesOf(host);
    const tcp = (from: End, to: End, port: number) =>
      isAllowed(policies, { from, to, port, protocol: 'TCP' }, 'match others only');
    const label = { 'gateway.networking.k8s.io/gateway-name': 'claude-agent' };
    const proxy = pod('10.244.0.23', 'claude-agent-gateway', label);
    const other = pod('10.244.0.24', 'claude-agent-gateway', {});
    const solver = pod('10.244.0.25', 'claude-agent-gateway', { 'acme.cert-manager.io/http01-solver': 'true' });
    const istiod = pod('10.244.0.26', 'aks-istio-system', { app: 'istiod' });
    for (const caller of [{ ip: '203.0.113.9' }, ENDS.stranger, ENDS.n8n]) {
      expect([80, 443, 15_021].map((port) => tcp(caller, proxy, port))).toEqual([true, true, false]);
      expect(tcp(caller, other, 443)).toBe(false);
      expect(tcp(caller, solver, 8089)).toBe(false);
    }
    expect(tcp(proxy, ENDS.agent, 3000)).toBe(true);
    expect(tcp(proxy, ENDS.agent, 3001)).toBe(false);
    expect(tcp(proxy, istiod, 15_012)).toBe(true);
    expect(tcp(proxy, solver, 8089)).toBe(true);
    expect(tcp(proxy, { ip: '203.0.113.9' }, 443)).toBe(false);
    // A pod of another namespace, and another one beside it.
    expect(tcp(pod('10.244.0.27', 'elsewhere', label), ENDS.agent, 3000)).toBe(false);
    expect(tcp(other, ENDS.agent, 3000)).toBe(false);
    expect(tcp(ENDS.controller, ENDS.agent, 3000)).toBe(false);
  });

  test("lets the controller answer an ACME server with cert-manager's pods", async () => {
    const policies = await policiesOf({ ...HOST, ingress: 'ingress' });
    const solver = pod('10.244.0.25', 'claude-agent', { 'acme.cert-manager.io/http01-solver': 'true' });
    const tcp = (from: End, port: number) =>
      isAllowed(policies, { from, to: solver, port, protocol: 'TCP' }, 'match pods too');
    expect(tcp(ENDS.controller, 8089)).toBe(true);
    expect(tcp(ENDS.controller, 80)).toBe(false);
    expect(tcp(ENDS.stranger, 8089)).toBe(false);
  });

  test('lets the watchdog reach n8n only if it pauses workflows', async () => {
    const quiet = await reachable('watchdog', 'match pods too', {});
    expect(new Set(quiet)).toEqual(new Set(REACHES.watchdog.filter((place) => place !== 'n8n')));
  });

  test("admits only n8n's own pods, and sends callbacks only to them, if the config names their labels", async () => {
    const own = { n8nPodLabels: JSON.stringify(N8N) };
    expect(await reachable('n8n', 'match pods too', own)).toEqual(['agent']);
    expect(await reachable('agent', 'match pods too', own)).toContain('n8n');
    const others = { n8nPodLabels: '{"app":"n8n"}' };
    expect(await reachable('n8n', 'match pods too', others)).toEqual([]);
    expect(await reachable('agent', 'match pods too', others)).not.toContain('n8n');
  });

  test('follows n8n to another namespace and port', async () => {
    expect(await reachable('n8n', 'match pods too', { n8nNamespace: 'automation' })).toEqual([]);
    expect(await reachable('agent', 'match pods too', { n8nPort: '5432' })).toContain("n8n's other ports");
    expect(await reachable('agent', 'match pods too', { n8nPort: '5432' })).not.toContain('n8n');
  });

  test('opens what the config names, for those that it names: agent and watchdog, runners, or all', async () => {
    const policies = await policiesOf({
      extraEgress:
        '[{"namespace":"llm","port":8080,"for":"agent"},{"namespace":"mcp","port":8081,"for":"runners"},{"cidr":"10.1.0.0/16","port":3128}]',
    });
    const tcp = (from: End, to: End, port: number) =>
      isAllowed(policies, { from, to, port, protocol: 'TCP' }, 'match pods too');
    const [gateway, tools] = [pod('10.244.0.20', 'llm', {}), pod('10.244.0.21', 'mcp', {})];
    for (const end of [ENDS.agent, ENDS.watchdog, ENDS.runner]) {
      const isRunner = end === ENDS.runner;
      expect(tcp(end, gateway, 8080)).toBe(!isRunner);
      expect(tcp(end, tools, 8081)).toBe(isRunner);
      expect(tcp(end, { ip: '10.1.2.3' }, 3128)).toBe(true);
      expect(tcp(end, gateway, 8081)).toBe(false);
      expect(tcp(end, { ip: '10.2.2.3' }, 3128)).toBe(false);
    }
    expect(tcp(ENDS.neighbour, gateway, 8080)).toBe(false);
    expect(tcp(ENDS.neighbour, { ip: '10.1.2.3' }, 3128)).toBe(false);
  });

  test('closes the internet for runners if the config says so', async () => {
    const closed = await reachable('runner', 'match pods too', { ...EVERY_WAY, runnerEgress: 'none' });
    expect(new Set(closed)).toEqual(new Set(REACHES.runner.filter((place) => place !== 'the internet')));
    expect(new Set(await reachable('agent', 'match pods too', { ...EVERY_WAY, runnerEgress: 'none' }))).toEqual(
      new Set(REACHES.agent),
    );
  });

  test('opens the API server for the agent only if it deletes the pods of its runners', async () => {
    const open = await reachable('agent', 'match pods too', { ...EVERY_WAY, runnerReuse: 'false' });
    expect(new Set(open)).toEqual(new Set([...REACHES.agent, 'the API server']));
    expect(await reachable('runner', 'match pods too', { ...EVERY_WAY, runnerReuse: 'false' })).not.toContain(
      'the API server',
    );
  });

  test('has neither a gateway nor a way to runners if claude runs in the pod of the agent', async () => {
    const policies = await policiesOf({ runners: '0' });
    expect(policies.map(({ metadata }) => metadata.name)).not.toContain('allow-runner');
    expect(await reachable('runner', 'match pods too', { runners: '0' })).not.toContain("agent's gateway");
    expect(await reachable('agent', 'match pods too', { runners: '0' })).not.toContain('another runner');
  });
});
