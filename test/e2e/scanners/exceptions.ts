/** A finding of a scanner that we live with. */
export interface Exception {
  readonly scanner: 'kube-score' | 'checkov';
  readonly check: string;
  readonly object: string;
  /** Why it is right as it is. */
  readonly reason: string;
}

const ONE_POD =
  'One process renews the login, and the records of runs are on a volume for one pod: two at a time would log each other out.';
const BY_DIGEST =
  'The image is named by digest, so what a node has is what the registry has; asking each time would make every start need the registry.';

/** Every finding that we live with. A test fails where one of them is no longer found. */
export const EXCEPTIONS: readonly Exception[] = [
  { scanner: 'kube-score', check: 'deployment-replicas', object: 'Deployment/claude-code-agent', reason: ONE_POD },
  { scanner: 'kube-score', check: 'deployment-strategy', object: 'Deployment/claude-code-agent', reason: ONE_POD },
  ...[
    'Deployment/claude-code-agent',
    'Deployment/claude-code-runner',
    'CronJob/claude-auth-watchdog',
    'CronJob/claude-maintenance-start',
    'CronJob/claude-maintenance-end',
  ].map(
    (object) => ({ scanner: 'kube-score', check: 'container-image-pull-policy', object, reason: BY_DIGEST }) as const,
  ),
  {
    scanner: 'kube-score',
    check: 'networkpolicy-targets-pod',
    object: 'NetworkPolicy/allow-acme-solver',
    reason: 'The pods are those of cert-manager, which are there as long as a challenge takes.',
  },
  {
    scanner: 'kube-score',
    check: 'pod-probes-identical',
    object: 'Deployment/claude-code-runner',
    reason: 'A runner depends on nothing that could make it unready while it is alive; a restart takes more failures.',
  },
  {
    scanner: 'kube-score',
    check: 'deployment-has-host-podantiaffinity',
    object: 'Deployment/claude-code-runner',
    reason:
      "The scheduler's own default spreads them over nodes; a rule of ours would need a node for each where there are few.",
  },
  {
    scanner: 'kube-score',
    check: 'deployment-has-poddisruptionbudget',
    object: 'Deployment/claude-code-runner',
    reason: 'A runner that is evicted finishes its run within graceSeconds; a budget could block the drain of a node.',
  },
  {
    scanner: 'checkov',
    check: 'CKV_K8S_35',
    object: 'Deployment/claude-code-agent',
    reason:
      'The variables from a Secret are SHA-256 sums of random tokens, which open nothing; every credential is a mounted file.',
  },
];
