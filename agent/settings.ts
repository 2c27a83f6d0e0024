import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import type { CallerSetting } from './callers/rules.ts';
import { callersSetting, sharedHashes } from './callers/setting.ts';
import type { BudgetSetting } from './budgets/rules.ts';
import { budgetMistakes, budgetsSetting } from './budgets/setting.ts';
import { isCallbackHost } from './callbacks/hosts.ts';
import { parseSecrets } from './callbacks/signature.ts';
import type { Federation } from './login/federation.ts';
import { CannotStartError } from './cannot-start.ts';
import { conflictOf } from './decisions/rules.ts';
import { approveRuleMistake } from './http/api/approve-rule.ts';
import { claudeSettings, mcpConfig, mistakesIn } from './claude/config-files.ts';
import {
  AGENT_ENV,
  AGENT_PORT,
  ALLOWED_HOST,
  AUTH_MODES,
  GATEWAY_PORT,
  LOG_LEVELS,
  MAX_DECISION_MINUTES,
  MAX_RUN_MINUTES,
  MAX_SLOTS,
  MODEL,
  MODEL_ALLOWED,
  ON_USAGE_LIMIT,
  PERMISSION_MODES,
  WORKSPACE_LIFETIMES,
  type AuthMode,
  type OnUsageLimit,
  type PermissionMode,
  type WorkspaceLifetime,
} from './contract.ts';
import type { GitHostSetting } from './git/rules.ts';
import { gitHostsSetting } from './git/setting.ts';
import { MAX_TRUSTED_PROXIES } from './http/reach/rules.ts';
import { reachMistakes, sourceRangesSetting, type ReachSettings } from './http/reach/settings.ts';
import { credentialMistakes, readFederation, strayCredentials } from './login/credential-settings.ts';
import { readCluster, type Cluster } from './runner/client/kubernetes.ts';
import { readTracing, type TracingSettings } from './tracing/setting.ts';
import {
  absolute,
  existing,
  integer,
  invalidSettings,
  isExecutable,
  isFile,
  isFolder,
  oneOf,
  readAll,
  unknownNames,
  textOf,
} from './setting-values.ts';

/** How the agent reaches runners, and they its gateway. */
export interface RunnersSettings {
  /** The host name whose addresses are the runners. */
  readonly name: string;
  readonly port: number;
  /** The agent's Ed25519 key, a secret; undefined for one that the agent makes. */
  readonly privateKey: KeyObject | undefined;
  /** Where the agent writes the public key for runners. */
  readonly publicKeyFile: string | undefined;
  /** How many runners are kept for processes that are started ahead, beyond those that have a run. */
  readonly warm: number;
  /** Where the pod of a runner is deleted after its run; undefined if runners are for many runs. */
  readonly cluster: Cluster | undefined;
  readonly gatewayHost: string;
  /** With 0 the operating system chooses a free port. */
  readonly gatewayPort: number;
  /** The address of the gateway for runners. */
  readonly gatewayUrl: string;
}

/** The settings of one agent process. Paths are absolute. */
export interface Settings extends ReachSettings {
  readonly host: string;
  /** With 0 the operating system chooses a free port. */
  readonly port: number;
  /** Host names that people and proxies use for the agent, see `agent/http/own-site.ts`. */
  readonly allowedHosts: readonly string[];
  /** The API token in plain text, if it was given in plain text; a secret. */
  readonly token: string | undefined;
  /** SHA-256 of the API token in lower-case hex, if only the hash was given. */
  readonly tokenSha256: string | undefined;
  /** SHA-256 of the API token before the last rotation, while it is still valid. */
  readonly earlierTokenSha256: string | undefined;
  /** SHA-256 of the watchdog's token, which gives access to `/auth/check`, `/pause`, `/resume` and `/metrics` only. */
  readonly watchdogTokenSha256: string | undefined;
  /** A file with that token instead, which the agent makes. */
  readonly watchdogTokenFile: string | undefined;
  /** Callers besides the operator and the watchdog. */
  readonly callers: readonly CallerSetting[];
  /** How much runs may spend in a period. */
  readonly budgets: readonly BudgetSetting[];
  readonly stateDir: string;
  readonly workspaceDir: string;
  /** The seed; undefined if the operator's own session is used directly. */
  readonly sessionDir: string | undefined;
  /** An executable to use instead of the pinned CLI. */
  readonly claudePath: string | undefined;
  /** How many runs may be in progress on this machine; 0 with runners, whose number decides. */
  readonly slots: number;
  /** Where runs are executed instead of this machine; undefined for this machine. */
  readonly runners: RunnersSettings | undefined;
  /** How many further runs may wait. */
  readonly queueLimit: number;
  readonly onUsageLimit: OnUsageLimit;
  /** The longest `timeout` that `POST /runs` accepts. */
  readonly maxRunMinutes: number;
  /** How long runs in progress may continue after SIGTERM. */
  readonly graceSeconds: number;
  /** The model for runs that name none; undefined for the CLI's default. */
  readonly model: string | undefined;
  readonly permissionMode: PermissionMode;
  /** Tools that a person must allow in every run, see `agent/decisions/rules.ts`. */
  readonly approve: readonly string[];
  /** How long a decision of a person may take. */
  readonly decisionMinutes: number;
  readonly authMode: AuthMode;
  /** The file that holds the OAuth token, API key or identity token, depending on `authMode`. */
  readonly credentialFile: string | undefined;
  /** For `authMode` federation. */
  readonly federation: Federation | undefined;
  /** Whether processes are started ahead of time for the runs that come next. */
  readonly warmStart: boolean;
  /** Processes are started ahead of time only while at least this much memory is available, in mebibytes. */
  readonly warmStartFreeMegabytes: number;
  /** JSON files with MCP servers and settings for every run, for `--mcp-config` and `--settings` of the CLI. */
  readonly mcpConfig: string | undefined;
  readonly claudeSettings: string | undefined;
  readonly workspaceLifetime: WorkspaceLifetime;
  /** No run starts while the workspace is larger; undefined for no limit. */
  readonly workspaceMegabytes: number | undefined;
  /** Conversations in the agent's own session folder are removed beyond this age or total size. */
  readonly conversationDays: number;
  readonly conversationMegabytes: number;
  /** Limits in mebibytes: of a file, of the files that go into a run and of those that it leaves, and of all files. */
  readonly fileMegabytes: number;
  readonly runFilesMegabytes: number;
  readonly filesMegabytes: number;
  /** Records of runs are removed, oldest first, beyond this age, number or total size. */
  readonly recordDays: number;
  readonly recordCount: number;
  readonly recordMegabytes: number;
  /** How long is kept what Claude did in a run, at most as long as its record; 0 for nothing. */
  readonly transcriptDays: number;
  /** Hosts that callbacks may go to, see `agent/callbacks/hosts.ts`. If there are none, callbacks are refused. */
  readonly callbackHosts: readonly string[];
  /** The file with the secrets that sign callbacks; undefined if the agent generates one. */
  readonly callbackSecretFile: string | undefined;
  /** Timeout of one attempt. */
  readonly callbackTimeoutSeconds: number;
  /** How long after the end of its run a callback is still attempted. */
  readonly callbackGiveUpSeconds: number;
  /** Repositories that runs may work on, see `agent/git/rules.ts`. If there are none, a run with one is refused. */
  readonly gitHosts: readonly GitHostSetting[];
  /** How much a run may fetch from its repository, in mebibytes. */
  readonly gitMegabytes: number;
  /** The URL of n8n for links on the status page, without a trailing slash. */
  readonly n8nUrl: string | undefined;
  /** Where the spans of runs go; undefined if there are none. */
  readonly tracing: TracingSettings | undefined;
  /** The Pulumi stack that deployed the agent, for the commands that messages suggest. */
  readonly stack: string | undefined;
  readonly logLevel: string;
  /** The agent's own environment, of which a `claude` process gets a few variables; see `agent/claude/environment.ts`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Warnings for the log. */
  readonly notes: readonly string[];
}

/** Thrown by {@link readSettings}; the message lists every invalid setting, one per line. */
export class SettingsError extends CannotStartError {
  override readonly name = 'SettingsError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(invalidSettings('The agent', mistakes));
    this.mistakes = mistakes;
  }
}

/** `local` or `local:N`: N processes on this machine. */
const LOCAL = /^local(?::([1-9]\d?))?$/;
/** The addresses of a host name: runners. */
const REMOTE = /^http:\/\/([\w.-]+):(\d{1,5})\/?$/;
const slotsOf = (runners: string) => (REMOTE.test(runners) ? 0 : Number(LOCAL.exec(runners)?.[1] ?? 1));
const isRunners = (value: string) =>
  LOCAL.test(value) ? slotsOf(value) <= MAX_SLOTS : Number(REMOTE.exec(value)?.[2] ?? Infinity) <= 65_535;

const jsonFile = (schema: z.ZodType, what: string) =>
  existing('an existing file', isFile).superRefine((file, context) => {
    if (!isFile(file)) return;
    const mistakes = mistakesIn(file, schema);
    if (mistakes.length > 0) context.addIssue(`${what}; in the file: ${mistakes.join('; ')}`);
  });

const list = z
  .string()
  .default('')
  .transform((value) => value.split(/[\s,]+/).filter(Boolean));

const callbackHosts = list.refine(
  (entries) => entries.every(isCallbackHost),
  'hosts, separated by commas: n8n.example.org, n8n.n8n.svc:5678, *.example.org',
);

const allowedHosts = list.refine(
  (entries) => entries.every((entry) => ALLOWED_HOST.test(entry)),
  'host names without a port, separated by commas: claude.example.org, *.example.org',
);

const APPROVED = 'tools as in `approve` of a run, as a JSON list: ["WebFetch", "Bash"]';
/** Names without a pattern may also be separated by commas. */
const approve = z
  .string()
  .default('')
  .transform((value, context) => {
    const entries = value.trim().startsWith('[') ? listIn(value) : value.split(/[\s,]+/).filter(Boolean);
    const wrong = entries?.find((rule) => approveRuleMistake(rule) !== undefined);
    if (entries && wrong === undefined) return entries;
    const why = wrong === undefined ? '' : `; ${JSON.stringify(wrong)} ${approveRuleMistake(wrong) ?? ''}`;
    context.addIssue(`${APPROVED}${why}`);
    return z.NEVER;
  });

const webUrl = z
  .string()
  .refine(
    (value) => /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/.test(value) && URL.canParse(value),
    'an http(s) URL without user, query or fragment',
  );

const sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, 'the 64 hex digits of a SHA-256')
  .transform((value) => value.toLowerCase());

/** The allowed values of each setting, and its default if that is fixed. */
export const SCHEMAS = {
  host: z.string().regex(/^\S+$/, 'a host name or an IP address to listen on').default('127.0.0.1'),
  port: integer(0, 65_535).default(AGENT_PORT),
  allowedHosts,
  pageUrl: webUrl.optional(),
  trustedProxies: integer(0, MAX_TRUSTED_PROXIES).default(0),
  sourceRanges: sourceRangesSetting,
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'visible ASCII characters without white space')
    .optional(),
  tokenSha256: sha256.optional(),
  earlierTokenSha256: sha256.optional(),
  watchdogTokenSha256: sha256.optional(),
  watchdogTokenFile: absolute.optional(),
  callers: callersSetting,
  budgets: budgetsSetting,
  stateDir: absolute.default(path.resolve('.local')),
  workspaceDir: absolute.optional(),
  sessionDir: existing('an existing folder that holds a Claude session', isFolder).optional(),
  claudePath: existing('an existing executable file', isExecutable).optional(),
  runners: z
    .string()
    .refine(
      isRunners,
      `local, local:N for N runs at a time (1 to ${MAX_SLOTS}), or http://NAME:PORT for the runners at the addresses of a name`,
    )
    .default('local'),
  warmRunners: integer(0, 100).default(0),
  runnerReuse: oneOf(['on', 'off']).default('on'),
  runnerKeyFile: existing(
    'an existing file with an Ed25519 private key in PEM',
    (file) => keyIn(file) !== undefined,
  ).optional(),
  runnerPublicKeyFile: absolute.optional(),
  gatewayHost: z.string().regex(/^\S+$/, 'a host name or an IP address to listen on').default('127.0.0.1'),
  gatewayPort: integer(0, 65_535).default(GATEWAY_PORT),
  gatewayUrl: z
    .string()
    .regex(/^http:\/\/[^\s/?#@]+$/, 'an http URL without user, path or query, such as http://claude-code-agent:3001')
    .optional(),
  queueLimit: integer(0, 10_000).default(100),
  onUsageLimit: oneOf(ON_USAGE_LIMIT).default('wait'),
  maxRunMinutes: integer(1, MAX_RUN_MINUTES).default(60),
  graceSeconds: integer(0, 3600).default(30),
  model: z.string().regex(MODEL, MODEL_ALLOWED).optional(),
  permissionMode: oneOf(PERMISSION_MODES).optional(),
  approve,
  decisionMinutes: integer(1, MAX_DECISION_MINUTES).default(15),
  authMode: oneOf(AUTH_MODES).default('session'),
  credentialFile: existing('an existing file', isFile).optional(),
  warmStart: oneOf(['true', 'false', 'on', 'off'])
    .default('true')
    .transform((value) => value === 'true' || value === 'on'),
  warmStartFreeMegabytes: integer(0, 10_000_000).default(512),
  mcpConfig: jsonFile(mcpConfig, 'a JSON file with MCP servers in mcpServers').optional(),
  claudeSettings: jsonFile(claudeSettings, 'a JSON file with settings of claude').optional(),
  workspaceLifetime: oneOf(WORKSPACE_LIFETIMES).optional(),
  workspaceMegabytes: integer(1, 10_000_000).optional(),
  conversationDays: integer(1, 3650).default(30),
  conversationMegabytes: integer(10, 1_000_000).default(2048),
  fileMegabytes: integer(1, 10_000).default(32),
  runFilesMegabytes: integer(1, 10_000).default(128),
  filesMegabytes: integer(1, 1_000_000).default(2048),
  recordDays: integer(1, 3650).default(30),
  recordCount: integer(1, 1_000_000).default(10_000),
  recordMegabytes: integer(10, 100_000).default(512),
  transcriptDays: integer(0, 3650).default(30),
  callbackHosts,
  callbackSecretFile: existing(
    'an existing file with one secret per line: whsec_ and the base64 of 24 to 64 bytes',
    holdsSecrets,
  ).optional(),
  callbackTimeoutSeconds: integer(1, 60).default(15),
  callbackGiveUpSeconds: integer(1, 604_800).default(86_400),
  gitHosts: gitHostsSetting,
  gitMegabytes: integer(1, 100_000).default(1024),
  n8nUrl: webUrl.transform((value) => value.replace(/\/+$/, '')).optional(),
  otlpHeadersFile: existing(
    'an existing file with HTTP headers, each as KEY=VALUE in a line of its own',
    isFile,
  ).optional(),
  stack: z
    .string()
    .regex(/^[\w./-]+$/, "the name of a stack: letters, digits, '_', '-', '.' and '/'")
    .optional(),
  logLevel: oneOf(LOG_LEVELS).default('info'),
} satisfies Record<keyof typeof AGENT_ENV, z.ZodType>;

const variables = Object.values(AGENT_ENV);

/** Settings whose value never appears in a message: it is a secret, or a secret may be there by mistake. */
const SECRET: ReadonlySet<string> = new Set([
  'gitHosts',
  'token',
  'tokenSha256',
  'earlierTokenSha256',
  'watchdogTokenSha256',
]);

/**
 * Reads and checks every setting of the agent. The only reader of the environment in the agent.
 * @throws {SettingsError} that lists all invalid settings.
 */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const { values, mistakes } = readAll(SCHEMAS, AGENT_ENV, SECRET, env);

  if (values.token !== undefined && values.tokenSha256 !== undefined) {
    mistakes.push(`${AGENT_ENV.token} and ${AGENT_ENV.tokenSha256} are both set. Set only one of them.`);
  }
  if (values.watchdogTokenFile !== undefined && values.watchdogTokenSha256 !== undefined) {
    mistakes.push(
      `${AGENT_ENV.watchdogTokenFile} and ${AGENT_ENV.watchdogTokenSha256} are both set. Set only one of them.`,
    );
  }
  mistakes.push(...tokenMistakes(values));
  mistakes.push(...budgetMistakes(values));
  mistakes.push(...reachMistakes(values));

  const notes = unknownNames('the agent', 'AGENT_', variables, env);
  mistakes.push(...credentialMistakes(values.authMode, values.credentialFile, env));
  notes.push(...strayCredentials(values.authMode, env));
  mistakes.push(...runnerMistakes(values, env));
  const tracing = readTracing(env, values.otlpHeadersFile, mistakes);
  const permissionMode = choosePermissionMode(values.permissionMode, env, mistakes, notes);
  // It is missing if it is invalid.
  const { approve: rules } = values as { readonly approve?: readonly string[] };
  const conflict = conflictOf({ rules: rules ?? [] }, permissionMode, []);
  if (conflict !== undefined) mistakes.push(`${AGENT_ENV.approve} ${conflict}.`);

  if (mistakes.length > 0) throw new SettingsError(mistakes);
  return Object.freeze({
    ...values,
    slots: slotsOf(values.runners),
    runners: runnersOf(values, env),
    workspaceLifetime: values.workspaceLifetime ?? (REMOTE.test(values.runners) ? 'run' : 'keep'),
    workspaceDir: values.workspaceDir ?? path.join(values.stateDir, 'workspace'),
    permissionMode,
    federation: readFederation(values.authMode, values.credentialFile, env),
    tracing,
    environment: env,
    notes,
  });
}

/** Values are missing if they are invalid. */
function tokenMistakes({
  token,
  tokenSha256,
  earlierTokenSha256,
  watchdogTokenSha256: watchdog,
  callers = [],
}: Partial<
  Pick<Settings, 'token' | 'tokenSha256' | 'earlierTokenSha256' | 'watchdogTokenSha256' | 'callers'>
>): string[] {
  const current = token === undefined ? tokenSha256 : createHash('sha256').update(token).digest('hex');
  const operator = [current, earlierTokenSha256].filter((hash) => hash !== undefined);
  return sharedHashes(callers, { operator, watchdog });
}

/** The strings of a JSON list; undefined if it is none. */
function listIn(json: string): string[] | undefined {
  try {
    return z.array(z.string()).safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

type RunnerValues = Pick<
  { [K in keyof typeof SCHEMAS]: z.output<(typeof SCHEMAS)[K]> },
  | 'runners'
  | 'warmRunners'
  | 'runnerReuse'
  | 'runnerKeyFile'
  | 'runnerPublicKeyFile'
  | 'gatewayHost'
  | 'gatewayPort'
  | 'gatewayUrl'
>;

/** What runners need and is not set. `runners` is undefined if it is invalid. */
function runnerMistakes(
  { runners, runnerReuse, runnerKeyFile, runnerPublicKeyFile, gatewayUrl }: Partial<RunnerValues>,
  env: NodeJS.ProcessEnv,
): string[] {
  if (runners === undefined) return [];
  const isReuseOff = runnerReuse === 'off';
  if (!REMOTE.test(runners)) {
    const problem = `${AGENT_ENV.runnerReuse} is "off", but ${AGENT_ENV.runners} is ${JSON.stringify(runners)}`;
    return isReuseOff ? [`${problem}; only a runner in a cluster can be replaced after its run.`] : [];
  }
  const cluster = isReuseOff ? readCluster(env) : { missing: [] };
  const unreachable =
    'missing' in cluster && cluster.missing.length > 0
      ? [
          `${AGENT_ENV.runnerReuse} is "off", for which the agent deletes pods of its cluster with its ServiceAccount; ` +
            `missing: ${cluster.missing.join(', ')}.`,
        ]
      : [];
  const needed = {
    // Without its own file, the key is one that runners learn by the other.
    [AGENT_ENV.runnerKeyFile]: runnerKeyFile ?? runnerPublicKeyFile,
    [AGENT_ENV.gatewayUrl]: gatewayUrl,
  };
  return [
    ...Object.entries(needed)
      .filter(([, value]) => value === undefined)
      .map(([name]) => `${name} is not set; ${AGENT_ENV.runners} is ${JSON.stringify(runners)}, which needs it.`),
    ...unreachable,
  ];
}

function runnersOf(values: RunnerValues, env: NodeJS.ProcessEnv): RunnersSettings | undefined {
  const [, name, port] = REMOTE.exec(values.runners) ?? [];
  const privateKey = values.runnerKeyFile === undefined ? undefined : keyIn(values.runnerKeyFile);
  const { warmRunners: warm, runnerPublicKeyFile: publicKeyFile, gatewayHost, gatewayPort, gatewayUrl } = values;
  if (name === undefined || gatewayUrl === undefined) return undefined;
  const found = values.runnerReuse === 'off' ? readCluster(env) : undefined;
  const cluster = found && 'host' in found ? found : undefined;
  return { name, port: Number(port), privateKey, publicKeyFile, warm, cluster, gatewayHost, gatewayPort, gatewayUrl };
}

/** The Ed25519 private key in a file; undefined if there is none. */
function keyIn(file: string): KeyObject | undefined {
  const pem = textOf(file);
  if (pem === undefined) return undefined;
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** `claude` refuses bypassPermissions as root unless IS_SANDBOX is 1. */
function choosePermissionMode(
  given: PermissionMode | undefined,
  env: NodeJS.ProcessEnv,
  mistakes: string[],
  notes: string[],
): PermissionMode {
  const refused = process.getuid?.() === 0 && env['IS_SANDBOX'] !== '1';
  if (!refused || (given !== undefined && given !== 'bypassPermissions')) return given ?? 'bypassPermissions';
  const remedy = 'run the agent as another user, or set IS_SANDBOX=1 if the machine is a sandbox';
  if (given === undefined) {
    notes.push(
      `Running as root, where claude refuses bypassPermissions, so dontAsk is used. To change this, ${remedy}.`,
    );
  } else {
    mistakes.push(
      `${AGENT_ENV.permissionMode} is "${given}", which claude refuses as root. To change this, ${remedy}.`,
    );
  }
  return 'dontAsk';
}

function holdsSecrets(file: string): boolean {
  const text = textOf(file);
  return text !== undefined && parseSecrets(text) !== undefined;
}
