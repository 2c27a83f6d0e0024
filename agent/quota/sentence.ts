import type { Hold } from '../http/api/state.ts';

const REASONS = {
  usage_limit: 'The usage limit is reached.',
  outage: 'Anthropic answered none of the last runs.',
} as const satisfies Record<Hold['reason'], string>;

/** Why waiting runs do not start, for people. */
export function sentenceOf({ reason, until }: Hold): string {
  const next =
    until === undefined
      ? 'One run goes first, and the others follow when Claude has answered it.'
      : `Runs wait; at ${until} one goes first, and the others follow when Claude has answered it.`;
  return `${REASONS[reason]} ${next}`;
}
