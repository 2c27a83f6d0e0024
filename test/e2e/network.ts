import { selectorLabels } from '../../stack/names.ts';
import { decidedFor, PLACES, REACHES, SOURCES } from '../support/network-matrix.ts';
import type { Place, PlaceName, Source } from '../support/network-matrix.ts';
import { CONTROLLER_NAMESPACE, DOUBLE, PROMETHEUS_NAMESPACE } from './checkout.ts';
import { kubectl, until } from './cluster.ts';
import { startPolicyEngine } from './policy-engine.ts';
import type { PolicyEngine } from './policy-engine.ts';

const OWN = 'claude-agent';
const STRANGERS = 'e2e-stranger';
/** Of the API server, for pods. */
const API_SERVER = 'kubernetes.default.svc';

/** A pod that listens, and from which to try what can be reached. */
interface Probe {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  /** Ports below 1024 are for root, whom the agent's namespace does not take. */
  readonly user: number;
}
const USER = 10_001;
/** Pods of the stack: a namespace, and what `kubectl exec` calls the pod. */
const OF_STACK = {
  agent: [OWN, 'deployment/claude-code-agent'],
  'another runner': [OWN, 'deployment/claude-code-runner'],
} as const;
type End = Source | keyof typeof OF_STACK | 'control';

const PROBES: Readonly<Record<Exclude<End, keyof typeof OF_STACK>, Probe>> = {
  runner: { name: 'e2e-runner', namespace: OWN, labels: selectorLabels('runner'), ports: [7070], user: USER },
  watchdog: { name: 'e2e-watchdog', namespace: OWN, labels: selectorLabels('watchdog'), ports: [3000], user: USER },
  neighbour: { name: 'e2e-neighbour', namespace: OWN, labels: {}, ports: [], user: USER },
  n8n: { name: 'e2e-n8n', namespace: DOUBLE.namespace, labels: {}, ports: [5678, 5432], user: USER },
  prometheus: { name: 'e2e-prometheus', namespace: PROMETHEUS_NAMESPACE, labels: {}, ports: [], user: USER },
  controller: { name: 'e2e-controller', namespace: CONTROLLER_NAMESPACE, labels: {}, ports: [], user: USER },
  // The same labels elsewhere give no rights.
  stranger: { name: 'e2e-stranger', namespace: STRANGERS, labels: selectorLabels('watchdog'), ports: [443], user: 0 },
  control: { name: 'e2e-control', namespace: STRANGERS, labels: { control: 'yes' }, ports: [8080], user: USER },
};

const LISTEN =
  "for (const port of process.argv.slice(1)) require('node:net').createServer().listen(Number(port)); setInterval(() => {}, 60_000)";
/** Tells of each of a list of places whether it answers within 4 s: TCP by accepting, UDP by a reply to a DNS query. */
const TRY = `
const [net, dgram] = [require('node:net'), require('node:dgram')];
const query = Buffer.from('000101000001000000000000076578616d706c65036f72670000010001', 'hex');
const answers = ({ host, port, protocol }) => new Promise((resolve) => {
  setTimeout(resolve, 4000, false);
  if (protocol === 'UDP') {
    const socket = dgram.createSocket('udp4').once('message', () => resolve(true)).once('error', () => resolve(false));
    for (const delay of [0, 1000]) setTimeout(() => socket.send(query, port, host, () => {}), delay);
  } else net.connect(port, host).once('connect', () => resolve(true)).once('error', () => resolve(false));
});
Promise.all(JSON.parse(process.argv[1]).map(answers)).then((all) => { console.log(JSON.stringify(all)); process.exit(); });
`;

/** Makes the pods and namespaces to try it with. */
export async function startProbes(image: string): Promise<void> {
  const namespaces = [STRANGERS, PROMETHEUS_NAMESPACE, CONTROLLER_NAMESPACE, DOUBLE.namespace];
  const items = [
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...Object.values(PROBES).map((probe) => podOf(probe, image)),
  ];
  await kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  for (const { name, namespace } of Object.values(PROBES)) {
    await kubectl(['wait', `pod/${name}`, '--namespace', namespace, '--for=condition=Ready', '--timeout=100s']);
  }
}

/** The stack's own pods listen on one more port for ten minutes, unless a run ends it: {@link tryMatrix} needs it. */
async function listenInStack(): Promise<void> {
  const { port } = PLACES["agent's other ports"];
  for (const end of Object.keys(OF_STACK) as (keyof typeof OF_STACK)[]) {
    await inPod(end, 'sh', '-c', `timeout 600 node -e "${LISTEN}" ${port} >/dev/null 2>&1 &`);
  }
}

/** Takes away what {@link startProbes} made, but the namespaces in which more than probes may be. */
export async function stopProbes(): Promise<void> {
  const gone = ['--ignore-not-found', '--wait=false', '--grace-period=1'];
  for (const { name, namespace } of Object.values(PROBES)) {
    await kubectl(['delete', 'pod', name, '--namespace', namespace, ...gone]);
  }
  await kubectl(['delete', 'namespace', STRANGERS, PROMETHEUS_NAMESPACE, '--ignore-not-found', '--wait=false']);
}

function podOf({ name, namespace, labels, ports, user }: Probe, image: string): object {
  const restricted = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'], ...(user === 0 && { add: ['NET_BIND_SERVICE'] }) },
  };
  const securityContext = { runAsUser: user, runAsNonRoot: user !== 0, seccompProfile: { type: 'RuntimeDefault' } };
  const args = ['node', '-e', LISTEN, ...ports.map(String)];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      securityContext,
      containers: [{ name: 'probe', image, args, securityContext: restricted }],
    },
  };
}

/** Starts an engine for the cluster, where the environment names one. The probes must be there. */
export async function startEngine(): Promise<PolicyEngine | undefined> {
  const outside = Object.values<Place>(PLACES).filter((place) => 'address' in place);
  const ports = outside.filter(({ protocol }) => protocol === undefined).map(({ port }) => port);
  const addresses = outside.map(({ address }) => address);
  return startPolicyEngine([...new Set(addresses)], [...new Set(ports)], await addressOf('control'));
}

/**
 * Whether something in the cluster holds network policies up: a policy that closes a pod, which can be reached without
 * it, has to.
 */
export async function hasPolicyEngine(): Promise<boolean> {
  const place = [{ host: await addressOf('control'), port: 8080 }];
  await until('the control pod', async () => ((await answersFrom('stranger', place))[0] === true ? true : undefined));
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'control', namespace: STRANGERS },
    spec: { podSelector: { matchLabels: { control: 'yes' } }, policyTypes: ['Ingress'] },
  };
  await kubectl(['apply', '--filename', '-'], JSON.stringify(policy));
  const closed = async () => ((await answersFrom('stranger', place))[0] === false ? true : undefined);
  return await until('the policy', closed, 30).catch(() => false);
}

/** What a try of the whole matrix gave. */
export interface Tried {
  /** Connections that were tried. */
  readonly tried: number;
  /** Those that went otherwise than the matrix says, in words. */
  readonly wrong: readonly string[];
  /** Places where nothing answers here, policies or not. */
  readonly silent: readonly PlaceName[];
}

/**
 * Tries the matrix where something holds network policies up: the cluster itself, or an engine of our own.
 * @param image For the probes.
 * @param meanwhile What has to work at the same time.
 * @returns undefined where nothing does.
 */
export async function tryPolicies(
  image: string,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Tried | undefined> {
  let engine: PolicyEngine | undefined;
  try {
    await startProbes(image);
    await listenInStack();
    engine = await startEngine();
    if (await hasPolicyEngine()) {
      await meanwhile();
      return await tryMatrix();
    }
    if (engine !== undefined) throw new Error(`The engine holds no policy up: ${engine.log()}`);
    return undefined;
  } finally {
    await engine?.stop();
    await stopProbes();
  }
}

/** Tries every connection of the matrix for real. */
async function tryMatrix(): Promise<Tried> {
  const names = Object.keys(PLACES) as PlaceName[];
  const targets = new Map(await Promise.all(names.map(async (name) => [name, await targetOf(PLACES[name])] as const)));
  const speaking = await whereSomethingAnswers(names, targets);
  const wrong: string[] = [];
  let tried = 0;
  for (const source of SOURCES) {
    const places = decidedFor(source).filter((name) => speaking.has(name) && !isItself(source, PLACES[name]));
    const answers = await answersFrom(
      source,
      places.map((name) => targets.get(name) ?? { host: '', port: 0 }),
    );
    tried += places.length;
    for (const [at, name] of places.entries()) {
      const allowed = REACHES[source].includes(name);
      if (answers[at] !== allowed) wrong.push(`${source} ${allowed ? 'does not reach' : 'reaches'} ${name}`);
    }
  }
  return { tried, wrong, silent: names.filter((name) => !speaking.has(name)) };
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly protocol?: 'UDP';
}

/** What a pod sends to its own address never leaves it, so no policy is asked. */
function isItself(source: Source, place: Place): boolean {
  return 'pod' in place && place.pod === source;
}

/** A pod answers itself, whatever policies say; what is no pod of ours answers somebody whom no policy is about. */
async function whereSomethingAnswers(
  names: readonly PlaceName[],
  targets: ReadonlyMap<PlaceName, Target>,
): Promise<Set<PlaceName>> {
  const asked = await Promise.all(
    names.map(async (name) => {
      const place: Place = PLACES[name];
      const from = 'pod' in place && place.pod !== 'dns' ? place.pod : 'stranger';
      return (await answersFrom(from, [targets.get(name) ?? { host: '', port: 0 }]))[0] === true ? [name] : [];
    }),
  );
  return new Set(asked.flat());
}

async function targetOf(place: Place): Promise<Target> {
  const { port, protocol } = place;
  const host = 'apiServer' in place ? API_SERVER : 'pod' in place ? await addressOf(place.pod) : place.address;
  return { host, port, ...(protocol && { protocol }) };
}

/** The address of a pod in the cluster; `runner` is a probe. */
export async function addressOf(pod: Extract<Place, { pod: unknown }>['pod'] | 'runner' | 'control'): Promise<string> {
  const selected = {
    agent: [OWN, 'app.kubernetes.io/component=agent'],
    // Not the probe.
    'another runner': [OWN, 'app.kubernetes.io/component=runner,pod-template-hash'],
    dns: ['kube-system', 'k8s-app=kube-dns'],
  } as const;
  const output = ['--output', 'jsonpath={.items[0].status.podIP}'];
  if (pod === 'agent' || pod === 'another runner' || pod === 'dns') {
    const [namespace, selector] = selected[pod];
    return kubectl(['get', 'pods', '--namespace', namespace, '--selector', selector, ...output]);
  }
  const { namespace, name } = PROBES[pod];
  return kubectl(['get', 'pods', '--namespace', namespace, '--field-selector', `metadata.name=${name}`, ...output]);
}

/** Whether a place answers a pod. */
export async function answers(source: 'agent', place: PlaceName): Promise<boolean> {
  return (await answersFrom(source, [await targetOf(PLACES[place])]))[0] === true;
}

async function answersFrom(source: End, targets: readonly Target[]): Promise<boolean[]> {
  return JSON.parse(await inPod(source, 'node', '-e', TRY, JSON.stringify(targets))) as boolean[];
}

function inPod(source: End, ...command: string[]): Promise<string> {
  const [namespace, pod] =
    source === 'agent' || source === 'another runner'
      ? OF_STACK[source]
      : [PROBES[source].namespace, PROBES[source].name];
  return kubectl(['exec', '--namespace', namespace, pod, '--', ...command]);
}
