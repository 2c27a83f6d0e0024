import { CLAUDE_SETTINGS_KEYS } from '../../agent/claude-settings-keys.ts';
import { CALLBACK_SECRET } from '../../agent/contract.ts';
import { HEADERS_ALLOWED, headersIn } from '../../agent/tracing/rules.ts';
import { nearest } from '../nearest.ts';
import { npmRun } from '../next-command.ts';

/** A config key whose value is a secret. */
export interface SecretKey {
  readonly description: string;
  /** What is wrong with a value, as a sentence that continues after the key and never contains the value. */
  readonly mistakeIn: (text: string) => string | undefined;
  /** It is rejected unless encrypted, because anybody who reads the stack's file could read it. */
  readonly mustBeEncrypted?: true;
}

const unless =
  (pattern: RegExp, words: string) =>
  (text: string): string | undefined =>
    pattern.test(text) ? undefined : `(not shown) must be ${words}.`;

/** The keys that are secrets. They are not in Pulumi.yaml: its schema has no optional secrets. */
export const SECRETS = {
  claudeToken: {
    description:
      'For authMode oauthToken, the token printed by `claude setup-token`; for apiKey, a key of the Anthropic Console. If unset, the Secret in the cluster stays unchanged.',
    mistakeIn: unless(/^\s*[\x21-\x7e]+\s*$/, 'one token or key, without spaces'),
    mustBeEncrypted: true,
  },
  agentToken: {
    description:
      'The API token. If unset, the file .local/agent-token is used; without the file, the Secret in the cluster stays unchanged. While it is rotated, two tokens separated by a space, the newer one last.',
    mistakeIn: unless(
      /^[\x21-\x7e]+( [\x21-\x7e]+)?$/,
      'visible ASCII characters without spaces, or two such tokens separated by a space',
    ),
  },
  mcpServers: {
    description:
      "MCP servers for every run, a JSON object by name. To set one part: `config set --secret --path 'mcpServers.tickets.headers.Authorization'`.",
    mistakeIn: mistakeInServers,
  },
  claudeSettings: {
    description: 'Settings of claude for every run, a JSON object with the keys that the pinned claude knows.',
    mistakeIn: mistakeInSettings,
  },
  gitCredentials: {
    description:
      'Tokens and private keys for gitHosts, a JSON object by name. To set one: `config set --secret --path gitCredentials.NAME`, with `< FILE` for a private key.',
    mistakeIn: mistakeInCredentials,
    mustBeEncrypted: true,
  },
  otlpHeaders: {
    description:
      'Headers for the collector at otlpEndpoint, as in OTEL_EXPORTER_OTLP_HEADERS: KEY=VALUE pairs, separated by commas, with percent-encoded values.',
    mistakeIn: (text) => (headersIn(text) ? undefined : `(not shown) must be ${HEADERS_ALLOWED}.`),
    mustBeEncrypted: true,
  },
  callbackSecret: {
    description:
      'Secret that signs callbacks (whsec_…, or two separated by a space). If unset, it is derived from the API token.',
    mistakeIn: (text) =>
      secretsIn(text).length > 0 && secretsIn(text).every((secret) => CALLBACK_SECRET.test(secret))
        ? undefined
        : '(not shown) must be whsec_ followed by 24 to 64 bytes in base64, or several of these separated by spaces. Create one: `echo "whsec_$(openssl rand -base64 32)"`.',
  },
  teamsWebhookUrl: {
    description: 'URL of the Teams Workflows webhook for the cards of the watchdog. If unset, it sends none.',
    mistakeIn: (text) =>
      /^https?:\/\/\S+$/.test(text) && URL.canParse(text)
        ? undefined
        : '(not shown) must be the http(s) URL of a Teams Workflows webhook.',
  },
  n8nApiKey: {
    description: 'API key with which the watchdog pauses and resumes n8n workflows. Use it together with n8nApiUrl.',
    mistakeIn: unless(/^[\x21-\x7e]+$/, 'an API key of n8n, without spaces'),
  },
} as const satisfies Record<string, SecretKey>;

/** Of an MCP server or a credential. */
const NAME = /^[\w-]{1,64}$/;

/** The secrets that sign callbacks; there may be several, separated by spaces. */
export function secretsIn(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}

function mistakeInObject(text: string): string | undefined {
  return objectIn(text) === undefined
    ? `(not shown) is not a JSON object. Set it: \`${npmRun('pulumi', "config set --secret KEY '{…}'")}\`, or part by part with --path.`
    : undefined;
}

/** Names the keys that `claude` silently ignores: a rule under one of them would not apply. */
function mistakeInSettings(text: string): string | undefined {
  const wrong = unknownIn(objectIn(text) ?? {}, '');
  if (wrong.length === 0) return mistakeInObject(text);
  return `(not shown): ${wrong.join('; ')}. See all settings: https://code.claude.com/docs/en/settings`;
}

function unknownIn(settings: object, place: string): string[] {
  const known = CLAUDE_SETTINGS_KEYS[place];
  if (known === undefined) return [];
  return Object.entries(settings).flatMap(([key, value]: [string, unknown]) => {
    const name = place === '' ? key : `${place}.${key}`;
    if (known.includes(key)) return typeof value === 'object' && value !== null ? unknownIn(value, name) : [];
    const meant = nearest(key, known);
    return [`claude has no setting ${name}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`];
  });
}

/** Names the servers that `claude` silently ignores. The agent checks them in more detail. */
function mistakeInServers(text: string): string | undefined {
  const wrong = Object.entries(objectIn(text) ?? {}).filter(([name, server]) => !NAME.test(name) || !isServer(server));
  if (wrong.length === 0) return mistakeInObject(text);
  return `(not shown): ${wrong.map(([name]) => name).join(', ')} must be {"command": PROGRAM, "args"?, "env"?} or {"type": "http" or "sse", "url": URL, "headers"?}, with a name of 1 to 64 letters, digits, _ and -.`;
}

/** Which of them is a token and which a private key is checked with the hosts that use them. */
function mistakeInCredentials(text: string): string | undefined {
  const wrong = Object.entries(objectIn(text) ?? {}).filter(
    ([name, value]: [string, unknown]) => !NAME.test(name) || typeof value !== 'string' || value.trim() === '',
  );
  if (wrong.length === 0) return mistakeInObject(text);
  return `(not shown): ${wrong.map(([name]) => name).join(', ')} must be a token or a private key in PEM, with a name of 1 to 64 letters, digits, _ and -.`;
}

function isServer(server: unknown): boolean {
  if (typeof server !== 'object' || server === null) return false;
  const { type, command, url } = server as Record<string, unknown>;
  if (type === undefined || type === 'stdio') return typeof command === 'string' && command !== '';
  return (type === 'http' || type === 'sse') && typeof url === 'string' && /^https?:\/\//.test(url);
}

function objectIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
