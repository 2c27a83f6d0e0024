import { AGENT_ENV, MAX_DECISION_MINUTES, MAX_RUN_MINUTES, MAX_SLOTS } from '../../agent/contract.ts';
import { SCHEMAS } from '../../agent/settings.ts';

/** The meaning of each setting of the agent, in Markdown. */
const MEANING = {
  host: 'address to listen on',
  port: 'port to listen on; 0 takes a free one',
  allowedHosts:
    'further names that a browser or a proxy may use to call the agent, separated by commas; `*.example.org` for all names below it; see [below](#who-may-call-without-a-token)',
  pageUrl:
    'address under which people reach the status page, an http(s) URL; its host is allowed like those above, and with https, browsers are told to use nothing else for it; in the stack `pageUrl`',
  trustedProxies:
    'how many proxies stand in front of the agent, each of which adds the address of its caller to `X-Forwarded-For`, see [reach](reach.md); in the stack `trustedProxies`',
  sourceRanges:
    'ranges of addresses from which the agent may be called through these proxies, separated by commas, such as `203.0.113.0/24, 2001:db8::/32`; without, from everywhere; in the stack `sourceRanges`',
  token: 'API token in plain text, visible ASCII; if unset, the agent creates one in the state folder',
  tokenSha256: 'SHA-256 of the API token in hex, instead of the token',
  earlierTokenSha256: 'SHA-256 of the API token before its rotation, which is valid beside the current one',
  watchdogTokenSha256:
    "SHA-256 of the watchdog's token, which opens only `/auth/check`, `/pause`, `/resume`, `/budgets` and `/metrics`",
  watchdogTokenFile: 'file with that token instead, which the agent creates if it is missing and the watchdog reads',
  budgets:
    'how much runs may spend in a period, as a JSON list: `[{"usd": 50, "per": "day"}]`, see [budgets](budgets.md); in the stack `budgets`',
  callers:
    'who else may call, as a JSON list: `[{"name": "n8n-prod", "sha256": ["<64 hex digits>"], "may": ["run"]}]`, see [callers](operations.md#callers); in the stack `callers`',
  stateDir: 'folder of the run records (`runs.db`), a generated token and a copied session; for one agent at a time',
  workspaceDir: 'where Claude works; if unset, `workspace` in the state folder',
  sessionDir:
    'a seed: a folder with a login, which the agent copies to the state folder if it changed and is not older; if unset, `~/.claude` (or `CLAUDE_CONFIG_DIR`) is used in place',
  claudePath: 'an executable to use instead of the pinned CLI',
  runners: `\`local\`, \`local:N\` for N runs at a time (1 to ${MAX_SLOTS}), see [below](#several-runs-at-a-time), or \`http://NAME:7070\` for runners, see [below](#runners)`,
  warmRunners: 'how many runners are kept for processes that are started ahead',
  runnerReuse:
    '`off`: each runner has one run, and the agent then deletes its pod through the API of the cluster, with its ServiceAccount',
  runnerKeyFile:
    'file with the Ed25519 private key (PEM) by which runners know the agent; if unset, the agent creates one in the state folder',
  runnerPublicKeyFile: 'file that the agent writes its public key to, for `RUNNER_PUBLIC_KEY_FILE` of runners',
  gatewayHost: 'address on which the gateway for runners listens',
  gatewayPort: 'its port',
  gatewayUrl: 'address of the gateway as runners reach it, such as `http://claude-code-agent:3001`',
  queueLimit: 'how many runs may wait for a slot',
  onUsageLimit:
    '`wait`: waiting runs start when the usage limit has reset; `fail`: they start and are `usage_limited`; see [quota](quota.md)',
  maxRunMinutes: `longest \`timeout\` of \`POST /runs\`, 1 to ${MAX_RUN_MINUTES}; \`POST /run\` takes ten minutes at most`,
  graceSeconds: 'how long runs in progress may continue after SIGTERM',
  model: 'model for runs that name none, by name or alias; if unset, the CLI chooses',
  permissionMode:
    'what Claude may do without asking; if unset, `bypassPermissions`, but `dontAsk` as root, because `claude` refuses `bypassPermissions` to root unless `IS_SANDBOX=1`',
  approve:
    'tools that a person must allow in every run, as a JSON list such as `["WebFetch", "Bash(git push*)"]`, see [decisions](api.md#decisions)',
  decisionMinutes: `how long a decision of a person may take, 1 to ${MAX_DECISION_MINUTES}; then the call is denied`,
  authMode: 'where the credential comes from: `session`, `oauthToken`, `apiKey` or `federation`',
  credentialFile:
    'file with the token, key or identity token; if unset, `CLAUDE_CODE_OAUTH_TOKEN`, `ANTHROPIC_API_KEY`, or the file named by `ANTHROPIC_IDENTITY_TOKEN_FILE`',
  warmStart:
    '`true` or `false`, also `on` or `off`: whether to start `claude` ahead, once for each slot and twice more while runs wait; `false` saves the memory (about 160 MB each), see [warm start](api.md#warm-start)',
  warmStartFreeMegabytes: 'memory that must be available for a process to be started ahead',
  mcpConfig: 'JSON file with MCP servers for every run, see [below](#mcp-servers-and-settings)',
  claudeSettings: 'JSON file with settings of `claude` for every run, see [below](#mcp-servers-and-settings)',
  workspaceLifetime: '`keep` or `run`, see [below](#the-workspace)',
  workspaceMegabytes: 'limit on the disk use of the workspace; if unset, there is none',
  conversationDays: 'older conversations are removed hourly, see [below](#conversations)',
  conversationMegabytes: 'total size of the conversations; above it, the oldest are removed',
  fileMegabytes: 'size of a file that a run is given or leaves',
  runFilesMegabytes: 'total size of the files that a run is given, and of those that it leaves',
  filesMegabytes: 'total size of the files of all runs, see [below](#files)',
  recordDays: 'older run records are removed hourly, together with their idempotency keys',
  recordCount: 'number of records to keep; above it, the oldest are removed',
  recordMegabytes: 'total size of the records; above it, the oldest are removed, transcripts before anything else',
  transcriptDays:
    'older [transcripts](api.md#transcripts) are removed hourly, and each with the record of its run at the latest; `0` keeps none',
  callbackHosts:
    'hosts that callbacks may go to, separated by commas, see [below](#callbacks); if unset, callbacks are refused',
  callbackSecretFile:
    'file with the secrets that sign callbacks, one per line; if unset, the agent creates one in the state folder',
  callbackTimeoutSeconds: 'timeout of one attempt of a callback',
  callbackGiveUpSeconds: 'time after the end of a run until its callback is given up',
  gitHosts:
    'repositories that runs may work on and the credentials for them, as a JSON list, see [git](git.md); in the stack `gitHosts`',
  gitMegabytes: 'how much a run may fetch from its repository, and how much may be pushed for it',
  otlpHeadersFile:
    'file with HTTP headers for the collector of traces, each as `KEY=VALUE` in a line of its own, see [tracing](tracing.md); in the stack `otlpHeaders`',
  stack: 'Pulumi stack; suggested commands name it unless it is `dev`',
  n8nUrl: 'address of n8n for people, for links on the [status page](status-page.md); in the stack `n8nUrl`',
  logLevel: '`trace` to `silent`',
} satisfies Record<keyof typeof AGENT_ENV, string>;

/** Every setting of the agent: its variable, its default if that is fixed, and its meaning. */
export function agentSettings(): { variable: string; fallback: unknown; meaning: string }[] {
  return (Object.keys(AGENT_ENV) as (keyof typeof AGENT_ENV)[]).map((key) => ({
    variable: AGENT_ENV[key],
    fallback: SCHEMAS[key].safeParse(undefined).data,
    meaning: MEANING[key],
  }));
}
