import { html } from 'hono/html';
import type { Hold } from '../api/state.ts';
import { left, time, type Html } from './parts.ts';

/** Until when waiting runs do not start, and what starts them. */
export function held({ until }: Hold, now: Date): Html {
  if (until === undefined) {
    return html`One run goes first. The others follow when Claude has answered it.`;
  }
  return html`Runs wait until ${time(until)} (${left(Date.parse(until), now)}). Then one goes first.`;
}
