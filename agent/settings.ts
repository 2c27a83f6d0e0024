import { accessSync, constants, readFileSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isCallbackHost } from './callbacks/hosts.ts';
import { parseSecrets } from './callbacks/signature.ts';
import type { Federation } from './login/federation.ts';
import { CannotStartError } from './cannot-start.ts';
import { claudeSettings, mcpConfig, mistakesIn } from './claude/config-files.ts';
import {
  AGENT_ENV,
  AGENT_PORT,
  ALLOWED_HOST,
  AUTH_MODES,
  LOG_LEVELS,
  MODEL,
  MODEL_ALLOWED,
  PERMISSION_MODES,
  WORKSPACE_LIFETIMES,
  type AuthMode,
  type PermissionMode,
  type WorkspaceLifetime,
} from './contract.ts';
import { credentialMistakes, readFederation, strayCredentials } from './login/credential-settings.ts';
import { didYouMean, KnownNames } from './did-you-mean.ts';

/** The settings of one agent process. Paths are absolute. */
export interface Settings {
  readonly host: string;
  /** 0 lets the operating system choose a free port. */
  readonly port: number;
  /** Names by which people and proxies call the agent, see `agent/http/own-site.ts`. */
  readonly allowedHosts: readonly string[];
  /** The API token in plain text, where it was given so; a secret. */
  readonly token: string | undefined;
  /** SHA-256 of the API token in lower-case hex, where only that was given. */
  readonly tokenSha256: string | undefined;
  /** SHA-256 of the watchdog's token, which opens `/auth/check`, `/pause`, `/resume` and `/metrics` only. */
  readonly watchdogTokenSha256: string | undefined;
  readonly stateDir: string;
  readonly workspaceDir: string;
  /** The seed; undefined where the operator's own session is used in place. */
  readonly sessionDir: string | undefined;
  /** Another executable in place of the pinned CLI. */
  readonly claudePath: string | undefined;
  /** How many runs may wait behind the running one. */
  readonly queueLimit: number;
  /** How long a running run may go on after SIGTERM. */
  readonly graceSeconds: number;
  /** For runs that name none; undefined for the CLI's own choice. */
  readonly model: string | undefined;
  readonly permissionMode: PermissionMode;
  readonly authMode: AuthMode;
  /** OAuth token, API key or identity token, according to `authMode`: the file that holds it. */
  readonly credentialFile: string | undefined;
  /** For `authMode` federation. */
  readonly federation: Federation | undefined;
  /** Whether a process is started ahead while nothing runs. */
  readonly warmStart: boolean;
  /** MCP servers and settings for every run, as `--mcp-config` and `--settings` of the CLI take them: JSON files. */
  readonly mcpConfig: string | undefined;
  readonly claudeSettings: string | undefined;
  readonly workspaceLifetime: WorkspaceLifetime;
  /** Above it nothing begins; undefined for no limit. */
  readonly workspaceMegabytes: number | undefined;
  /** Conversations in a session folder of the agent's own are removed when they are older or larger than this. */
  readonly conversationDays: number;
  readonly conversationMegabytes: number;
  /** Records of runs are removed, oldest first, when they are older, more or larger than this. */
  readonly recordDays: number;
  readonly recordCount: number;
  readonly recordMegabytes: number;
  /** Where callbacks may go, see `agent/callbacks/hosts.ts`; none: they are refused. */
  readonly callbackHosts: readonly string[];
  /** Holds the secrets that sign callbacks; undefined where the agent makes one. */
  readonly callbackSecretFile: string | undefined;
  /** For one attempt. */
  readonly callbackTimeoutSeconds: number;
  /** How long after the end of its run a callback is given up. */
  readonly callbackGiveUpSeconds: number;
  /** Where people find n8n, for links from the status page; without a slash at the end. */
  readonly n8nUrl: string | undefined;
  /** The stack of Pulumi that deployed the agent, which suggested commands name. */
  readonly stack: string | undefined;
  readonly logLevel: string;
  /** What of the agent's own environment a `claude` process may get; see `agent/claude/environment.ts`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What is not wrong but worth a line in the log. */
  readonly notes: readonly string[];
}

/** Thrown by {@link readSettings}; the message lists every mistake, one a line. */
export class SettingsError extends CannotStartError {
  override readonly name = 'SettingsError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The agent cannot start. Invalid settings (${mistakes.length}):\n  - ${mistakes.join('\n  - ')}`);
    this.mistakes = mistakes;
  }
}

const integer = (min: number, max: number) => {
  const allowed = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, allowed)
    .transform(Number)
    .pipe(z.number().min(min, allowed).max(max, allowed));
};

const absolute = z
  .string()
  .min(1, 'a path')
  .transform((value) => path.resolve(value));

const existing = (what: string, isThere: (file: string) => boolean) => absolute.refine(isThere, what);

const jsonFile = (schema: z.ZodType, what: string) =>
  existing('an existing file', isFile).superRefine((file, context) => {
    if (!isFile(file)) return;
    const mistakes = mistakesIn(file, schema);
    if (mistakes.length > 0) context.addIssue(`${what}; in the file: ${mistakes.join('; ')}`);
  });

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `one of ${values.join(', ')}`);

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

const sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, 'the 64 hex digits of a SHA-256')
  .transform((value) => value.toLowerCase());

/** What each setting may be, and its default where it has a fixed one. */
export const SCHEMAS = {
  host: z.string().regex(/^\S+$/, 'a host name or an IP address to listen on').default('127.0.0.1'),
  port: integer(0, 65_535).default(AGENT_PORT),
  allowedHosts,
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'visible ASCII characters without white space')
    .optional(),
  tokenSha256: sha256.optional(),
  watchdogTokenSha256: sha256.optional(),
  stateDir: absolute.default(path.resolve('.local')),
  workspaceDir: absolute.optional(),
  sessionDir: existing('an existing folder that holds a Claude session', isFolder).optional(),
  claudePath: existing('an existing executable file', isExecutable).optional(),
  queueLimit: integer(0, 10_000).default(100),
  graceSeconds: integer(0, 3600).default(30),
  model: z.string().regex(MODEL, MODEL_ALLOWED).optional(),
  permissionMode: oneOf(PERMISSION_MODES).optional(),
  authMode: oneOf(AUTH_MODES).default('session'),
  credentialFile: existing('an existing file', isFile).optional(),
  warmStart: oneOf(['true', 'false', 'on', 'off'])
    .default('true')
    .transform((value) => value === 'true' || value === 'on'),
  mcpConfig: jsonFile(mcpConfig, 'a JSON file with MCP servers in mcpServers').optional(),
  claudeSettings: jsonFile(claudeSettings, 'a JSON file with settings of claude').optional(),
  workspaceLifetime: oneOf(WORKSPACE_LIFETIMES).default('keep'),
  workspaceMegabytes: integer(1, 10_000_000).optional(),
  conversationDays: integer(1, 3650).default(30),
  conversationMegabytes: integer(10, 1_000_000).default(2048),
  recordDays: integer(1, 3650).default(30),
  recordCount: integer(1, 1_000_000).default(10_000),
  recordMegabytes: integer(10, 100_000).default(512),
  callbackHosts,
  callbackSecretFile: existing(
    'an existing file with one secret per line: whsec_ and the base64 of 24 to 64 bytes',
    holdsSecrets,
  ).optional(),
  callbackTimeoutSeconds: integer(1, 60).default(15),
  callbackGiveUpSeconds: integer(1, 604_800).default(86_400),
  n8nUrl: z
    .string()
    .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, 'an http(s) URL without user, query or fragment')
    .transform((value) => value.replace(/\/+$/, ''))
    .optional(),
  stack: z
    .string()
    .regex(/^[\w./-]+$/, "the name of a stack: letters, digits, '_', '-', '.' and '/'")
    .optional(),
  logLevel: oneOf(LOG_LEVELS).default('info'),
} satisfies Record<keyof typeof AGENT_ENV, z.ZodType>;

const variables = new KnownNames(Object.values(AGENT_ENV));

/** Settings whose value is never repeated in a message. */
const SECRET: ReadonlySet<string> = new Set(['token', 'tokenSha256', 'watchdogTokenSha256']);

/**
 * Reads and checks every setting of the agent. The only reader of the environment in the agent.
 * @throws {SettingsError} with all mistakes at once.
 */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const mistakes: string[] = [];
  const read = <K extends keyof typeof SCHEMAS>(key: K): z.output<(typeof SCHEMAS)[K]> | undefined => {
    const raw = env[AGENT_ENV[key]];
    const parsed = SCHEMAS[key].safeParse(raw);
    if (parsed.success) return parsed.data as z.output<(typeof SCHEMAS)[K]>;
    const allowed = parsed.error.issues[0]?.message ?? 'valid';
    mistakes.push(`${AGENT_ENV[key]} is ${described(key, raw)}; it must be ${allowed}.`);
    return undefined;
  };

  const values = Object.fromEntries(
    (Object.keys(SCHEMAS) as (keyof typeof SCHEMAS)[]).map((key) => [key, read(key)]),
  ) as {
    [K in keyof typeof SCHEMAS]: z.output<(typeof SCHEMAS)[K]>;
  };

  if (values.token !== undefined && values.tokenSha256 !== undefined) {
    mistakes.push(`${AGENT_ENV.token} and ${AGENT_ENV.tokenSha256} are both set. Set only one of them.`);
  }

  const notes = Object.keys(env)
    .filter((name) => name.startsWith('AGENT_') && !(Object.values(AGENT_ENV) as string[]).includes(name))
    .map((name) => `${name} is not a setting of the agent and is ignored.${didYouMean(variables.nearest(name))}`);
  mistakes.push(...credentialMistakes(values.authMode, values.credentialFile, env));
  notes.push(...strayCredentials(values.authMode, env));
  const permissionMode = choosePermissionMode(values.permissionMode, env, mistakes, notes);

  if (mistakes.length > 0) throw new SettingsError(mistakes);
  return Object.freeze({
    ...values,
    workspaceDir: values.workspaceDir ?? path.join(values.stateDir, 'workspace'),
    permissionMode,
    federation: readFederation(values.authMode, values.credentialFile, env),
    environment: env,
    notes,
  });
}

function described(key: string, raw: string | undefined): string {
  if (raw === '') return 'empty';
  return SECRET.has(key) ? `${raw?.length ?? 0} characters (not shown)` : JSON.stringify(raw);
}

/** `claude` refuses bypassPermissions to root unless IS_SANDBOX says that the machine is one. */
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

function isFolder(file: string): boolean {
  return statsOf(file)?.isDirectory() ?? false;
}

function isFile(file: string): boolean {
  return statsOf(file)?.isFile() ?? false;
}

/** Undefined where there is nothing, or nothing that this process may look at. */
function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

function holdsSecrets(file: string): boolean {
  return isFile(file) && mayBe(file, constants.R_OK) && parseSecrets(readFileSync(file, 'utf8')) !== undefined;
}

function isExecutable(file: string): boolean {
  return isFile(file) && mayBe(file, constants.X_OK);
}

function mayBe(file: string, access: number): boolean {
  try {
    accessSync(file, access);
    return true;
  } catch {
    return false;
  }
}
