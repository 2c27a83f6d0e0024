import { TOKEN_FILE as TOKEN_FILE_NAME } from '../agent/contract.ts';

/** Names that runbooks, n8n workflows and muscle memory depend on. They never change. */
export const NAMES = {
  namespace: 'claude-agent',
  deployment: 'claude-code-agent',
  service: 'claude-agent',
  /** The Gateway or Ingress, and the routes. */
  ingress: 'claude-agent',
  /** Of the Gateway, and of the proxies that a controller starts for it. */
  gatewayNamespace: 'claude-agent-gateway',
  runner: 'claude-code-runner',
  watchdog: 'claude-auth-watchdog',
  maintenanceStart: 'claude-maintenance-start',
  maintenanceEnd: 'claude-maintenance-end',
  image: 'claude-agent',
  sessionSecret: 'claude-session',
  credentialSecret: 'claude-credential',
  configSecret: 'claude-config',
  gitSecret: 'claude-git',
  tracingSecret: 'claude-tracing',
  agentTokenSecret: 'claude-agent-token',
  watchdogTokenSecret: 'claude-watchdog-token',
  callbackSecret: 'claude-callback-secret',
  runnerKeySecret: 'claude-runner-key',
  watchdogNotifySecret: 'claude-watchdog-notify',
  volume: 'claude-agent-data',
  workspaceVolume: 'claude-agent-workspace',
  certificates: 'claude-certificates',
  updates: 'claude-agent-updates',
} as const;

/** The API token's file, below the root of the repository; `npm start` uses the same. */
export const TOKEN_FILE = `.local/${TOKEN_FILE_NAME}`;

/** The API token before its rotation, which stays valid as long as this file exists. */
export const EARLIER_TOKEN_FILE = `${TOKEN_FILE}-earlier`;

/** Where callers in the cluster reach the agent: the Service on port 80. */
export const SERVICE_URL = `http://${NAMES.service}.${NAMES.namespace}.svc`;

/** The parts of the system, as `app.kubernetes.io/component`. */
export type Part = 'agent' | 'runner' | 'watchdog' | 'namespace' | 'ingress';

/** Labels that select the pods of a part. Selectors are immutable, so they contain only what never changes. */
export function selectorLabels(part: Part): Record<string, string> {
  return {
    'app.kubernetes.io/name': NAMES.deployment,
    'app.kubernetes.io/instance': NAMES.namespace,
    'app.kubernetes.io/component': part,
  };
}

/** Labels of every object. */
export function labels(part: Part): Record<string, string> {
  return {
    ...selectorLabels(part),
    'app.kubernetes.io/part-of': NAMES.deployment,
    'app.kubernetes.io/managed-by': 'pulumi',
  };
}

/** Prefix of our own annotations. */
export const ANNOTATION = 'claude-agent';

/** Annotations of an object for which an update does not wait. */
export const SKIP_AWAIT = { 'pulumi.com/skipAwait': 'true' } as const;

/** Paths in the pods. */
export const PATHS = {
  state: '/data',
  home: '/data/home',
  workspace: '/workspace',
  tmp: '/tmp',
  session: '/var/run/claude-session',
  credential: '/var/run/claude-credential',
  callback: '/var/run/claude-callback',
  config: '/var/run/claude-config',
  git: '/var/run/claude-git',
  certificates: '/var/run/claude-certificates',
  tracing: '/var/run/claude-tracing',
  runnerKey: '/var/run/claude-runner-key',
  runnerHome: '/home/runner',
  /** Where a client in a pod looks for its ServiceAccount. */
  account: '/var/run/secrets/kubernetes.io/serviceaccount',
} as const;
