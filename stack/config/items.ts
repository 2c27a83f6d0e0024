import ipaddr from 'ipaddr.js';

import { APPROVE_RULE, CALLBACK_HOST, CREDENTIALS_FILE, SESSION_ENTRIES } from '../../agent/contract.ts';
import { TEXT } from './values.ts';

/** Who may reach a destination: the agent and its watchdog, or the runners. */
const EGRESS_FOR = ['agent', 'runners'] as const;

/** A destination that pods may reach in addition to port 443 of the internet; the port is the pod's, not the Service's. */
export type Egress = {
  readonly port: number;
  /** Undefined: all pods. */
  readonly for?: (typeof EGRESS_FOR)[number] | undefined;
} & ({ readonly namespace: string } | { readonly cidr: string });

/** A taint of nodes that the pods tolerate, as in `spec.tolerations` of a pod. */
export interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
}

/** The wording for a list and for one of its items, and what reads an item (undefined if it is invalid). */
export type AllowedList<T> = readonly [
  words: { readonly list: string; readonly item: string },
  pick: (item: unknown) => T | undefined,
];

/** A map of strings whose entries are all valid; `map` and `entry` are the wording for messages. */
export interface AllowedMap {
  readonly map: string;
  readonly entry: string;
  readonly fits: (key: string, value: string) => boolean;
}

/** The entries of a session that the agent accepts in addition to those that are always included. */
const EXTRA_ENTRIES: readonly unknown[] = SESSION_ENTRIES.filter(
  (entry) => entry !== CREDENTIALS_FILE && entry !== 'settings.json',
);

/** Names of files and folders in a session's folder. */
export const EXTRAS: AllowedList<string> = [
  {
    list: 'a list of names, such as ["CLAUDE.md", "skills"]',
    item: `one of ${EXTRA_ENTRIES.join(', ')}`,
  },
  (item) => (EXTRA_ENTRIES.includes(item) ? (item as string) : undefined),
];

/** Link-local addresses, where clouds serve a machine's credentials, and Azure's address for other services of a machine. */
const OUT_OF_BOUNDS = ['169.254.0.0/16', '168.63.129.16/32'];

/** Destinations to reach. */
export const EGRESS: AllowedList<Egress> = [
  {
    list: 'a list, such as [{"namespace": "llm", "port": 8080}]',
    item: `{"namespace": NAME, "port": NUMBER} or {"cidr": A.B.C.D/N, "port": NUMBER}, with or without "for": "agent" or "for": "runners", excluding ${OUT_OF_BOUNDS.join(' and ')}, where clouds serve the credentials of a machine`,
  },
  (item) => {
    if (!isObject(item)) return undefined;
    const { namespace, cidr, port, for: who, ...rest } = item;
    if (Object.keys(rest).length > 0 || typeof port !== 'number') return undefined;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
    const whose = EGRESS_FOR.find((one) => one === who);
    if (who !== undefined && whose === undefined) return undefined;
    const rule = { port, ...(whose && { for: whose }) };
    if (typeof namespace === 'string' && TEXT.namespace[0](namespace) && cidr === undefined)
      return { namespace, ...rule };
    if (typeof cidr !== 'string' || !cidr.includes('/') || namespace !== undefined) return undefined;
    return isInBounds(cidr) ? { cidr, ...rule } : undefined;
  },
];

/** Whether this is a range of IPv4 addresses that does not overlap {@link OUT_OF_BOUNDS}. */
function isInBounds(cidr: string): boolean {
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(cidr)) return false;
  const [address, bits] = ipaddr.IPv4.parseCIDR(cidr);
  return OUT_OF_BOUNDS.map((range) => ipaddr.IPv4.parseCIDR(range)).every(
    ([other, otherBits]) => !address.match(other, Math.min(bits, otherBits)),
  );
}

/** Hosts that may receive callbacks. */
export const CALLBACK_HOSTS: AllowedList<string> = [
  {
    list: 'a list of hosts, such as ["n8n.example.org", "*.example.org", "n8n.internal:5678"]',
    item: 'a host or *.SUFFIX, with or without :PORT',
  },
  (item) => (typeof item === 'string' && CALLBACK_HOST.test(item) ? item : undefined),
];

/** Rules for what a person must allow. */
export const APPROVE: AllowedList<string> = [
  {
    list: 'a list of tools, such as ["WebFetch", "Bash(git push*)"]',
    item: 'the name of a tool, or a pattern of Bash',
  },
  (item) => (typeof item === 'string' && APPROVE_RULE.test(item) ? item : undefined),
];

const EFFECTS: readonly unknown[] = [undefined, 'NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** Taints to tolerate. */
export const TOLERATIONS: AllowedList<Toleration> = [
  {
    list: 'a list, such as [{"key": "dedicated", "operator": "Equal", "value": "agents", "effect": "NoSchedule"}]',
    item: 'a toleration with string values: key, operator (Equal, or Exists without a value), value, effect (NoSchedule, PreferNoSchedule or NoExecute)',
  },
  (item) => {
    if (!isObject(item) || !Object.values(item).every((value) => typeof value === 'string')) return undefined;
    const { key, operator = 'Equal', value, effect, ...rest } = item as Record<string, string | undefined>;
    if (Object.keys(rest).length > 0 || !EFFECTS.includes(effect)) return undefined;
    const fits = operator === 'Exists' ? value === undefined : operator === 'Equal' && key !== undefined;
    return fits && isLabel(key ?? 'any', value ?? '') ? item : undefined;
  },
];

const LABEL_KEY = /^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?\/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const LABEL_VALUE = /^([a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)?$/;
const isLabel = (key: string, value: string): boolean => LABEL_KEY.test(key) && LABEL_VALUE.test(value);

/** Labels that select nodes or pods. */
export const SELECTOR: AllowedMap = {
  map: 'a map of strings, such as {"agentpool": "user"}',
  entry: 'a Kubernetes label whose value is a quoted string',
  fits: isLabel,
};

/** Labels to add. */
export const LABELS: AllowedMap = {
  map: 'a map of strings, such as {"cost-center": "4711"}',
  entry:
    'a Kubernetes label whose value is a quoted string; app.kubernetes.io/… and pod-security.kubernetes.io/… are reserved',
  fits: (key, value) => isLabel(key, value) && !/^(app|pod-security)\.kubernetes\.io\//.test(key),
};

/** Annotations to add. */
export const ANNOTATIONS: AllowedMap = {
  map: 'a map of strings, such as {"prometheus.io/scrape": "true"}',
  entry: 'a Kubernetes annotation whose value is a quoted string; claude-agent/… is reserved',
  fits: (key) => LABEL_KEY.test(key) && !key.startsWith('claude-agent/'),
};

function isObject(item: unknown): item is Record<string, unknown> {
  return typeof item === 'object' && item !== null && !Array.isArray(item);
}
