/** An Adaptive Card as JSON. */
export type Card = Readonly<Record<string, unknown>>;

/** A colour of Adaptive Cards: red, amber, green, blue. */
type Style = 'attention' | 'warning' | 'good' | 'accent';

/** What a card says. */
export interface Content {
  readonly style: Style;
  readonly title: string;
  readonly lead: string;
  readonly facts: readonly (readonly [title: string, value: string])[];
  readonly blocks: readonly Block[];
  readonly buttons: readonly Button[];
}

/** A heading with lines below it, or nothing where there are no lines. */
export interface Block {
  readonly heading: string;
  readonly lines: readonly string[];
  readonly isCode?: boolean;
}

/** Left out where there is no URL to open. */
interface Button {
  readonly title: string;
  readonly url: string | undefined;
}

const MAX_TEXT = 600;
const MAY_REPEAT = 'You may have received this card before: it is unknown whether the first attempt arrived.';

/**
 * Lays out a card.
 * @param mayRepeat an earlier attempt to send it may have arrived, which the card then says.
 */
export function layOut({ style, title, lead, facts, blocks, buttons }: Content, mayRepeat: boolean): Card {
  return {
    type: 'AdaptiveCard',
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    version: '1.4',
    fallbackText: title,
    body: [
      {
        type: 'Container',
        style,
        bleed: true,
        items: [
          text(title, { size: 'Large', weight: 'Bolder' }),
          text([lead, ...(mayRepeat ? [MAY_REPEAT] : [])].join(' ')),
        ],
      },
      ...(facts.length === 0
        ? []
        : [{ type: 'FactSet', facts: facts.map(([name, value]) => ({ title: name, value })) }]),
      ...blocks.filter(({ lines }) => lines.length > 0).flatMap(blockOf),
    ],
    actions: buttons
      .filter(({ url }) => url !== undefined)
      .map((button) => ({ type: 'Action.OpenUrl', title: button.title, url: button.url })),
  };
}

/** The first lines, and how many there are more. */
export function capped(lines: readonly string[], max: number): string[] {
  if (lines.length <= max) return [...lines];
  return [...lines.slice(0, max), max === 0 ? `${lines.length}, too many to list` : `… and ${lines.length - max} more`];
}

/** A name that somebody else gave, at most 80 characters of it. */
export function short(name: string): string {
  const chars = Array.from(name);
  return chars.length <= 80 ? name : `${chars.slice(0, 79).join('')}…`;
}

function blockOf({ heading, lines, isCode = false }: Block): Card[] {
  const style = isCode ? { fontType: 'Monospace', size: 'Small' } : {};
  return [
    { ...text(heading, { weight: 'Bolder' }), separator: true, spacing: 'Medium' },
    ...lines.map((line) => ({ ...text(line, style), spacing: 'Small' })),
  ];
}

/** Plain text: unlike a TextBlock, a TextRun does not read a workflow's name as Markdown. */
const text = (content: string, style: object = {}) => ({
  type: 'RichTextBlock',
  inlines: [
    { type: 'TextRun', text: content.length <= MAX_TEXT ? content : `${content.slice(0, MAX_TEXT - 1)}…`, ...style },
  ],
});
