import { html } from 'hono/html';
import type { RunSummary } from '../../store/run.ts';
import type { EndedFilter } from './status.ts';
import { duration, type Words } from './words.ts';

/** A part of the page. Text that was inserted is escaped. */
export type Html = ReturnType<typeof html>;

/** What the parts of the page need besides the status. */
export interface PageContext {
  /** Part of each form on a page without scripts; a page with scripts sends the token in a header. */
  readonly token: string | undefined;
  /** Whether the page has buttons that change something. */
  readonly mayAct: boolean;
  /** Part of each form, so that the next page shows the same runs. */
  readonly filter: EndedFilter;
  /** The URL of n8n for links; undefined for none. */
  readonly n8nUrl: string | undefined;
  /** Why the decision of the form was not made, in a sentence. */
  readonly problem?: string | undefined;
  /** Why the file of the form cannot be downloaded, in sentences. */
  readonly fileProblem?: string | undefined;
  /** The run that is open; undefined for the page of all runs. */
  readonly run?: string | undefined;
}

/** The first part of a run's id, which is enough to distinguish runs. */
export const shortId = ({ id }: Pick<RunSummary, 'id'>) => id.slice(0, 8);

/** The address of a run's page. */
export const addressOf = ({ id }: Pick<RunSummary, 'id'>) => `/?run=${encodeURIComponent(id)}`;

/** A fact in a list of them. */
export const fact = (name: string, value: Html | string) =>
  html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;

/** A heading that takes the focus when the focused element is removed. */
export const heading = (id: string, text: string) => html`<h2 id="${id}-title" tabindex="-1">${text}</h2>`;

/** A state with its colour, sign and words. */
export const badge = ({ tone, sign, words }: Words) =>
  html`<span class="badge ${tone}"><span aria-hidden="true">${sign}</span> ${words}</span>`;

/** The actions of forms that change nothing. */
export const READING: ReadonlySet<string> = new Set(['show', 'download']);

/** A form that performs an action and shows the page again; nothing if the reader may not act. */
export function form(
  action: string,
  { token, filter, run, mayAct }: PageContext,
  fields: Html,
  question?: string,
): Html {
  if (!mayAct && !READING.has(action)) return html``;
  const address = run === undefined ? '/' : addressOf({ id: run });
  return html`<form
    method="post"
    action="${address}"
    ${question === undefined ? '' : html`data-question="${question}"`}
  >
    ${hidden('action', action)} ${hidden('token', token)} ${hidden('run', run)}
    ${Object.entries(filter).map(([name, value]) => hidden(name, value))} ${fields}
  </form>`;
}

/** A field that nobody sees; nothing without a value. */
export const hidden = (name: string, value: string | number | undefined) =>
  value === undefined ? '' : html`<input type="hidden" name="${name}" value="${value}" />`;

/** Cancels a run. */
export const cancelForm = (run: RunSummary, context: PageContext) =>
  form(
    'cancel',
    context,
    html`<input type="hidden" name="id" value="${run.id}" />
      <button aria-label="Cancel run ${shortId(run)}">Cancel</button>`,
    `Cancel run ${shortId(run)}?`,
  );

/** A time in UTC; a page with scripts shows it in the reader's time zone. */
export const time = (iso: string) =>
  html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')}&nbsp;UTC</time>`;

/** The time since a moment; a page with scripts counts up. */
export const since = (at: number, now: Date) =>
  html`<span class="count" data-since="${at}">${duration(now.getTime() - at)}</span>`;

/** The time until a moment; a page with scripts counts down. */
export const left = (at: number, now: Date) =>
  html`<span class="count" data-until="${at}">${duration(at - now.getTime())}</span>`;

/** The name of a run's workflow from its labels; undefined if they have none. */
export const workflowOf = ({ request: { labels } }: Pick<RunSummary, 'request'>): string | undefined =>
  labels['workflowName'] ?? labels['workflow'];

/**
 * The origin of a run, from its labels `workflow` (the workflow's id in n8n), `workflowName` and `execution`: a link to the
 * execution in n8n if its URL is known. Long names are cut; their tooltip has all of them.
 */
export function origin(run: Pick<RunSummary, 'request'>, { n8nUrl }: PageContext): Html {
  const { workflow, execution } = run.request.labels;
  const name = workflowOf(run);
  if (name === undefined) return html`<span class="quiet">–</span>`;
  const number = execution === undefined ? '' : html` <bdi class="number" title="${execution}">#${execution}</bdi>`;
  const words = html`<bdi class="name" title="${name}">${name}</bdi>${number}`;
  if (n8nUrl === undefined || workflow === undefined || execution === undefined) return words;
  const [workflowId, executionId] = [workflow, execution].map((id) => encodeURIComponent(id.toWellFormed()));
  const url = `${n8nUrl}/workflow/${workflowId}/executions/${executionId}`;
  return html`<a href="${url}" rel="noreferrer">${words}</a>`;
}

/** The lane of a run, if it has one. */
export const laneOf = ({ request: { lane } }: Pick<RunSummary, 'request'>): Html | string =>
  lane === undefined ? '' : html`<p class="lane">Lane <bdi>${lane}</bdi></p>`;

/** The caller of a run, unless it is the operator. */
export const callerOf = (run: Pick<RunSummary, 'request'>): Html | string =>
  run.request.caller === undefined ? '' : html`<p class="lane">Caller <bdi>${run.request.caller}</bdi></p>`;

/** A table. It stays one for screen readers when a narrow screen shows its rows as cards. */
export function table(labelledBy: string, columns: readonly string[], rows: readonly Html[]): Html {
  return html`<table role="table" aria-labelledby="${labelledBy}">
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map((column) => html`<th role="columnheader" scope="col" data-label="${column}"><span>${column}</span></th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows}
    </tbody>
  </table>`;
}

/**
 * A row of a {@link table}.
 * @param id identifies the row when a page with scripts updates it.
 * @param cells by their names on a narrow screen.
 */
export function row(id: string, cells: Readonly<Record<string, Html | string>>): Html {
  return html`<tr role="row" id="${id}">
    ${Object.entries(cells).map(([name, content]) => html`<td role="cell" data-label="${name}">${content}</td>`)}
  </tr>`;
}
