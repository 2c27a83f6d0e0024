import { AGENT_ENV } from '../../agent/contract.ts';
import { SCHEMAS } from '../../agent/settings.ts';

/** What each setting of the agent is for. */
const MEANING = {
  host: 'address to listen on',
  port: 'port to listen on; 0 takes a free one',
  allowedHosts:
    'names by which a browser or a proxy calls the agent, with commas between, `*.example.org` for all below one; see [below](#who-may-call-without-a-token)',
  token: 'API token in plain text, visible ASCII; without it one is made in the state folder',
  tokenSha256: 'SHA-256 of the API token in hex, in place of the token',
  watchdogTokenSha256:
    "SHA-256 of the watchdog's token, which opens `/auth/check`, `/pause`, `/resume` and `/metrics` only",
  stateDir: 'records of runs (`runs.db`), a token that was made, a session that was copied; one agent at a time',
  workspaceDir: 'where Claude works; without it `workspace` in the state folder',
  sessionDir:
    'a seed: a folder with a login that is copied to the state folder when it changed and is not older; without it `~/.claude` (or `CLAUDE_CONFIG_DIR`) is used in place',
  claudePath: 'an executable in place of the pinned CLI',
  queueLimit: 'runs that may wait behind the running one',
  graceSeconds: 'how long a running run may go on after SIGTERM',
  model: "a model's name or alias for runs that name none; without it the CLI chooses",
  permissionMode:
    'what Claude may do unasked; without it `bypassPermissions`, but `dontAsk` as root, whom `claude` refuses that unless `IS_SANDBOX=1`',
  authMode: 'where the credential comes from: `session`, `oauthToken`, `apiKey` or `federation`',
  credentialFile:
    'holds the token, key or identity token; without it `CLAUDE_CODE_OAUTH_TOKEN`, `ANTHROPIC_API_KEY`, or the file that `ANTHROPIC_IDENTITY_TOKEN_FILE` names',
  warmStart:
    '`true` or `false`, also `on` or `off`: whether one `claude` is started ahead while nothing runs, for the next run with default options; without it its memory (some 160 MB) is saved',
  mcpConfig: 'a JSON file with MCP servers for every run, see [below](#mcp-servers-and-settings)',
  claudeSettings: 'a JSON file with settings of `claude` for every run, see [below](#mcp-servers-and-settings)',
  workspaceLifetime: '`keep` or `run`, see [below](#the-workspace)',
  workspaceMegabytes: 'what the workspace may take on disk; without it there is no limit',
  conversationDays: 'conversations that are older are removed hourly, see [below](#conversations)',
  conversationMegabytes: 'how large conversations may grow; over it the oldest are removed',
  recordDays: 'records of runs that are older are removed hourly, and their idempotency keys with them',
  recordCount: 'how many records are kept; over it the oldest are removed',
  recordMegabytes: 'how large the records may grow; over it the oldest are removed',
  callbackHosts: 'where callbacks may go, with commas between, see [below](#callbacks); without it they are refused',
  callbackSecretFile: 'holds the secrets that sign callbacks, one a line; without it one is made in the state folder',
  callbackTimeoutSeconds: 'for one attempt of a callback',
  callbackGiveUpSeconds: 'after the end of a run its callback is given up',
  stack: 'the stack of Pulumi, which the suggested commands name where it is another than `dev`',
  n8nUrl: 'where people find n8n, for links from the [status page](status-page.md); in the stack `n8nUrl`',
  logLevel: '`trace` to `silent`',
} satisfies Record<keyof typeof AGENT_ENV, string>;

/** Every setting of the agent by its variable, with its default where it has a fixed one. */
export function agentSettings(): { variable: string; fallback: unknown; meaning: string }[] {
  return (Object.keys(AGENT_ENV) as (keyof typeof AGENT_ENV)[]).map((key) => ({
    variable: AGENT_ENV[key],
    fallback: SCHEMAS[key].safeParse(undefined).data,
    meaning: MEANING[key],
  }));
}
