/**
 * Which connections are allowed. One test evaluates the rendered policies against this matrix, another tries it in a
 * cluster with a policy engine.
 * @module
 */

/**
 * Who connects. `neighbour` is another pod in the agent's namespace, `stranger` one in another namespace, `controller` one
 * of the ingress controller's.
 */
export const SOURCES = [
  'agent',
  'runner',
  'watchdog',
  'neighbour',
  'n8n',
  'prometheus',
  'controller',
  'stranger',
] as const;

/** One of {@link SOURCES}. */
export type Source = (typeof SOURCES)[number];

/** A destination: a kind of pod in the cluster, or an address outside. */
export type Place = { readonly port: number; readonly protocol?: 'UDP' } & (
  | { readonly pod: 'agent' | 'another runner' | 'watchdog' | 'n8n' | 'stranger' | 'dns' }
  | { readonly address: string }
  | { readonly apiServer: true }
);

/** Every destination of the matrix. The internet is an address for documentation (RFC 5737). */
export const PLACES = {
  agent: { pod: 'agent', port: 3000 },
  "agent's gateway": { pod: 'agent', port: 3001 },
  "agent's other ports": { pod: 'agent', port: 9229 },
  'another runner': { pod: 'another runner', port: 7070 },
  "another runner's other ports": { pod: 'another runner', port: 9229 },
  watchdog: { pod: 'watchdog', port: 3000 },
  n8n: { pod: 'n8n', port: 5678 },
  "n8n's other ports": { pod: 'n8n', port: 5432 },
  'a stranger': { pod: 'stranger', port: 443 },
  DNS: { pod: 'dns', port: 53, protocol: 'UDP' },
  'DNS by TCP': { pod: 'dns', port: 53 },
  "DNS's metrics": { pod: 'dns', port: 9153 },
  "a node's DNS cache": { address: '169.254.20.10', port: 53, protocol: 'UDP' },
  'the API server': { apiServer: true, port: 443 },
  "a machine's metadata": { address: '169.254.169.254', port: 80 },
  "a machine's metadata by TLS": { address: '169.254.169.254', port: 443 },
  "a machine's metadata as DNS": { address: '169.254.169.254', port: 53, protocol: 'UDP' },
  "Azure's own address": { address: '168.63.129.16', port: 80 },
  "Azure's own address by TLS": { address: '168.63.129.16', port: 443 },
  'private 10/8': { address: '10.200.0.1', port: 443 },
  'private 172.16/12': { address: '172.20.0.1', port: 443 },
  'private 192.168/16': { address: '192.168.200.1', port: 443 },
  'carrier-grade NAT': { address: '100.64.200.1', port: 443 },
  'the internet': { address: '203.0.113.10', port: 443 },
  'the internet without TLS': { address: '203.0.113.10', port: 80 },
  "the internet's shells": { address: '203.0.113.10', port: 22 },
  'a DNS of the internet': { address: '203.0.113.10', port: 53, protocol: 'UDP' },
} as const satisfies Record<string, Place>;

/** The name of a destination. */
export type PlaceName = keyof typeof PLACES;

const RESOLVING = ['DNS', 'DNS by TCP', "a node's DNS cache"] as const;

/** What each source may reach; everything else is blocked. */
export const REACHES: Readonly<Record<Source, readonly PlaceName[]>> = {
  agent: ['another runner', 'n8n', 'the internet', ...RESOLVING],
  runner: ["agent's gateway", 'the internet', ...RESOLVING],
  watchdog: ['agent', 'n8n', 'the API server', 'the internet', ...RESOLVING],
  neighbour: [...RESOLVING],
  n8n: ['agent'],
  prometheus: ['agent'],
  controller: ['agent'],
  stranger: [],
};

/** Destinations that our policies decide about: for other namespaces, only our own pods. */
export function decidedFor(source: Source): PlaceName[] {
  const ours = ['agent', 'runner', 'watchdog', 'neighbour'].includes(source);
  const all = Object.keys(PLACES) as PlaceName[];
  return all.filter((name) => {
    const place: Place = PLACES[name];
    return ours || ('pod' in place && ['agent', 'another runner', 'watchdog'].includes(place.pod));
  });
}
