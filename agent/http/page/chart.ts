import { html } from 'hono/html';
import type { Outcome } from '../../contract.ts';
import type { OutcomeCount } from '../../store/run.ts';
import { heading, type Html } from './parts.ts';
import { patterns, swatch } from './patterns.ts';
import { count, grouped, OUTCOME_WORDS } from './words.ts';

const HOURS = 24;
/** In percent of the width. A bar is centred and takes this share of its hour. */
const HOUR = 100 / HOURS;
const BAR = 0.75;
const HEIGHT = 140;
/** The minimum height of a part, so that its pattern is visible. */
const LEAST = 5;
/** The order from the bottom of a bar to its top; failures are on top, where they are visible. */
const ORDER = [
  ...(['succeeded', 'cancelled', 'interrupted', 'usage_limited'] as const),
  ...(['timed_out', 'unavailable', 'auth_failed', 'failed'] as const),
] satisfies readonly Outcome[];
/** Space above the highest bar, for parts with the minimum height. */
const ROOM = LEAST * (ORDER.length - 1);

/** The runs that ended within the last day, one bar per hour. */
export function chart(day: readonly OutcomeCount[]): Html {
  const hours = Array.from({ length: HOURS }, (_, i) => day.filter(({ hoursAgo }) => hoursAgo === HOURS - 1 - i));
  const most = Math.max(1, ...hours.map(sum));
  return html`<section id="day" aria-labelledby="day-title">
    ${heading('day', 'The last 24 hours')}
    <ul class="legend">
      ${day.length === 0 ? html`<li>No runs ended.</li>` : legend(day)}
    </ul>
    <figure>
      <p class="most quiet" aria-hidden="true">${day.length === 0 ? '' : `${count(most, 'run')} an hour`}</p>
      <svg class="chart" height="${HEIGHT}" role="img" aria-label="${described(day, hours)}">
        ${patterns()}
        <line x1="0" x2="100%" y1="${ROOM}" y2="${ROOM}"></line>
        ${hours.map((hour, i) => bar(hour, i, most))}
      </svg>
      <figcaption aria-hidden="true">
        <span>24 h ago</span><span>18 h</span><span>12 h</span><span>6 h</span><span>now</span>
      </figcaption>
    </figure>
  </section>`;
}

function bar(hour: readonly OutcomeCount[], place: number, most: number): Html {
  let top = HEIGHT;
  const x = `${(place * HOUR + (HOUR * (1 - BAR)) / 2).toFixed(2)}%`;
  const parts = ORDER.map((name) => {
    const runs = sum(hour.filter(({ outcome }) => outcome === name));
    if (runs === 0) return '';
    const height = Math.max(LEAST, (runs / most) * (HEIGHT - ROOM));
    top -= height;
    return html`<rect
      class="part"
      x="${x}"
      y="${top.toFixed(1)}"
      width="${(HOUR * BAR).toFixed(2)}%"
      height="${height.toFixed(1)}"
      fill="url(#pattern-${name})"
    ></rect>`;
  });
  const title = `${hourName(HOURS - 1 - place)}: ${hour.length === 0 ? 'no runs' : words(hour)}`;
  return html`<g>
    <title>${title}</title>
    <rect class="hour" x="${(place * HOUR).toFixed(2)}%" y="0" width="${HOUR.toFixed(2)}%" height="${HEIGHT}"></rect>
    ${parts}
  </g>`;
}

function legend(day: readonly OutcomeCount[]): Html[] {
  return outcomesIn(day).map(
    ([outcome, runs]) =>
      html`<li>
        <span class="badge ${OUTCOME_WORDS[outcome].tone}"
          >${swatch(outcome)} ${grouped(runs)} ${OUTCOME_WORDS[outcome].words}</span
        >
      </li>`,
  );
}

function described(day: readonly OutcomeCount[], hours: readonly (readonly OutcomeCount[])[]): string {
  if (day.length === 0) return 'No runs ended in the last 24 hours.';
  const each = hours.map((hour, i) => (hour.length === 0 ? '' : ` ${hourName(HOURS - 1 - i)}: ${words(hour)}.`));
  return `${count(sum(day), 'run')} ended in the last 24 hours.${each.join('')}`;
}

const words = (counts: readonly OutcomeCount[]) =>
  outcomesIn(counts)
    .map(([outcome, runs]) => `${grouped(runs)} ${OUTCOME_WORDS[outcome].words}`)
    .join(', ');

function outcomesIn(counts: readonly OutcomeCount[]) {
  return (Object.keys(OUTCOME_WORDS) as Outcome[])
    .map((name) => [name, sum(counts.filter(({ outcome }) => outcome === name))] as const)
    .filter(([, runs]) => runs > 0);
}

const sum = (counts: readonly OutcomeCount[]) => counts.reduce((total, { runs }) => total + runs, 0);

const hourName = (ago: number) => (ago === 0 ? 'the last hour' : `${ago} to ${ago + 1} hours ago`);
