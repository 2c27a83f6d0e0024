import { html } from 'hono/html';
import type { RunSummary } from '../runs/run.ts';
import { badge, heading, origin, row, shortId, table, time, type Html, type PageContext } from './parts.ts';
import type { Status } from './status.ts';
import { count, dollars, duration, OUTCOME_WORDS } from './words.ts';

/** Characters of a run's error; `GET /runs/{id}` has all of it. */
const ERROR_CHARS = 300;

/** The runs that ended last, newest first. */
export function history({ ended }: Status, context: PageContext): Html {
  const cost = ended.reduce((sum, { result }) => sum + (result?.costUsd ?? 0), 0);
  return html`<section id="history" aria-labelledby="history-title">
    ${heading('history', ended.length === 0 ? 'Ended runs' : `The last ${count(ended.length, 'ended run')}`)}
    ${
      ended.length === 0
        ? html`<p>None yet.</p>`
        : html`<p class="aside">${dollars(cost)} together</p>
            ${table(
              'history-title',
              ['Ended', 'Outcome', 'Workflow', 'Took', 'Cost', 'Run'],
              ended.map((run) => endedRow(run, context)),
            )}`
    }
  </section>`;
}

function endedRow(run: RunSummary, context: PageContext): Html {
  const { outcome, error, costUsd } = run.result ?? { outcome: 'interrupted' };
  return row(`ended-${run.id}`, {
    Ended: time(run.endedAt ?? ''),
    Outcome: badge(OUTCOME_WORDS[outcome]),
    Workflow: html`${origin(run, context)}${error === undefined ? '' : html`<p class="error">${shortened(error)}</p>`}`,
    Took: run.startedAt === undefined ? html`<span class="quiet">not begun</span>` : took(run.startedAt, run.endedAt),
    Cost: costUsd === undefined ? html`<span class="quiet">–</span>` : dollars(costUsd),
    Run: html`<details>
      <summary><code>${shortId(run)}</code></summary>
      <dl>
        ${Object.entries(facts(run)).map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
    </details>`,
  });
}

/** What is known of a run besides its row. */
function facts({ id, sessionId, acceptedAt, startedAt, result, request }: RunSummary): Record<string, Html | string> {
  const { model, turns, usage } = result ?? {};
  const labels = Object.entries(request.labels).map(([name, value]) => `${name}: ${value}`);
  return {
    Run: html`<code>${id}</code>`,
    Session: html`<code>${sessionId}</code>`,
    ...(startedAt !== undefined && { Waited: took(acceptedAt, startedAt) }),
    ...(model !== undefined && { Model: model }),
    ...(turns !== undefined && { Turns: String(turns) }),
    ...(usage && { Tokens: `${usage.inputTokens} in, ${usage.outputTokens} out` }),
    ...(labels.length > 0 && { Labels: labels.join(', ') }),
  };
}

const took = (from: string, to = from) => duration(Date.parse(to) - Date.parse(from), { tenths: true });

const shortened = (text: string) => (text.length <= ERROR_CHARS ? text : `${text.slice(0, ERROR_CHARS)}…`);
