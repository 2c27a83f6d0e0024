import { html } from 'hono/html';
import { callerNameOf } from '../../callers/callers.ts';
import { dollars } from '../../dollars.ts';
import type { Usage } from '../api/run.ts';
import type { RunSummary } from '../../store/run.ts';
import { filterForm, pages } from './filter.ts';
import {
  addressOf,
  badge,
  callerOf,
  fact,
  heading,
  origin,
  row,
  shortId,
  table,
  time,
  type Html,
  type PageContext,
} from './parts.ts';
import { repositoryFacts } from './repository.ts';
import type { Status } from './status.ts';
import { count, duration, grouped, OUTCOME_WORDS } from './words.ts';

/** The maximum length of a run's error, in characters; `GET /runs/{id}` has all of it. */
const ERROR_CHARS = 300;

/** The ended runs that match the filter, newest first. */
export function history(status: Status, context: PageContext): Html {
  const { ended } = status;
  const cost = ended.runs.reduce((sum, { result }) => sum + (result?.costUsd ?? 0), 0);
  return html`<section id="history" aria-labelledby="history-title">
    ${heading('history', titleOf(status))}
    ${ended.runs.length === 0 ? '' : html`<p class="aside">${dollars(cost)} in total</p>`}
    ${filterForm(status, context)}
    ${
      ended.runs.length === 0
        ? html`<p role="status">${noneOf(status)}</p>`
        : table(
            'history-title',
            ['Ended', 'Outcome', 'Workflow', 'Took', 'Cost', 'Run'],
            ended.runs.map((run) => endedRow(run, context)),
          )
    }
    ${pages(status, context)}
  </section>`;
}

function titleOf({ ended: { runs, next }, filter: { before, ...chosen } }: Status): string {
  if (runs.length === 0) return 'Ended runs';
  const isChosen = Object.keys(chosen).length > 0;
  if (before !== undefined) return `${count(runs.length, 'older ended run')}${isChosen ? ' that match' : ''}`;
  if (!isChosen) return `The last ${count(runs.length, 'ended run')}`;
  return next === undefined
    ? `${count(runs.length, 'ended run')} found`
    : `The last ${count(runs.length, 'ended run')} found`;
}

function noneOf({ ended: { next }, filter }: Status): string {
  if (next !== undefined) return 'No match among newer runs. Older runs have not been searched yet.';
  return Object.keys(filter).length > 0 ? 'No runs found.' : 'No runs yet.';
}

function endedRow(run: RunSummary, context: PageContext): Html {
  const { outcome, error, costUsd } = run.result ?? { outcome: 'interrupted' };
  return row(`ended-${run.id}`, {
    Ended: time(run.endedAt ?? ''),
    Outcome: badge(OUTCOME_WORDS[outcome]),
    Workflow: html`${origin(run, context)}${callerOf(run)}${error === undefined ? '' : html`<p class="error"><bdi>${shortened(error)}</bdi></p>`}`,
    Took: run.startedAt === undefined ? html`<span class="quiet">not started</span>` : took(run.startedAt, run.endedAt),
    Cost: costUsd === undefined ? html`<span class="quiet">–</span>` : dollars(costUsd),
    Run: html`<details>
      <summary aria-label="Run ${shortId(run)}"><code>${shortId(run)}</code></summary>
      <dl>${Object.entries(factsOf(run)).map(([name, value]) => fact(name, value))}</dl>
    </details>`,
  });
}

/** The details of a run. */
export function factsOf({
  id,
  sessionId,
  acceptedAt,
  startedAt,
  result,
  request,
}: RunSummary): Record<string, Html | string> {
  const { model, turns, usage } = result ?? {};
  const labels = Object.entries(request.labels).map(
    ([name, value]) => html`<li><bdi>${name}</bdi>: <bdi>${value}</bdi></li>`,
  );
  return {
    Run: html`<a href="${addressOf({ id })}"><code>${id}</code></a>`,
    Session: html`<code>${sessionId}</code>`,
    ...(request.trace && { Trace: html`<code>${request.trace.traceId}</code>` }),
    Caller: html`<bdi>${callerNameOf({ request })}</bdi>`,
    ...(request.lane !== undefined && { Lane: html`<bdi>${request.lane}</bdi>` }),
    ...repositoryFacts({ request, ...(result && { result }) }),
    ...(startedAt !== undefined && { Waited: took(acceptedAt, startedAt) }),
    ...(model !== undefined && { Model: model }),
    ...(turns !== undefined && { Turns: String(turns) }),
    ...(usage && { Tokens: tokens(usage) }),
    ...(labels.length > 0 && {
      Labels: html`<ul>
        ${labels}
      </ul>`,
    }),
  };
}

/** Cached tokens are not part of the input tokens. */
function tokens({ inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens }: Usage): string {
  const cached = `cache: ${grouped(cacheReadInputTokens)} read, ${grouped(cacheCreationInputTokens)} written`;
  return `${grouped(inputTokens)} in, ${grouped(outputTokens)} out; ${cached}`;
}

const took = (from: string, to = from) => duration(Date.parse(to) - Date.parse(from), { tenths: true });

const shortened = (text: string) => (text.length <= ERROR_CHARS ? text : `${text.slice(0, ERROR_CHARS)}…`);
