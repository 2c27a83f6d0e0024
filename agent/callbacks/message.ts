import type { EndedRun } from '../store/run.ts';
import { signatureHeaders } from './signature.ts';

/** A message to send. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * The message about the end of a run. Id and body are the same for every attempt; the signature includes the current time.
 * @param data the run as clients see it.
 */
export function messageOf(run: EndedRun, data: object, secrets: readonly Buffer[], userAgent: string): Message {
  const body = Buffer.from(JSON.stringify({ type: 'run.ended', timestamp: run.endedAt, data }));
  const signature = signatureHeaders(`run_ended_${run.id}`, Math.floor(Date.now() / 1000), body, secrets);
  return { headers: { 'Content-Type': 'application/json', 'User-Agent': userAgent, ...signature }, body };
}
