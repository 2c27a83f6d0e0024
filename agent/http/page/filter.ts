import { html } from 'hono/html';
import { RUN_LIMITS, type Outcome } from '../../contract.ts';
import { form, workflowOf, type Html, type PageContext } from './parts.ts';
import type { Status } from './status.ts';
import { OUTCOME_WORDS } from './words.ts';

/** The maximum length of a search text, in characters. */
export const SEARCH_CHARS = 256;
/** How many workflows are suggested; any other can be typed. */
const OFFERED = 30;

/** The form that filters the ended runs. */
export function filterForm(status: Status, context: PageContext): Html {
  const { outcome, workflow, lane, caller, text } = status.filter;
  const isFiltered = [outcome, workflow, lane, caller, text].some((each) => each !== undefined);
  const everything = { ...context, filter: {} };
  return html`<div class="filter" role="search" aria-label="Ended runs">
    ${form(
      'show',
      everything,
      html`<label
          >Outcome
          <select name="outcome">
            <option value="">all</option>
            ${(Object.keys(OUTCOME_WORDS) as Outcome[]).map((name) => option(name, name === outcome))}
          </select></label
        >
        <label
          >Workflow
          <input
            name="workflow"
            list="workflows"
            maxlength="${SEARCH_CHARS}"
            autocomplete="off"
            value="${workflow ?? ''}"
        /></label>
        <datalist id="workflows">
          ${workflowsIn(status).map((name) => html`<option value="${name}"></option>`)}
        </datalist>
        <label
          >Lane <input name="lane" maxlength="${RUN_LIMITS.laneChars}" autocomplete="off" value="${lane ?? ''}"
        /></label>
        ${status.callers.length > 1 || caller !== undefined ? callerField(status) : ''}
        <label
          >Text
          <input
            name="text"
            type="search"
            maxlength="${SEARCH_CHARS}"
            autocomplete="off"
            value="${text ?? ''}"
            placeholder="error, label or id"
        /></label>
        <button>Filter</button>`,
    )}
    ${isFiltered ? form('show', everything, html`<button>Show all</button>`) : ''}
  </div>`;
}

/** A retired caller, whose runs are still there, can be typed. */
const callerField = ({ callers, filter: { caller } }: Status): Html =>
  html`<label
      >Caller
      <input name="caller" list="callers" maxlength="${SEARCH_CHARS}" autocomplete="off" value="${caller ?? ''}"
    /></label>
    <datalist id="callers">${callers.map((name) => html`<option value="${name}"></option>`)}</datalist>`;

function option(name: Outcome, isChosen: boolean): Html {
  const { words } = OUTCOME_WORDS[name];
  return isChosen
    ? html`<option value="${name}" selected>${words}</option>`
    : html`<option value="${name}">${words}</option>`;
}

/** Buttons to older runs and back to the newest. */
export function pages({ ended: { next }, filter }: Status, context: PageContext): Html {
  const { before, ...rest } = filter;
  const to = (filter: Status['filter'], text: string) =>
    form('show', { ...context, filter }, html`<button>${text}</button>`);
  return html`<div class="actions">
    ${next === undefined ? '' : to({ ...rest, before: next }, 'Older')}
    ${before === undefined ? '' : to(rest, 'Newest')}
  </div>`;
}

function workflowsIn({ running, waiting, ended }: Status): string[] {
  const names = [...running, ...waiting, ...ended.runs].map(workflowOf).filter((name) => name !== undefined);
  return [...new Set(names)].slice(0, OFFERED).sort((a, b) => a.localeCompare(b, 'en'));
}
