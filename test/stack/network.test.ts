import { describe, expect, test } from 'vitest';

import { find, runProgram } from './program.ts';

interface Policy {
  spec: {
    podSelector: object;
    policyTypes: string[];
    ingress?: object[];
    egress?: { to: object[]; ports: object[] }[];
  };
}
const policyOf = async (name: string, config: Record<string, string> = {}) =>
  find(
    (await runProgram(config)).resources,
    'kubernetes:networking.k8s.io/v1:NetworkPolicy',
    name,
  ) as unknown as Policy;

describe('the network', () => {
  test('is closed in both directions for every pod that no other policy names', async () => {
    const { spec } = await policyOf('default-deny');
    expect(spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });

  test('lets the agent out to port 443 of the internet, not to private, link-local or cloud-internal addresses', async () => {
    const { spec } = await policyOf('agent-to-internet');
    expect(spec.egress).toEqual([
      {
        to: [
          {
            ipBlock: {
              cidr: '0.0.0.0/0',
              except: [
                '10.0.0.0/8',
                '172.16.0.0/12',
                '192.168.0.0/16',
                '100.64.0.0/10',
                '169.254.0.0/16',
                '168.63.129.16/32',
              ],
            },
          },
        ],
        ports: [{ protocol: 'TCP', port: 443 }],
      },
    ]);
  });

  test('lets the agent out to a gateway that the config names', async () => {
    const { spec } = await policyOf('agent-to-internet', {
      anthropicBaseUrl: 'http://gateway.llm.svc:8080',
      extraEgress: '[{"namespace":"llm","port":8080},{"cidr":"203.0.113.0/24","port":8443}]',
    });
    expect(spec.egress?.slice(1)).toEqual([
      {
        to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'llm' } } }],
        ports: [{ protocol: 'TCP', port: 8080 }],
      },
      { to: [{ ipBlock: { cidr: '203.0.113.0/24' } }], ports: [{ protocol: 'TCP', port: 8443 }] },
    ]);
  });

  test("lets the agent call back n8n's pods on their port, and nothing else of their namespace", async () => {
    const { spec } = await policyOf('agent-to-n8n', { n8nNamespace: 'automation', n8nPort: '8080' });
    expect(spec.podSelector).toMatchObject({ matchLabels: { 'app.kubernetes.io/component': 'agent' } });
    expect(spec.egress).toEqual([
      {
        to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'automation' } } }],
        ports: [{ protocol: 'TCP', port: 8080 }],
      },
    ]);
  });

  test("lets in n8n's namespace and the watchdog, on the agent's port alone", async () => {
    const { spec } = await policyOf('agent-from-callers', { n8nNamespace: 'automation' });
    expect(spec.ingress).toEqual([
      {
        from: [
          { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'automation' } } },
          {
            podSelector: {
              matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'watchdog' }) as object,
            },
          },
        ],
        ports: [{ protocol: 'TCP', port: 3000 }],
      },
    ]);
  });

  test('lets the watchdog out to n8n where it pauses workflows, and to the API server and Teams, not to the metadata service', async () => {
    const n8n = await policyOf('watchdog-to-n8n', { n8nApiUrl: 'http://n8n.n8n.svc', n8nApiKey: 'x', n8nPort: '8080' });
    expect(n8n.spec.egress).toEqual([
      {
        to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'n8n' } } }],
        ports: [{ protocol: 'TCP', port: 8080 }],
      },
    ]);
    const { spec } = await policyOf('watchdog-to-api-server-and-teams');
    expect(spec.podSelector).toMatchObject({ matchLabels: { 'app.kubernetes.io/component': 'watchdog' } });
    expect(spec.egress).toEqual([
      {
        to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16', '168.63.129.16/32'] } }],
        ports: [
          { protocol: 'TCP', port: 443 },
          { protocol: 'TCP', port: 6443 },
        ],
      },
    ]);
  });

  test('lets the watchdog in to the agent on its port', async () => {
    const { spec } = await policyOf('watchdog-to-agent');
    expect(spec.podSelector).toMatchObject({ matchLabels: { 'app.kubernetes.io/component': 'watchdog' } });
    expect(spec.egress).toHaveLength(1);
    expect(spec.egress?.[0]).toMatchObject({
      to: [{ podSelector: { matchLabels: { 'app.kubernetes.io/component': 'agent' } } }],
      ports: [{ protocol: 'TCP', port: 3000 }],
    });
  });

  test('resolves names at the DNS of the cluster and nowhere else', async () => {
    const { spec } = await policyOf('allow-dns');
    expect(spec.egress?.[0]?.ports).toEqual([
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ]);
    expect(spec.egress?.[0]?.to).toEqual([
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
        podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
      },
    ]);
  });
});
