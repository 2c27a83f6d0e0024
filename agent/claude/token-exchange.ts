const REFUSED = /^API Error: Token exchange failed with status (\d{3})\b/;
const NO_TOKEN = /^API Error: (?:Failed to read identity token file|Identity token file) /;
const NO_ANSWER = /^API Error: (?:Failed to reach token endpoint|Token endpoint re(?:turned|sponse)) /;

/** Statuses with which the server does not decide about the token: slow down, took too long. */
const UNDECIDED: ReadonlySet<number> = new Set([408, 425, 429]);

interface ExchangeError {
  readonly kind: 'authentication_failed' | 'server_error';
  readonly status: number | undefined;
}

/**
 * Tells why an identity token could not be exchanged. The CLI names every failure of it `unknown`, without a
 * status: the sentence is all there is.
 * @param message the sentence of an error of that kind. It is the CLI's own: what Claude says is no error.
 * @returns the kind that the CLI should have named, and the HTTP status where there was an answer; undefined where the
 *   sentence is about something else.
 */
export function exchangeErrorOf(message: string): ExchangeError | undefined {
  const [, code] = REFUSED.exec(message) ?? [];
  if (code !== undefined) {
    const status = Number(code);
    return status >= 500 || UNDECIDED.has(status)
      ? { kind: 'server_error', status }
      : { kind: 'authentication_failed', status };
  }
  if (NO_TOKEN.test(message)) return { kind: 'authentication_failed', status: undefined };
  return NO_ANSWER.test(message) ? { kind: 'server_error', status: undefined } : undefined;
}

/**
 * Replaces what the CLI says to people at a terminal of its own, where `/login` is a command.
 * @param message what it says of a failure.
 * @param remedy what a person does here; see `ClaudeCredential`.
 */
export function withRemedy(message: string, remedy: string): string {
  if (!message.includes('/login')) return message;
  const facts = message.split(/ · |(?<=[.;!?])\s+/).filter((part) => !part.includes('/login'));
  const ended = facts.map((fact) => `${fact.replace(/[\s.;,]+$/, '')}.`);
  return [...(ended.length > 0 ? ended : ['Claude needs a new login.']), remedy].join(' ');
}
