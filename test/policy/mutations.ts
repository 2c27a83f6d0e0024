import type { Change } from './change.ts';

/** A change by which a sound stack breaks a rule. */
export interface Mutation {
  /** The rule's `must`. */
  readonly breaks: string;
  /** In words. */
  readonly by: string;
  readonly change: Change;
}

const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers.0`;
const JOB = 'spec.jobTemplate.spec.template.spec';
const pod = (at: string, to: unknown): Change => ({ of: 'Deployment', at: `${POD}.${at}`, to });
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

/** By what each rule is broken, at least once. `secret` is a text that some Secret of the stack holds. */
const CHANGES = (secret: string): Readonly<Record<string, Readonly<Record<string, Change>>>> => ({
  'A pod shares nothing with its node.': {
    hostNetwork: pod('hostNetwork', true),
    hostPID: job('hostPID', true),
    hostIPC: pod('hostIPC', true),
  },
  'A volume is of a kind that takes nothing from the node.': {
    hostPath: pod('volumes.-', { name: 'host', hostPath: { path: '/' } }),
  },
  'A pod sets no kernel parameters.': { sysctls: pod('securityContext.sysctls', []) },
  'A pod gets no variables of every Service.': { 'the default': pod('enableServiceLinks', undefined) },
  'A container runs as a user that is neither root nor one of the node.': {
    root: container('securityContext.runAsUser', 0),
    'a user of the node': pod('securityContext.runAsUser', 1001),
    'the group root': job('securityContext.runAsGroup', 0),
    'any user': pod('securityContext.runAsNonRoot', undefined),
  },
  "A container has the runtime's seccomp profile.": {
    'no profile': pod('securityContext.seccompProfile', { type: 'Unconfined' }),
  },
  'A container gains no rights.': {
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
  'A container takes no port of its node.': { hostPort: container('ports.0.hostPort', 3000) },
  'An image is named by digest.': {
    'a tag': container('image', 'claude-agent:latest'),
    'a tag in an init container': pod('initContainers', [{ name: 'init', image: 'busybox:1' }]),
  },
  'A container is sure of what it needs, and limited.': {
    'no limit of memory': container('resources.limits.memory', undefined),
    'no request': job('containers.0.resources.requests', undefined),
  },
  'No secret stands anywhere in plain text: not in the environment, an annotation, a ConfigMap or the state.': {
    'a variable': container('env.-', { name: 'X', value: `a ${secret} b` }),
    'an annotation in base64': { of: 'Service', at: 'metadata.annotations', to: { x: encoded(secret) } },
    'a ConfigMap': { add: 'kubernetes:core/v1:ConfigMap', inputs: { metadata: METADATA, data: { x: secret } } },
    'an argument': container('args', ['--token', secret]),
  },
  "The data of a Secret is encrypted in Pulumi's state.": {
    'data as it is': { of: 'Secret', at: 'data', to: { a: 'YQ==' } },
    'text as it is': { of: 'Secret', at: 'stringData', to: { a: 'a' } },
  },
  'A variable that is called a secret refers to a Secret.': {
    'a value': container('env.-', { name: 'API_KEY', value: 'x' }),
  },
  'A pod has an account of its own.': {
    'the default one': job('serviceAccountName', undefined),
    'one that is not made': job('serviceAccountName', 'another'),
  },
  'Only a pod whose account has rights gets a token of the API server.': {
    'mounting it': pod('automountServiceAccountToken', true),
    'the default': pod('automountServiceAccountToken', undefined),
    'having no rights': { remove: 'RoleBinding' },
    'projecting it': pod('volumes.-', { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
  },
  'An account gives no token to a pod that does not ask for one.': {
    'the default': { of: 'ServiceAccount', at: 'automountServiceAccountToken', to: undefined },
  },
  'Rights are for named objects of named kinds in one namespace, and never for Secrets.': {
    'a ledger of any name': { of: 'Role', at: 'rules.0.resourceNames', to: undefined },
    'every verb': role({ verbs: ['*'] }),
    'every kind': role({ resources: ['*'] }),
    Secrets: role({ resources: ['secrets'] }),
    'any name': role({ resourceNames: undefined }),
    'every namespace': role({}, 'ClusterRole'),
  },
  'Nothing is reachable from outside the cluster.': {
    'a load balancer': { of: 'Service', at: 'spec.type', to: 'LoadBalancer' },
    'an address': { of: 'Service', at: 'spec.externalIPs', to: ['203.0.113.1'] },
    'an Ingress': { add: 'kubernetes:networking.k8s.io/v1:Ingress', inputs: { metadata: METADATA } },
  },
  'A namespace takes restricted pods only.': {
    baseline: { of: 'Namespace', at: 'metadata.labels.pod-security\\.kubernetes\\.io/enforce', to: 'baseline' },
  },
  'A namespace is closed in both directions but for what policies open.': {
    'no default': { remove: 'NetworkPolicy', called: 'default-deny' },
    'a default for one direction': policy('default-deny', 'policyTypes', ['Ingress']),
    'a default for some pods': policy('default-deny', 'podSelector', { matchLabels: { a: 'b' } }),
    'a default that allows': policy('default-deny', 'egress', [{}]),
  },
  'A network policy names whom it is about, and opens no private or metadata address by a range.': {
    'an empty list of callers': policy('allow-agent', 'ingress.0.from', []),
    'no destination': policy('allow-agent', 'egress.1.to', undefined),
    'an internet with private ranges': policy('allow-agent', 'egress.0.to.0.ipBlock.except', ['10.0.0.0/8']),
  },
  'An object has a fixed name that its kind takes.': {
    'a name that Pulumi makes up': { of: 'Service', at: 'metadata.name', to: undefined },
    'a dot': { of: 'Deployment', at: 'metadata.name', to: 'claude.agent' },
    'a long name': { of: 'CronJob', at: 'metadata.name', to: 'c'.repeat(53) },
  },
  'An object is in the namespace of all.': {
    'another one': { of: 'Service', at: 'metadata.namespace', to: 'default' },
    'the current one': { of: 'PersistentVolumeClaim', at: 'metadata.namespace', to: undefined },
  },
  'An object and every pod has the recommended labels, with values that a label takes.': {
    'a pod without one': {
      of: 'Deployment',
      at: 'spec.template.metadata.labels.app\\.kubernetes\\.io/part-of',
      to: undefined,
    },
    'a value with a blank': { of: 'Secret', at: 'metadata.labels.owner', to: 'the team' },
  },
  'A workload selects the pods that it makes, and no others.': {
    'every component': { of: 'Deployment', at: `spec.selector.matchLabels.${COMPONENT}`, to: undefined },
    'another component': { of: 'Deployment', at: `spec.selector.matchLabels.${COMPONENT}`, to: 'watchdog' },
  },
  'A registry has no password, and gives nothing to anybody unknown.': {
    'the admin user': { of: 'Registry', at: 'adminUserEnabled', to: true },
    'the default': { of: 'Registry', at: 'adminUserEnabled', to: undefined },
    'pulls by anybody': { of: 'Registry', at: 'anonymousPullEnabled', to: true },
  },
  'A cluster knows logins by Entra only, with rights that Azure keeps.': {
    'local accounts': cluster('disableLocalAccounts', false),
    'no rights': cluster('enableRBAC', undefined),
    'rights that only the cluster knows': cluster('aadProfile.enableAzureRBAC', false),
    'no Entra': cluster('aadProfile', undefined),
  },
  'A cluster has identities, not secrets.': {
    'a service principal': cluster('servicePrincipalProfile', { clientId: 'x', secret: 'y' }),
    'no identity': cluster('identity', undefined),
    'an SSH key': cluster('linuxProfile', { adminUsername: 'x' }),
    'no issuer': cluster('oidcIssuerProfile.enabled', false),
    'no workload identity': cluster('securityProfile', undefined),
  },
  'A cluster has an engine for network policies.': {
    none: cluster('networkProfile.networkPolicy', 'none'),
    'the default': cluster('networkProfile.networkPolicy', undefined),
  },
  'A cluster gets its security updates by itself.': {
    'no upgrades': cluster('autoUpgradeProfile.upgradeChannel', 'none'),
    'no images for nodes': cluster('autoUpgradeProfile.nodeOSUpgradeChannel', undefined),
  },
  'A role is to pull images from one registry, and nothing else.': {
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
  'A resource in Azure has a name that Azure takes.': {
    'a hyphen': { of: 'Registry', at: 'registryName', to: 'my-registry' },
    'a name that Pulumi makes up': cluster('resourceName', undefined),
    'a kind without a rule': { add: 'azure-native:storage:StorageAccount', inputs: {} },
  },
  'A resource in Azure has tags that tell whose it is.': { 'no tags': cluster('tags', undefined) },
  'What holds data cannot be deleted by mistake.': {
    'a registry without protection': { unprotect: 'Registry' },
    'a cluster without protection': { unprotect: 'ManagedCluster' },
    'a volume without protection': { unprotect: 'PersistentVolumeClaim' },
    'a namespace without protection': { unprotect: 'Namespace' },
  },
});

/** At least one for each rule. `secret` is a text that some Secret of the stack holds. */
export function mutations(secret: string): Mutation[] {
  return Object.entries(CHANGES(secret)).flatMap(([breaks, changes]) =>
    Object.entries(changes).map(([by, change]) => ({ breaks, by, change })),
  );
}
