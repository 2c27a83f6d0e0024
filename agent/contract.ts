/**
 * Names and numbers that the agent shares with the stack and with its clients. No code, no imports: the stack reads
 * this file to wire the pod, and nothing else of the agent but the keys of claude's settings.
 * @module
 */

/** The port the agent listens on in the pod. */
export const AGENT_PORT = 3000;

/** Every setting of the agent by its environment variable; `agent/settings.ts` is their only reader. */
export const AGENT_ENV = {
  host: 'AGENT_HOST',
  port: 'AGENT_PORT',
  allowedHosts: 'AGENT_ALLOWED_HOSTS',
  pageUrl: 'AGENT_PAGE_URL',
  trustedProxies: 'AGENT_TRUSTED_PROXIES',
  sourceRanges: 'AGENT_SOURCE_RANGES',
  token: 'AGENT_TOKEN',
  tokenSha256: 'AGENT_TOKEN_SHA256',
  earlierTokenSha256: 'AGENT_EARLIER_TOKEN_SHA256',
  watchdogTokenSha256: 'AGENT_WATCHDOG_TOKEN_SHA256',
  watchdogTokenFile: 'AGENT_WATCHDOG_TOKEN_FILE',
  callers: 'AGENT_CALLERS',
  budgets: 'AGENT_BUDGETS',
  stateDir: 'AGENT_STATE_DIR',
  workspaceDir: 'AGENT_WORKSPACE_DIR',
  sessionDir: 'AGENT_SESSION_DIR',
  claudePath: 'AGENT_CLAUDE_PATH',
  runners: 'AGENT_RUNNERS',
  warmRunners: 'AGENT_WARM_RUNNERS',
  runnerReuse: 'AGENT_RUNNER_REUSE',
  runnerKeyFile: 'AGENT_RUNNER_KEY_FILE',
  runnerPublicKeyFile: 'AGENT_RUNNER_PUBLIC_KEY_FILE',
  gatewayHost: 'AGENT_GATEWAY_HOST',
  gatewayPort: 'AGENT_GATEWAY_PORT',
  gatewayUrl: 'AGENT_GATEWAY_URL',
  queueLimit: 'AGENT_QUEUE_LIMIT',
  onUsageLimit: 'AGENT_ON_USAGE_LIMIT',
  maxRunMinutes: 'AGENT_MAX_RUN_MINUTES',
  graceSeconds: 'AGENT_GRACE_SECONDS',
  model: 'AGENT_MODEL',
  permissionMode: 'AGENT_PERMISSION_MODE',
  approve: 'AGENT_APPROVE',
  decisionMinutes: 'AGENT_DECISION_MINUTES',
  authMode: 'AGENT_AUTH_MODE',
  credentialFile: 'AGENT_CREDENTIAL_FILE',
  warmStart: 'AGENT_WARM_START',
  warmStartFreeMegabytes: 'AGENT_WARM_START_FREE_MEGABYTES',
  mcpConfig: 'AGENT_MCP_CONFIG',
  claudeSettings: 'AGENT_CLAUDE_SETTINGS',
  workspaceLifetime: 'AGENT_WORKSPACE_LIFETIME',
  workspaceMegabytes: 'AGENT_WORKSPACE_MEGABYTES',
  conversationDays: 'AGENT_CONVERSATION_DAYS',
  conversationMegabytes: 'AGENT_CONVERSATION_MEGABYTES',
  fileMegabytes: 'AGENT_FILE_MEGABYTES',
  runFilesMegabytes: 'AGENT_RUN_FILES_MEGABYTES',
  filesMegabytes: 'AGENT_FILES_MEGABYTES',
  recordDays: 'AGENT_RECORD_DAYS',
  recordCount: 'AGENT_RECORD_COUNT',
  recordMegabytes: 'AGENT_RECORD_MEGABYTES',
  transcriptDays: 'AGENT_TRANSCRIPT_DAYS',
  callbackHosts: 'AGENT_CALLBACK_HOSTS',
  callbackSecretFile: 'AGENT_CALLBACK_SECRET_FILE',
  callbackTimeoutSeconds: 'AGENT_CALLBACK_TIMEOUT_SECONDS',
  callbackGiveUpSeconds: 'AGENT_CALLBACK_GIVE_UP_SECONDS',
  gitHosts: 'AGENT_GIT_HOSTS',
  gitMegabytes: 'AGENT_GIT_MEGABYTES',
  n8nUrl: 'AGENT_N8N_URL',
  otlpHeadersFile: 'AGENT_OTLP_HEADERS_FILE',
  stack: 'AGENT_STACK',
  logLevel: 'AGENT_LOG_LEVEL',
} as const;

/** The variables of the OpenTelemetry specification that the agent reads; `agent/tracing/setting.ts` has their values. */
export const OTEL_ENV = {
  disabled: 'OTEL_SDK_DISABLED',
  exporter: 'OTEL_TRACES_EXPORTER',
  endpoint: 'OTEL_EXPORTER_OTLP_ENDPOINT',
  tracesEndpoint: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  protocol: 'OTEL_EXPORTER_OTLP_PROTOCOL',
  tracesProtocol: 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
  headers: 'OTEL_EXPORTER_OTLP_HEADERS',
  tracesHeaders: 'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
  timeout: 'OTEL_EXPORTER_OTLP_TIMEOUT',
  tracesTimeout: 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT',
  compression: 'OTEL_EXPORTER_OTLP_COMPRESSION',
  tracesCompression: 'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION',
  serviceName: 'OTEL_SERVICE_NAME',
  resource: 'OTEL_RESOURCE_ATTRIBUTES',
  sampler: 'OTEL_TRACES_SAMPLER',
  samplerArgument: 'OTEL_TRACES_SAMPLER_ARG',
  queueSize: 'OTEL_BSP_MAX_QUEUE_SIZE',
  batchSize: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
  delay: 'OTEL_BSP_SCHEDULE_DELAY',
} as const;

/** The values of {@link OTEL_ENV}`.protocol` that the agent speaks. */
export const OTLP_PROTOCOLS = ['http/protobuf', 'http/json'] as const;

/** The values of {@link OTEL_ENV}`.sampler`. */
export const TRACE_SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** The port of the agent's gateway for runners, unless it is set. */
export const GATEWAY_PORT = 3001;

/** The port a runner listens on, unless it is set. */
export const RUNNER_PORT = 7070;

/** Every setting of a runner by its environment variable; `agent/runner/settings.ts` is their only reader. */
export const RUNNER_ENV = {
  host: 'RUNNER_HOST',
  port: 'RUNNER_PORT',
  publicKey: 'RUNNER_PUBLIC_KEY',
  publicKeyFile: 'RUNNER_PUBLIC_KEY_FILE',
  home: 'RUNNER_HOME',
  workspace: 'RUNNER_WORKSPACE',
  keepWorkspace: 'RUNNER_KEEP_WORKSPACE',
  claudePath: 'RUNNER_CLAUDE_PATH',
  graceSeconds: 'RUNNER_GRACE_SECONDS',
  logLevel: 'RUNNER_LOG_LEVEL',
} as const;

/**
 * What a caller may do. `run`: start runs, and see, watch, cancel and decide about its own. `read`: see the runs of all callers,
 * the status page and the metrics. `admin`: everything.
 */
export const CALLER_RIGHTS = ['run', 'read', 'admin'] as const;

/** One of {@link CALLER_RIGHTS}. */
export type CallerRight = (typeof CALLER_RIGHTS)[number];

/** The name of the caller that has the API token. It may do everything. */
export const OPERATOR = 'operator';

/** The name of a caller. */
export const CALLER_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;

/** How many callers there may be besides the operator. */
export const MAX_CALLERS = 50;

/** How long a budget lasts: until the next full hour, midnight, or first day of a month, all in UTC. */
export const BUDGET_PERIODS = ['hour', 'day', 'month'] as const;

/** One of {@link BUDGET_PERIODS}. */
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** How many budgets there may be. */
export const MAX_BUDGETS = 50;

/** From this share on, a budget is nearly spent: an alert fires, the watchdog sends a card, and the status page emphasizes it. */
export const BUDGET_WARNING = 0.8;

/** The longest run that an agent can be set to accept, in minutes. */
export const MAX_RUN_MINUTES = 1440;

/** What becomes of waiting runs at a usage limit: they wait until it resets, or start and fail. */
export const ON_USAGE_LIMIT = ['wait', 'fail'] as const;

/** One of {@link ON_USAGE_LIMIT}. */
export type OnUsageLimit = (typeof ON_USAGE_LIMIT)[number];

/** How many runs one agent may have in progress at most. */
export const MAX_SLOTS = 64;

/** Where the credential of Claude Code comes from. */
export const AUTH_MODES = ['session', 'oauthToken', 'apiKey', 'federation'] as const;

/** One of {@link AUTH_MODES}. */
export type AuthMode = (typeof AUTH_MODES)[number];

/** The environment variable that passes the credential to `claude`, for the modes without a credential file of the CLI. */
export const CREDENTIAL_VARIABLES = { oauthToken: 'CLAUDE_CODE_OAUTH_TOKEN', apiKey: 'ANTHROPIC_API_KEY' } as const;

/** The environment variables that tell `claude` how to exchange an identity token. */
export const FEDERATION_VARIABLES = {
  ruleId: 'ANTHROPIC_FEDERATION_RULE_ID',
  organizationId: 'ANTHROPIC_ORGANIZATION_ID',
  serviceAccountId: 'ANTHROPIC_SERVICE_ACCOUNT_ID',
  workspaceId: 'ANTHROPIC_WORKSPACE_ID',
} as const;

/** The variable that names the file with the identity token. */
export const IDENTITY_TOKEN_VARIABLE = 'ANTHROPIC_IDENTITY_TOKEN_FILE';

/** The format of each federation id, and its description in messages. The stack checks the same ids. */
export const FEDERATION_IDS = {
  ruleId: { pattern: /^fdrl_\w{1,200}$/, allowed: 'the id of a federation rule (fdrl_…)' },
  organizationId: {
    pattern: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    allowed: "the organization's id, a UUID (Claude Console, Settings, Organization)",
  },
  serviceAccountId: { pattern: /^svac_\w{1,200}$/, allowed: 'the id of an Anthropic service account (svac_…)' },
  workspaceId: { pattern: /^(wrkspc_\w{1,200}|default)$/, allowed: 'the id of a workspace (wrkspc_…), or default' },
} as const;

/** The folder in the state folder where `claude` caches the access tokens it got for identity tokens. */
export const FEDERATION_CACHE_FOLDER = 'federation';

/**
 * How long the files of a run stay in the workspace. `keep`: until someone removes them. `run`: until the run ends, unless
 * the run names a folder.
 */
export const WORKSPACE_LIFETIMES = ['keep', 'run'] as const;

/** One of {@link WORKSPACE_LIFETIMES}. */
export type WorkspaceLifetime = (typeof WORKSPACE_LIFETIMES)[number];

/** The values of `claude --permission-mode` that make sense when nobody can answer a permission prompt. */
export const PERMISSION_MODES = ['bypassPermissions', 'acceptEdits', 'dontAsk', 'plan', 'default'] as const;

/** One of {@link PERMISSION_MODES}. */
export type PermissionMode = (typeof PERMISSION_MODES)[number];

/** The shape of a rule for what a person must allow; `agent/http/api/approve-rule.ts` has the details. */
export const APPROVE_RULE = /^(?:[^\s(),*]+|Bash\(\S(?:.*\S)?\))$/s;

/** How long a decision of a person may take at most, in minutes. */
export const MAX_DECISION_MINUTES = 1440;

/** How hard Claude thinks: the values of `claude --effort`. */
export const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

/** The source of a regular expression for a model's name or alias, as `claude --model` accepts it. */
export const MODEL_NAME = '[A-Za-z0-9_][A-Za-z0-9_.:@/[\\]-]{0,199}';

/** Matches a model's name. */
export const MODEL = new RegExp(`^${MODEL_NAME}$`);

/** The description of {@link MODEL} in messages. */
export const MODEL_ALLOWED = 'the name of a model, such as "sonnet" or "claude-opus-5-5"';

/** The log levels. The agent logs the configured level and the ones after it. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * The folder in the state folder that holds the current session; a seed is copied to it. The image's `claude` wrapper uses
 * the same folder, so that `kubectl exec … -- claude` uses the agent's own login.
 */
export const SESSION_FOLDER = 'claude';

/** The folder in the state folder that holds the agent's conversations: a folder `ID` for each, with its `ID.jsonl`. */
export const CONVERSATIONS_FOLDER = 'conversations';

/** The folder in the state folder that holds the contents of files of runs, each named by its SHA-256. */
export const FILES_FOLDER = 'files';

/** The folder in the state folder that holds a configuration folder for each process, where the login is no file. */
export const PROCESS_FOLDERS = 'configurations';

/** Every way a run can end, with the exit code that `POST /run` reports for it. */
export const EXIT_CODES = {
  succeeded: 0,
  failed: 1,
  auth_failed: 57,
  unavailable: 69,
  usage_limited: 75,
  timed_out: 124,
  cancelled: 130,
  interrupted: 143,
} as const;

/** How a run ended. */
export type Outcome = keyof typeof EXIT_CODES;

/** The values of `state` in the response of `POST /auth/check`; its status is 200 for all of them. */
export const AUTH_STATES = ['ok', 'auth_failed', 'usage_limited', 'outage', 'busy'] as const;

/**
 * The values of `cause` in the same response: why the login does not work, for programs that explain it to people.
 * `no_credential`: there is none to try. `refused`: Anthropic rejects it. `not_renewed`: it must be renewed, and the server
 * that renews it is unreachable or failing. `claude_failed`: the cause is `claude` itself, not Anthropic.
 */
export const LOGIN_CAUSES = [
  'no_credential',
  'refused',
  'organization',
  'billing',
  'usage_limit',
  'rate_limit',
  'anthropic_error',
  'unreachable',
  'no_answer',
  'not_renewed',
  'claude_failed',
] as const;

/** One of {@link LOGIN_CAUSES}. */
export type LoginCause = (typeof LOGIN_CAUSES)[number];

/** One of {@link AUTH_STATES}. */
export type AuthState = (typeof AUTH_STATES)[number];

/**
 * Limits of a run's request: characters, milliseconds, bytes of the body and of a JSON Schema, nesting levels of a field.
 * `timeoutMs` is for `POST /run`, whose client waits; the agent's settings limit `POST /runs`.
 * SQLite's JSON functions accept 1000 levels, `JSON.stringify` a few thousand.
 */
export const RUN_LIMITS = {
  promptChars: 100_000,
  timeoutMs: 600_000,
  defaultTimeoutMs: 300_000,
  queueTimeoutMs: 86_400_000,
  bodyBytes: 1_048_576,
  systemPromptChars: 20_000,
  schemaBytes: 65_536,
  nesting: 100,
  tools: 100,
  turns: 1000,
  budgetUsd: 10_000,
  fallbackModels: 5,
  labels: 20,
  laneChars: 128,
  callbackUrlChars: 2048,
} as const;

/** Limits of the files that a run is given: their number, bytes of a name in UTF-8, and of PDFs that are part of the prompt. */
export const FILE_LIMITS = { files: 100, nameBytes: 255, inlinePdfBytes: 5 * 1_048_576 } as const;

/** How long an uploaded file can be used, in milliseconds. */
export const UPLOAD_MS = 86_400_000;

/** The file in a Claude configuration folder that holds the login. */
export const CREDENTIALS_FILE = '.credentials.json';

/** The file in the state folder that holds the API token if the agent generated it. */
export const TOKEN_FILE = 'agent-token';

/** The file in the state folder that holds the secret that signs callbacks if the agent generated it. */
export const CALLBACK_SECRET_FILE = 'callback-secret';

/** A secret that signs callbacks, in the Standard Webhooks format: `whsec_` and the base64 of 24 to 64 bytes. */
export const CALLBACK_SECRET =
  /^whsec_((?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{4}(?:[A-Za-z0-9+/]{2}==)?|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** A host that callbacks may go to: `host`, `*.suffix` or an IP address, with or without a port. */
export const CALLBACK_HOST =
  /^(?<suffix>\*\.)?(?<hostname>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?<port>[1-9]\d{0,4}))?$/i;

/** A host name of the agent: `host`, or `*.suffix` for every name below it; without a port. */
export const ALLOWED_HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i;

/** The entries (files or folders) of a Claude configuration folder that make up a session. A seed holds no others. */
export const SESSION_ENTRIES = [
  CREDENTIALS_FILE,
  'settings.json',
  'CLAUDE.md',
  'skills',
  'agents',
  'commands',
] as const;
