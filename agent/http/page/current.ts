import { html } from 'hono/html';
import { deadlineOf, type Run } from '../../store/run.ts';
import {
  addressOf,
  callerOf,
  cancelForm,
  heading,
  laneOf,
  left,
  origin,
  row,
  shortId,
  since,
  table,
  type Html,
  type PageContext,
} from './parts.ts';
import { held } from './held.ts';
import type { Status } from './status.ts';
import { count, duration, grouped } from './words.ts';

/** How many runs of the queue are shown; the rest is folded. */
const SHOWN = 5;

/** The runs in progress and the waiting runs. */
export function current(status: Status, context: PageContext): Html {
  const { running, waiting, load, hold, now } = status;
  const hidden = load.queued - waiting.length;
  const rows = waiting.map((run, i) => waitingRow(run, i + 1, now, context));
  const folded = rows.splice(rows.length > SHOWN + 1 ? SHOWN : rows.length);
  return html`<section id="current" aria-labelledby="current-title">
    ${heading('current', 'Now')}
    ${running.length > 0 ? running.map((run) => runningRun(run, now, context)) : html`<p>${idle(status)}</p>`}
    ${
      rows.length === 0
        ? ''
        : html`<h3 id="queue-title">Queue</h3>
            ${hold ? html`<p class="waits">${held(hold, now)}</p>` : ''} ${queue('queue-title', rows, context)}`
    }
    ${
      folded.length === 0
        ? ''
        : html`<details id="queue-rest">
            <summary id="queue-rest-title">${grouped(folded.length)} more waiting runs</summary>
            ${queue('queue-rest-title', folded, context)}
          </details>`
    }
    ${hidden > 0 ? html`<p class="quiet">${count(hidden, 'more run')} behind them.</p>` : ''}
  </section>`;
}

const queue = (labelledBy: string, rows: readonly Html[], { mayAct }: PageContext) =>
  table(labelledBy, ['Place', 'Run', 'Workflow', 'Waiting', 'Time left', ...(mayAct ? ['Action'] : [])], rows);

function idle({ load, waiting }: Status): string {
  if (load.active > 0) return 'The login is being checked.';
  return waiting.length > 0 ? 'No run in progress.' : 'No runs in progress or waiting.';
}

function runningRun(run: Run, now: Date, context: PageContext): Html {
  const begun = Date.parse(run.startedAt ?? run.acceptedAt);
  const end = deadlineOf(run);
  const id = `run-${run.id}`;
  return html`<div class="running" id="${id}" role="group" aria-labelledby="${id}-name">
    <p class="clock"><span class="unseen">Running for</span> ${since(begun, now)}</p>
    <div>
      <p id="${id}-name"><span class="unseen">Run</span> ${linkTo(run)} ${origin(run, context)}</p>
      ${laneOf(run)} ${callerOf(run)}
      <progress
        max="${end - begun}"
        value="${Math.min(now.getTime(), end) - begun}"
        data-from="${begun}"
        aria-label="Time used by run ${shortId(run)}"
      ></progress>
      <p class="quiet">
        ${run.state === 'waiting' ? stands(end, now) : left(end, now)} left of ${duration(run.request.timeoutMs)}
      </p>
      ${
        run.state === 'waiting'
          ? html`<p class="waits">
              Waiting for a <a href="#decisions">decision</a>. The run keeps its slot, and its time stands still.
            </p>`
          : ''
      }
    </div>
    ${cancelForm(run, context)}
  </div>`;
}

const linkTo = (run: Run) => html`<a href="${addressOf(run)}"><code>${shortId(run)}</code></a>`;

/** The time until a moment that moves on. */
const stands = (at: number, now: Date) => duration(at - now.getTime());

function waitingRow(run: Run, place: number, now: Date, context: PageContext): Html {
  return row(`run-${run.id}`, {
    Place: String(place),
    Run: linkTo(run),
    Workflow: html`${origin(run, context)}${laneOf(run)}${callerOf(run)}`,
    Waiting: since(Date.parse(run.acceptedAt), now),
    'Time left': left(deadlineOf(run), now),
    ...(context.mayAct && { Action: cancelForm(run, context) }),
  });
}
