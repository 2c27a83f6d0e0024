import { html } from 'hono/html';
import type { OutcomeCount } from '../runs/run.ts';
import { heading, type Html } from './parts.ts';
import { count, OUTCOME_WORDS, type Tone } from './words.ts';

const HOURS = 24;
const BAR = 30;
const GAP = 8;
const HEIGHT = 120;
const WIDTH = HOURS * BAR;
/** Of a part that is there. */
const LEAST = 3;
/** Above the highest bar, for the parts of it that are higher than their share. */
const ROOM = 12;

/** From the bottom of a bar to its top; what ended badly is on top, where it is seen. */
const TONES = ['well', 'neutral', 'waits', 'badly'] as const satisfies readonly Tone[];

/** The runs that ended within the last day as bars, an hour each. */
export function chart(day: readonly OutcomeCount[]): Html {
  const hours = Array.from({ length: HOURS }, (_, i) => day.filter(({ hoursAgo }) => hoursAgo === HOURS - 1 - i));
  const most = Math.max(1, ...hours.map(sum));
  return html`<section id="day" aria-labelledby="day-title">
    ${heading('day', 'The last 24 hours')}
    <ul class="legend">
      ${day.length === 0 ? html`<li>No run ended.</li>` : legend(day)}
    </ul>
    <figure>
      <p class="most quiet" aria-hidden="true">${day.length === 0 ? '' : `${count(most, 'run')} an hour`}</p>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${described(day, hours)}" preserveAspectRatio="none">
        <line x1="0" x2="${WIDTH}" y1="${ROOM}" y2="${ROOM}"></line>
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
  const parts = TONES.map((tone) => {
    const runs = sum(hour.filter(({ outcome }) => OUTCOME_WORDS[outcome].tone === tone));
    if (runs === 0) return '';
    const height = Math.max(LEAST, (runs / most) * (HEIGHT - ROOM));
    top -= height;
    return html`<rect
      class="${tone}"
      x="${place * BAR + GAP / 2}"
      y="${top.toFixed(1)}"
      width="${BAR - GAP}"
      height="${height.toFixed(1)}"
    ></rect>`;
  });
  const title = `${hourName(HOURS - 1 - place)}: ${hour.length === 0 ? 'no runs' : words(hour)}`;
  return html`<g>
    <title>${title}</title>
    <rect class="hour" x="${place * BAR}" y="0" width="${BAR}" height="${HEIGHT}"></rect>
    ${parts}
  </g>`;
}

function legend(day: readonly OutcomeCount[]): Html[] {
  return outcomesIn(day).map(
    ([{ tone, sign, words: name }, runs]) =>
      html`<li>
        <span class="badge ${tone}"><span aria-hidden="true">${sign}</span> ${runs} ${name}</span>
      </li>`,
  );
}

function described(day: readonly OutcomeCount[], hours: readonly (readonly OutcomeCount[])[]): string {
  if (day.length === 0) return 'No run ended in the last 24 hours.';
  const each = hours.map((hour, i) => (hour.length === 0 ? '' : ` ${hourName(HOURS - 1 - i)}: ${words(hour)}.`));
  return `${count(sum(day), 'run')} ended in the last 24 hours.${each.join('')}`;
}

const words = (counts: readonly OutcomeCount[]) =>
  outcomesIn(counts)
    .map(([{ words: name }, runs]) => `${runs} ${name}`)
    .join(', ');

function outcomesIn(counts: readonly OutcomeCount[]) {
  return Object.entries(OUTCOME_WORDS)
    .map(([name, said]) => [said, sum(counts.filter(({ outcome }) => outcome === name))] as const)
    .filter(([, runs]) => runs > 0);
}

const sum = (counts: readonly OutcomeCount[]) => counts.reduce((total, { runs }) => total + runs, 0);

const hourName = (ago: number) => (ago === 0 ? 'the last hour' : `${ago} to ${ago + 1} hours ago`);
