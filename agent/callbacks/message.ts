import { signatureHeaders } from './signature.ts';

/** A message to send. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a message is about. */
export interface Occasion {
  readonly type: 'run.ended' | 'run.needs_decision';
  /** The id of the message. */
  readonly id: string;
  /** When it happened, ISO 8601. Attempts are given up some time after. */
  readonly at: string;
  /** For the receiver. */
  readonly data: object;
  /** The trace of the run, as headers. */
  readonly traceHeaders: Readonly<Record<string, string>>;
  /** For the log. */
  readonly names: { readonly runId: string; readonly traceId?: string; readonly decisionId?: string };
}

/** The message about an occasion. Id and body are the same for every attempt; the signature includes the current time. */
export function messageOf(
  { type, id, at, data, traceHeaders }: Occasion,
  secrets: readonly Buffer[],
  userAgent: string,
): Message {
  const body = Buffer.from(JSON.stringify({ type, timestamp: at, data }));
  const signature = signatureHeaders(id, Math.floor(Date.now() / 1000), body, secrets);
  return {
    headers: { 'Content-Type': 'application/json', 'User-Agent': userAgent, ...traceHeaders, ...signature },
    body,
  };
}
