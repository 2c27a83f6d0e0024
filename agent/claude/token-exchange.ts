const REFUSED = /^API Error: Token exchange failed with status (\d{3})\b/;
const NO_TOKEN = /^API Error: (?:Failed to read identity token file|Identity token file) /;
const NO_ANSWER = /^API Error: (?:Failed to reach token endpoint|Token endpoint re(?:turned|sponse)) /;

/** Statuses that say nothing about the token: too many requests, timeouts. */
const UNDECIDED: ReadonlySet<number> = new Set([408, 425, 429]);

/** Whether a status says that the server has a problem, and nothing about the identity token. */
export function isOutage(status: number): boolean {
  return status >= 500 || UNDECIDED.has(status);
}

interface ExchangeError {
  readonly kind: 'authentication_failed' | 'server_error';
  readonly status: number | undefined;
}

/**
 * Determines why an identity token could not be exchanged. The CLI reports every such failure as `unknown` without a
 * status, so only its message is left.
 * @param message the message of an error of kind `unknown`. It comes from the CLI, never from Claude.
 * @returns the kind that the CLI should have reported, and the HTTP status if there was a response; undefined if the
 *   message is about something else.
 */
export function exchangeErrorOf(message: string): ExchangeError | undefined {
  const [, code] = REFUSED.exec(message) ?? [];
  if (code !== undefined) {
    const status = Number(code);
    return isOutage(status) ? { kind: 'server_error', status } : { kind: 'authentication_failed', status };
  }
  if (NO_TOKEN.test(message)) return { kind: 'authentication_failed', status: undefined };
  return NO_ANSWER.test(message) ? { kind: 'server_error', status: undefined } : undefined;
}

/**
 * Replaces the CLI's advice to use `/login`, which is a command of its own terminal.
 * @param message the CLI's message about a failure.
 * @param remedy what a person should do instead; see `ClaudeCredential`.
 */
export function withRemedy(message: string, remedy: string): string {
  if (!message.includes('/login')) return message;
  const facts = message.split(/ · |(?<=[.;!?])\s+/).filter((part) => !part.includes('/login'));
  const ended = facts.map((fact) => `${fact.replace(/[\s.;,]+$/, '')}.`);
  return [...(ended.length > 0 ? ended : ['Claude needs a new login.']), remedy].join(' ');
}
