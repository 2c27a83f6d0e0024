import { AdaptiveCard, SerializationContext, Versions } from 'adaptivecards';

import type { Card } from '../../watchdog/teams/layout.ts';

/** Everything that a person can read on a card, and the URLs of its buttons. */
export const textOf = (card: Card): string =>
  [...JSON.stringify(card).matchAll(/"(?:text|value|title|url)":("(?:[^"\\]|\\.)*")/g)]
    .map(([, text = '""']) => JSON.parse(text) as string)
    .join('\n');

/** What the reference implementation finds wrong with a card, and the card as it understood it. */
export function parseCard(card: Card): { problems: string[]; understood: unknown } {
  const context = new SerializationContext(Versions.v1_4);
  const parsed = new AdaptiveCard();
  parsed.parse(structuredClone(card), context);
  const problems = Array.from({ length: context.eventCount }, (_, index) => context.getEventAt(index).message);
  problems.push(...parsed.validateProperties().validationEvents.map(({ message }) => message));
  return { problems, understood: parsed.toJSON() };
}
