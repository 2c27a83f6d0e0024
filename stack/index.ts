/**
 * The Pulumi program: composes the components and exports what a caller needs. `pulumi stack output` shows the exports,
 * none of them a secret.
 * @module
 */
import * as os from 'node:os';
import * as path from 'node:path';

import { Provider } from '@pulumi/kubernetes/provider.js';
import * as pulumi from '@pulumi/pulumi';

import { AGENT_PORT } from '../agent/contract.ts';
import type { Login } from './components/secrets/credential.ts';
import { AgentService } from './components/agent-service.ts';
import { apiServer } from './components/api-server.ts';
import { ClaudeConfig } from './components/secrets/claude-config.ts';
import { engineConfig } from './config/engine-source.ts';
import { readConfig } from './config/config.ts';
import type { StackConfig } from './config/config.ts';
import { CredentialSecret, federatedLogin } from './components/secrets/credential.ts';
import { withLabels } from './components/extra-labels.ts';
import { AgentImage } from './components/image.ts';
import { livePolicies } from './components/live-policies.ts';
import { AgentNamespace } from './components/namespace.ts';
import { NAMES, SERVICE_URL, TOKEN_FILE } from './names.ts';
import { Network } from './components/network.ts';
import { suggestFor } from './next-command.ts';
import { SessionSecret } from './components/secrets/session.ts';
import { readSeed } from './session/seed.ts';
import type { Seed } from './session/seed.ts';
import type { Target } from './components/target.ts';
import { readTokenFile, Tokens } from './components/secrets/tokens.ts';
import { earlierRecords, UpdateHistory } from './components/update-history.ts';
import { Watchdog } from './components/watchdog.ts';

const projectDir = path.resolve(import.meta.dirname, '..');
suggestFor(pulumi.getStack());
const config = readConfig(engineConfig());
// All that this machine has is read before the first resource is registered.
const seed = config.authMode === 'session' ? seedOfThisMachine() : undefined;
const agentToken = config.agentToken ?? readTokenFile(projectDir);
// Without an engine nothing is there yet.
const hasEngine = pulumi.runtime.getEngine() !== undefined;
const earlier = hasEngine ? earlierRecords() : [];
const target = await targetOf(config);
const cluster = new Provider(
  'cluster',
  {
    // Empty is what kubectl takes, on each machine its own. The SDK would put the path in KUBECONFIG into the state, and
    // the next refresh from a machine where there is no such file would find no cluster.
    kubeconfig: '',
    ...target.access,
    // Otherwise a change of a Secret's data deletes it first.
    enableSecretMutable: true,
    enableConfigMapMutable: true,
    // What somebody changed by kubectl is taken back; the API server would answer with a conflict of field managers.
    enablePatchForce: true,
    // By default five requests a second, on which a refresh of these objects waits for seconds.
    kubeClientSettings: { qps: 50, burst: 100 },
  },
  { dependsOn: [...target.ready] },
);
const opts = { providers: [cluster], transformations: [withLabels(config.extraLabels)] };

const { registry, beforePush, identityClientId } = target;
const built = new AgentImage('image', { ...config, registry, beforePush, pinned: config.pinnedImage, projectDir });
const { namespaceName } = new AgentNamespace('namespace', config, opts);
const live = hasEngine ? livePolicies(target.access) : pulumi.output([]);
const network = new Network(
  'network',
  { ...config, namespace: namespaceName, apiServer: apiServer(cluster), live },
  opts,
);

if (agentToken === undefined) void pulumi.log.warn(`The API token stays as it is: there is no ${TOKEN_FILE} here.`);
const tokens = new Tokens(
  'tokens',
  { namespace: namespaceName, agentToken, callbackSecret: config.callbackSecret },
  opts,
);

const credential = login();
const claude = claudeConfig();
const service = new AgentService(
  'agent',
  {
    namespace: namespaceName,
    config,
    image: built.reference,
    login: credential,
    tokens,
    claudeConfig: claude,
    identityClientId,
  },
  // No pod is there before the policies are, nor after, not even when an update is cut off.
  { ...opts, dependsOn: network },
);
const watchdog = new Watchdog(
  'watchdog',
  {
    namespace: namespaceName,
    image: built.reference,
    config,
    tokens,
  },
  // Nor while the agent's pod, which takes the longest, has yet to be made.
  { ...opts, dependsOn: [network, built] },
);
new UpdateHistory(
  'updates',
  {
    namespace: namespaceName,
    image: built.reference,
    loginChecksum: credential.checksum,
    tokenChecksum: tokens.checksum,
    claudeChecksum: claude?.checksum,
    config: config.plain,
    // Not registered before they are read: what reads them looks into the state as it is at that moment.
    earlier: await earlier,
    after: [network, service, watchdog],
  },
  opts,
);

/** The namespace of everything. */
export const namespace = namespaceName;
/** The Deployment, for `kubectl -n claude-agent logs deployment/…`. */
export const deployment = service.deploymentName;
/** What the pods run, by digest; config `image` takes it to come back to it. */
export const image = built.reference;
/** Where n8n calls the agent: `POST` with a bearer token. */
export const runUrl = `${SERVICE_URL}/run`;
/** Asks the agent how it is, from where `kubectl` works. */
export const healthCommand = `kubectl -n ${NAMES.namespace} exec deploy/${NAMES.deployment} -- curl -s localhost:${AGENT_PORT}/health`;
/** Has the watchdog look at the login now; the Job fails when somebody has to log in. */
export const watchdogCommand = `kubectl -n ${NAMES.namespace} create job --from=cronjob/${NAMES.watchdog} manual-check`;
/**
 * With target azure: addresses of the resource group, workloads, registry, logs and identity in Azure's portal. Else null:
 * what is undefined Pulumi warns of in each update.
 */
export const portal = target.portal ?? null;

async function targetOf({ azure, protectData, registry, kubeContext }: StackConfig): Promise<Target> {
  if (azure === undefined) {
    return { registry, access: kubeContext === undefined ? {} : { context: kubeContext }, ready: [] };
  }
  // Loaded here, since Azure's resources would be a fifth of the program's start for every other target.
  const [{ AzureTarget }, { checkOperator }] = await Promise.all([
    import('./azure/target.ts'),
    import('./azure/operator.ts'),
  ]);
  if (hasEngine) await checkOperator(azure.subscription);
  return new AzureTarget('azure', { azure, protectData });
}

function claudeConfig(): ClaudeConfig | undefined {
  const { mcpServers, claudeSettings } = config;
  if (mcpServers === undefined && claudeSettings === undefined) return undefined;
  return new ClaudeConfig('claude-config', { namespace: namespaceName, mcpServers, claudeSettings }, opts);
}

function login(): Login {
  if (config.federation !== undefined) return federatedLogin(config.federation);
  if (seed === undefined) {
    const { secretName, items, checksum } = new CredentialSecret(
      'credential',
      { namespace: namespaceName, claudeToken: config.claudeToken },
      opts,
    );
    return { kind: 'credential', secretName, items, checksum };
  }
  const { secretName, items, checksum } = new SessionSecret('session', { namespace: namespaceName, seed }, opts);
  return { kind: 'session', secretName, items, checksum };
}

function seedOfThisMachine(): Seed {
  if (config.sessionFrom === 'cluster') return { kind: 'none', reason: 'sessionFrom is cluster' };
  const found = readSeed({
    sessionDir: config.sessionDir,
    extras: config.sessionExtras,
    projectDir,
    homeDir: os.homedir(),
    platform: process.platform,
  });
  const warnings =
    found.kind === 'files' ? found.warnings : [`Secret ${NAMES.sessionSecret} stays as it is: ${found.reason}.`];
  for (const warning of warnings) void pulumi.log.warn(warning);
  return found;
}
