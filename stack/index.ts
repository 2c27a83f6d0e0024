/**
 * The Pulumi program: composes the components and exports what a caller needs. `pulumi stack output` shows the exports;
 * none of them is a secret.
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
import { Certificates } from './components/certificates.ts';
import { ClaudeConfig } from './components/secrets/claude-config.ts';
import { engineConfig } from './config/engine-source.ts';
import { credentialsOf } from './config/git-hosts.ts';
import { readConfig } from './config/config.ts';
import type { IngressConfig } from './config/ingress.ts';
import type { StackConfig } from './config/config.ts';
import type { RunnersConfig } from './config/runners.ts';
import { CredentialSecret, federatedLogin } from './components/secrets/credential.ts';
import { withLabels } from './components/extra-labels.ts';
import { GitCredentials } from './components/secrets/git-credentials.ts';
import { TracingHeaders } from './components/secrets/tracing-headers.ts';
import { AgentImage } from './components/image.ts';
import { livePolicies } from './components/live-policies.ts';
import { AgentNamespace } from './components/namespace.ts';
import { NAMES, SERVICE_URL, TOKEN_FILE } from './names.ts';
import { Network } from './components/network.ts';
import { suggestFor } from './next-command.ts';
import { RunnerService } from './components/runner-service.ts';
import { runtimeClassIn } from './components/runtime-class.ts';
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
// Everything on this machine is read before the first resource is registered.
const seed = config.authMode === 'session' ? seedOfThisMachine() : undefined;
const agentToken = config.agentToken ?? readTokenFile(projectDir);
// Without an engine nothing exists yet.
const hasEngine = pulumi.runtime.getEngine() !== undefined;
const earlier = hasEngine ? earlierRecords() : [];
const target = await targetOf(config);
const cluster = new Provider(
  'cluster',
  {
    // Empty means the kubeconfig that kubectl uses on each machine. Otherwise the SDK writes the path in KUBECONFIG into the
    // state, and a refresh on a machine without that file finds no cluster.
    kubeconfig: '',
    ...target.access,
    // Otherwise a change of its data deletes the Secret first.
    enableSecretMutable: true,
    enableConfigMapMutable: true,
    // Reverts changes made with kubectl; otherwise the API server reports a conflict of field managers.
    enablePatchForce: true,
    // The default is five requests a second, which delays a refresh of these objects by seconds.
    kubeClientSettings: { qps: 50, burst: 100 },
  },
  { dependsOn: [...target.ready] },
);
const opts = { providers: [cluster], transformations: [withLabels(config.extraLabels)] };

const { registry, beforePush, identityClientId } = target;
const built = new AgentImage('image', { ...config, registry, beforePush, pinned: config.pinnedImage, projectDir });
const { namespaceName } = new AgentNamespace('namespace', config, opts);
const liveIn = (name?: string) => (hasEngine ? livePolicies(target.access, name) : pulumi.output([]));
const network = new Network(
  'network',
  { ...config, namespace: namespaceName, apiServer: apiServer(cluster), live: liveIn() },
  opts,
);

if (agentToken === undefined)
  void pulumi.log.warn(`The API token stays unchanged: this checkout has no ${TOKEN_FILE}.`);
const tokens = new Tokens(
  'tokens',
  {
    namespace: namespaceName,
    agentToken,
    callers: config.callers,
    callbackSecret: config.callbackSecret,
    hasRunners: config.runners !== undefined,
  },
  opts,
);

const credential = login();
const claude = claudeConfig();
const git = gitCredentials();
const certificates =
  config.extraCertificates === undefined
    ? undefined
    : new Certificates('certificates', { namespace: namespaceName, pem: config.extraCertificates }, opts);
const service = new AgentService(
  'agent',
  {
    namespace: namespaceName,
    config,
    image: built.reference,
    login: credential,
    tokens,
    claudeConfig: claude,
    gitCredentials: git,
    certificates,
    tracingHeaders: tracingHeaders(),
    identityClientId,
  },
  // A pod never exists without the network policies, not even when an update is cut off.
  { ...opts, dependsOn: network },
);
const runners =
  config.runners && tokens.runnerKey
    ? [
        new RunnerService(
          'runner',
          {
            namespace: namespaceName,
            config,
            runners: config.runners,
            runtimeClassName: runtimeClassOf(config.runners),
            image: built.reference,
            publicKey: tokens.runnerKey.publicKey,
            workspaceClaim: service.workspaceClaim,
          },
          { ...opts, dependsOn: network },
        ),
      ]
    : [];
const watchdog = new Watchdog(
  'watchdog',
  {
    namespace: namespaceName,
    image: built.reference,
    config,
    tokens,
    certificates,
  },
  // The policies here too: the watchdog does not wait for the agent, whose pod takes the longest.
  { ...opts, dependsOn: [network, built] },
);
const outside = config.ingress ? [await wayIn(config.ingress)] : [];
new UpdateHistory(
  'updates',
  {
    namespace: namespaceName,
    image: built.reference,
    loginChecksum: credential.checksum,
    tokenChecksum: tokens.checksum,
    claudeChecksum: claude?.checksum,
    gitChecksum: git?.checksum,
    config: config.plain,
    // Must be read before this is registered: the read returns the state at that moment.
    earlier: await earlier,
    after: [network, service, ...runners, watchdog, ...outside],
  },
  opts,
);

/** The namespace of all objects. */
export const namespace = namespaceName;
/** The Deployment, for `kubectl -n claude-agent logs deployment/…`. */
export const deployment = service.deploymentName;
/** The image that the pods run, by digest. Set config `image` to it to return to this image. */
export const image = built.reference;
/** Where the API is: with `host`, for everybody whom `sourceRanges` admits; otherwise in the cluster only. */
export const agentUrl = config.ingress ? `https://${config.ingress.host}` : SERVICE_URL;
/** Where the status page is for people; null if the stack does not know. */
export const pageUrl = config.pageUrl ?? null;
/** Where an n8n in the cluster calls the agent: `POST` with a bearer token. */
export const runUrl = `${SERVICE_URL}/run`;
/** Prints the agent's health; needs `kubectl`. */
export const healthCommand = `kubectl -n ${NAMES.namespace} exec deploy/${NAMES.deployment} -- curl -s localhost:${AGENT_PORT}/health`;
/** Makes the watchdog check the login now; the Job fails when somebody has to log in. */
export const watchdogCommand = `kubectl -n ${NAMES.namespace} create job --from=cronjob/${NAMES.watchdog} manual-check`;
/**
 * With target azure: links to the resource group, workloads, registry, logs and identity in the Azure portal. Otherwise
 * null, because Pulumi warns about an undefined export in each update.
 */
export const portal = target.portal ?? null;

async function targetOf({ azure, protectData, registry, kubeContext }: StackConfig): Promise<Target> {
  if (azure === undefined) {
    return { registry, access: kubeContext === undefined ? {} : { context: kubeContext }, ready: [] };
  }
  // Loaded on demand: Azure's resources would add a fifth to the start of the program for every other target.
  const [{ AzureTarget }, { checkOperator }] = await Promise.all([
    import('./azure/target.ts'),
    import('./azure/operator.ts'),
  ]);
  if (hasEngine) await checkOperator(azure.subscription);
  return new AzureTarget('azure', { azure, protectData });
}

/** Loaded on demand: most stacks have none. */
async function wayIn(ingress: IngressConfig): Promise<pulumi.Resource> {
  if (ingress.kind === 'ingress') {
    const { IngressRoute } = await import('./components/ingress/ingress-route.ts');
    return new IngressRoute('ingress', { namespace: namespaceName, ingress }, { ...opts, dependsOn: network });
  }
  const { GatewayRoute } = await import('./components/ingress/gateway-route.ts');
  const live = liveIn(NAMES.gatewayNamespace);
  return new GatewayRoute('ingress', { namespace: namespaceName, ingress, live }, { ...opts, dependsOn: network });
}

function runtimeClassOf({ runtimeClass }: RunnersConfig): pulumi.Input<string> | undefined {
  return runtimeClass !== undefined && hasEngine ? runtimeClassIn(target.access, runtimeClass) : runtimeClass;
}

function claudeConfig(): ClaudeConfig | undefined {
  const { mcpServers, claudeSettings } = config;
  if (mcpServers === undefined && claudeSettings === undefined) return undefined;
  return new ClaudeConfig('claude-config', { namespace: namespaceName, mcpServers, claudeSettings }, opts);
}

function gitCredentials(): GitCredentials | undefined {
  const { gitHosts, gitCredentials: all } = config;
  const names = credentialsOf(gitHosts);
  if (all === undefined || names.length === 0) return undefined;
  return new GitCredentials('git-credentials', { namespace: namespaceName, all, names }, opts);
}

function tracingHeaders(): TracingHeaders | undefined {
  const { otlpHeaders: headers } = config;
  return headers && new TracingHeaders('tracing-headers', { namespace: namespaceName, headers }, opts);
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
    found.kind === 'files' ? found.warnings : [`Secret ${NAMES.sessionSecret} stays unchanged: ${found.reason}.`];
  for (const warning of warnings) void pulumi.log.warn(warning);
  return found;
}
