import { html } from 'hono/html';
import type { Outcome } from '../../contract.ts';
import type { Html } from './parts.ts';
import { OUTCOME_WORDS } from './words.ts';

/** The side of a pattern's square, in pixels. */
const SIDE = 8;

/** Drawn over the colour of each outcome, so that outcomes can be distinguished without colours. */
const STROKES: Readonly<Record<Outcome, string>> = {
  succeeded: '',
  cancelled: 'M0 4H8',
  interrupted: 'M0 0L8 8M-2 6L2 10M6 -2L10 2',
  usage_limited: 'M4 0V8',
  timed_out: 'M0 2H8M0 6H8',
  unavailable: 'M2 0V8M6 0V8',
  auth_failed: 'M0 4H8M4 0V8',
  failed: 'M0 8L8 0M-2 2L2 -2M6 10L10 6',
};

/** The fill patterns of the outcomes: `url(#pattern-OUTCOME)`. */
export function patterns(): Html {
  return html`<defs>
    ${(Object.keys(STROKES) as Outcome[]).map(
      (outcome) =>
        html`<pattern id="pattern-${outcome}" width="${SIDE}" height="${SIDE}" patternUnits="userSpaceOnUse">
          <rect class="${OUTCOME_WORDS[outcome].tone}" width="${SIDE}" height="${SIDE}"></rect>
          ${STROKES[outcome] === '' ? '' : html`<path d="${STROKES[outcome]}"></path>`}
        </pattern>`,
    )}
  </defs>`;
}

/** A sample of an outcome's pattern, for the legend. */
export const swatch = (outcome: Outcome): Html =>
  html`<svg class="swatch" width="16" height="16" aria-hidden="true">
    <rect width="16" height="16" rx="3" fill="url(#pattern-${outcome})"></rect>
  </svg>`;
