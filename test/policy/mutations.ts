import type { Change } from './change.ts';

/** A change with which a valid stack breaks a rule. */
export interface Mutation {
  /** The rule's `must`. */
  readonly breaks: string;
  /** Description. */
  readonly by: string;
  readonly change: Change;
}

const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers.0`;
const JOB = 'spec.jobTemplate.spec.template.spec';
const pod = (at: string, to: unknown): Change => ({ of: 'Deployment', at: `${POD}.${at}`, to });
const runner = (at: string, to: unknown): Change => ({
  of: 'Deployment',
  called: 'claude-code-runner',
  at: `${POD}.${at}`,
  to,
});
const container = (at: string, to: unknown): Change => ({ of: 'Deployment', at: `${CONTAINER}.${at}`, to });
const job = (at: string, to: unknown): Change => ({ of: 'CronJob', at: `${JOB}.${at}`, to });
const cluster = (at: string, to: unknown): Change => ({ of: 'ManagedCluster', at, to });
const policy = (called: string, at: string, to: unknown): Change => ({
  of: 'NetworkPolicy',
  called,
  at: `spec.${at}`,
  to,
});

const LABELS = Object.fromEntries(
  ['name', 'instance', 'component', 'part-of', 'managed-by'].map((label) => [`app.kubernetes.io/${label}`, 'x']),
);
const METADATA = { name: 'added', namespace: 'claude-agent', labels: LABELS };
const RIGHTS = { apiGroups: [''], resources: ['configmaps'], resourceNames: ['ledger'], verbs: ['get', 'update'] };
const role = (more: object, kind = 'Role'): Change => ({
  add: `kubernetes:rbac.authorization.k8s.io/v1:${kind}`,
  inputs: { metadata: METADATA, rules: [{ ...RIGHTS, ...more }] },
});
const COMPONENT = 'app\\.kubernetes\\.io/component';
const encoded = (text: string) => Buffer.from(text).toString('base64');

/** What breaks each rule, at least one change each. `secret` is a text in one of the stack's Secrets. */
const CHANGES = (secret: string): Readonly<Record<string, Readonly<Record<string, Change>>>> => ({
  'A pod shares nothing with its node.': {
    hostNetwork: pod('hostNetwork', true),
    hostPID: job('hostPID', true),
    hostIPC: pod('hostIPC', true),
  },
  'A volume uses nothing from the node.': {
    hostPath: pod('volumes.-', { name: 'host', hostPath: { path: '/' } }),
  },
  'A pod sets no kernel parameters.': { sysctls: pod('securityContext.sysctls', []) },
  'A pod gets no variables of every Service.': { 'the default': pod('enableServiceLinks', undefined) },
  'A container runs as a user that is neither root nor a user of the node.': {
    root: container('securityContext.runAsUser', 0),
    'a user of the node': pod('securityContext.runAsUser', 1001),
    'the group root': job('securityContext.runAsGroup', 0),
    'any user': pod('securityContext.runAsNonRoot', undefined),
  },
  "A container has the runtime's seccomp profile.": {
    'no profile': pod('securityContext.seccompProfile', { type: 'Unconfined' }),
  },
  'A container cannot gain privileges.': {
    privileges: container('securityContext.privileged', true),
    escalation: container('securityContext.allowPrivilegeEscalation', undefined),
    'a /proc of the node': container('securityContext.procMount', 'Unmasked'),
  },
  'A container has no capabilities.': {
    'the default ones': container('securityContext.capabilities', undefined),
    'one more': container('securityContext.capabilities.add', ['NET_RAW']),
  },
  'A container cannot change its own image.': {
    'a root that can be written': container('securityContext.readOnlyRootFilesystem', false),
  },
  'A container uses no port of its node.': { hostPort: container('ports.0.hostPort', 3000) },
  'An image is referenced by digest.': {
    'a tag': container('image', 'claude-agent:latest'),
    'a tag in an init container': pod('initContainers', [{ name: 'init', image: 'busybox:1' }]),
  },
  'A container has resource requests and limits.': {
    'no limit of memory': container('resources.limits.memory', undefined),
    'no request': job('containers.0.resources.requests', undefined),
  },
  'No secret is in plain text anywhere: not in the environment, an annotation, a ConfigMap or the state.': {
    'a variable': container('env.-', { name: 'X', value: `a ${secret} b` }),
    'an annotation in base64': { of: 'Service', at: 'metadata.annotations', to: { x: encoded(secret) } },
    'a ConfigMap': { add: 'kubernetes:core/v1:ConfigMap', inputs: { metadata: METADATA, data: { x: secret } } },
    'an argument': container('args', ['--token', secret]),
  },
  "The data of a Secret is encrypted in Pulumi's state.": {
    'data as it is': { of: 'Secret', at: 'data', to: { a: 'YQ==' } },
    'text as it is': { of: 'Secret', at: 'stringData', to: { a: 'a' } },
  },
  'A variable with the name of a secret refers to a Secret.': {
    'a value': container('env.-', { name: 'API_KEY', value: 'x' }),
  },
  'A runner has nothing from the cluster, because a prompt reads whatever is in its pod.': {
    'a variable from a Secret': runner('containers.0.env.-', {
      name: 'API_KEY',
      valueFrom: { secretKeyRef: { name: 'claude-agent-token', key: 'sha256' } },
    }),
    'a Secret': runner('volumes.-', { name: 's', secret: { secretName: 'claude-session', defaultMode: 0o440 } }),
    'a token': runner('volumes.-', {
      name: 't',
      projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'x' } }] },
    }),
    'a ConfigMap': runner('volumes.-', { name: 'c', configMap: { name: 'claude-agent-updates' } }),
  },
  'A pod has its own ServiceAccount.': {
    'the default one': job('serviceAccountName', undefined),
    'one that is not made': job('serviceAccountName', 'another'),
  },
  'Only a pod whose ServiceAccount has permissions gets a token for the API server.': {
    'mounting it': pod('automountServiceAccountToken', true),
    'the default': pod('automountServiceAccountToken', undefined),
    'having no rights': { remove: 'RoleBinding' },
    'projecting it': pod('volumes.-', { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
  },
  'A ServiceAccount gives a token only to a pod that asks for one.': {
    'the default': { of: 'ServiceAccount', at: 'automountServiceAccountToken', to: undefined },
  },
  'Permissions cover named objects of named kinds in one namespace, and never Secrets.': {
    'a ledger of any name': { of: 'Role', at: 'rules.0.resourceNames', to: undefined },
    'every verb': role({ verbs: ['*'] }),
    'every kind': role({ resources: ['*'] }),
    Secrets: role({ resources: ['secrets'] }),
    'any name': role({ resourceNames: undefined }),
    'more than deleting pods': role({ resources: ['pods'], resourceNames: undefined, verbs: ['create', 'delete'] }),
    'every namespace': role({}, 'ClusterRole'),
  },
  "From outside the cluster, only the agent's own host is reachable, and only by HTTPS.": {
    'a load balancer': { of: 'Service', at: 'spec.type', to: 'LoadBalancer' },
    'an address': { of: 'Service', at: 'spec.externalIPs', to: ['203.0.113.1'] },
    'an Ingress for every host': {
      add: 'kubernetes:networking.k8s.io/v1:Ingress',
      inputs: { metadata: METADATA, spec: { defaultBackend: {} } },
    },
    'a listener for every host': { of: 'Gateway', at: 'spec.listeners.0.hostname', to: undefined },
    'a listener without a certificate': { of: 'Gateway', at: 'spec.listeners.0.tls.certificateRefs', to: [] },
    'a listener without TLS for the agent': {
      of: 'Gateway',
      at: 'spec.listeners.1.allowedRoutes.namespaces.from',
      to: 'All',
    },
    'a route without TLS': { of: 'HTTPRoute', at: 'spec.parentRefs.0.sectionName', to: 'http' },
    'another host': { of: 'HTTPRoute', at: 'spec.hostnames', to: ['other.example.com'] },
  },
  "A namespace accepts only restricted pods, and that of a Gateway baseline ones, which a controller's proxies are.": {
    baseline: {
      of: 'Namespace',
      called: 'claude-agent',
      at: 'metadata.labels.pod-security\\.kubernetes\\.io/enforce',
      to: 'baseline',
    },
    privileged: {
      of: 'Namespace',
      called: 'claude-agent-gateway',
      at: 'metadata.labels.pod-security\\.kubernetes\\.io/enforce',
      to: 'privileged',
    },
  },
  'A namespace allows no traffic in either direction except what policies allow.': {
    'no default': { remove: 'NetworkPolicy', called: 'default-deny' },
    'a default for one direction': policy('default-deny', 'policyTypes', ['Ingress']),
    'a default for some pods': policy('default-deny', 'podSelector', { matchLabels: { a: 'b' } }),
    'a default that allows': policy('default-deny', 'egress', [{}]),
  },
  'A network policy names its peers, and allows no private or metadata address by a range.': {
    'an empty list of callers': policy('allow-agent', 'ingress.0.from', []),
    'no destination': policy('allow-agent', 'egress.1.to', undefined),
    'an internet with private ranges': policy('allow-agent', 'egress.0.to.0.ipBlock.except', ['10.0.0.0/8']),
  },
  'An object has a fixed name that is valid for its kind.': {
    'a name that Pulumi makes up': { of: 'Service', at: 'metadata.name', to: undefined },
    'a dot': { of: 'Deployment', at: 'metadata.name', to: 'claude.agent' },
    'a long name': { of: 'CronJob', at: 'metadata.name', to: 'c'.repeat(53) },
  },
  'An object is in the namespace of the stack, or with a Gateway in its own.': {
    'an Ingress elsewhere': {
      add: 'kubernetes:networking.k8s.io/v1:Ingress',
      inputs: { metadata: { ...METADATA, namespace: 'claude-agent-gateway' } },
    },
    'another one': { of: 'Service', at: 'metadata.namespace', to: 'default' },
    'the current one': { of: 'PersistentVolumeClaim', at: 'metadata.namespace', to: undefined },
  },
  'Every object and pod has the recommended labels, with valid values.': {
    'a pod without one': {
      of: 'Deployment',
      at: 'spec.template.metadata.labels.app\\.kubernetes\\.io/part-of',
      to: undefined,
    },
    'a value with a blank': { of: 'Secret', at: 'metadata.labels.owner', to: 'the team' },
  },
  'A workload selects exactly the pods that it creates.': {
    'every component': { of: 'Deployment', at: `spec.selector.matchLabels.${COMPONENT}`, to: undefined },
    'another component': { of: 'Deployment', at: `spec.selector.matchLabels.${COMPONENT}`, to: 'watchdog' },
  },
  'A registry has no password and no anonymous access.': {
    'the admin user': { of: 'Registry', at: 'adminUserEnabled', to: true },
    'the default': { of: 'Registry', at: 'adminUserEnabled', to: undefined },
    'pulls by anybody': { of: 'Registry', at: 'anonymousPullEnabled', to: true },
  },
  'A cluster accepts only Entra logins, with permissions managed in Azure.': {
    'local accounts': cluster('disableLocalAccounts', false),
    'no rights': cluster('enableRBAC', undefined),
    'rights that only the cluster knows': cluster('aadProfile.enableAzureRBAC', false),
    'no Entra': cluster('aadProfile', undefined),
  },
  'A cluster uses identities instead of secrets.': {
    'a service principal': cluster('servicePrincipalProfile', { clientId: 'x', secret: 'y' }),
    'no identity': cluster('identity', undefined),
    'an SSH key': cluster('linuxProfile', { adminUsername: 'x' }),
    'no issuer': cluster('oidcIssuerProfile.enabled', false),
    'no workload identity': cluster('securityProfile', undefined),
  },
  'A cluster has a network policy engine.': {
    none: cluster('networkProfile.networkPolicy', 'none'),
    'the default': cluster('networkProfile.networkPolicy', undefined),
  },
  'A cluster installs security updates automatically.': {
    'no upgrades': cluster('autoUpgradeProfile.upgradeChannel', 'none'),
    'no images for nodes': cluster('autoUpgradeProfile.nodeOSUpgradeChannel', undefined),
  },
  'A role allows only pulling images from one registry.': {
    'the role Contributor': {
      of: 'RoleAssignment',
      at: 'roleDefinitionId',
      to: '/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c',
    },
    'a whole subscription': { of: 'RoleAssignment', at: 'scope', to: '/subscriptions/s' },
  },
  "Entra trusts the agent's account of this cluster, and no other.": {
    'any account': { of: 'FederatedIdentityCredential', at: 'subject', to: 'system:serviceaccount:*' },
    'an open issuer': { of: 'FederatedIdentityCredential', at: 'issuer', to: 'http://oidc.example.org' },
    'any audience': { of: 'FederatedIdentityCredential', at: 'audiences', to: [] },
  },
  'An Azure resource has a name that Azure accepts.': {
    'a hyphen': { of: 'Registry', at: 'registryName', to: 'my-registry' },
    'a name that Pulumi makes up': cluster('resourceName', undefined),
    'a kind without a rule': { add: 'azure-native:storage:StorageAccount', inputs: {} },
  },
  'An Azure resource has tags that name its owner.': { 'no tags': cluster('tags', undefined) },
  'Resources with data cannot be deleted by accident.': {
    'a registry without protection': { unprotect: 'Registry' },
    'a cluster without protection': { unprotect: 'ManagedCluster' },
    'a volume without protection': { unprotect: 'PersistentVolumeClaim' },
    'a namespace without protection': { unprotect: 'Namespace' },
  },
});

/** At least one for each rule. `secret` is a text in one of the stack's Secrets. */
export function mutations(secret: string): Mutation[] {
  return Object.entries(CHANGES(secret)).flatMap(([breaks, changes]) =>
    Object.entries(changes).map(([by, change]) => ({ breaks, by, change })),
  );
}
