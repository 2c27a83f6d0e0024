import { html } from 'hono/html';
import { dollars } from '../../dollars.ts';
import type { RunFile } from '../../files/run-files.ts';
import type { PlaceInQueue } from '../api/run.ts';
import type { RecordedSteps } from '../../store/step-records.ts';
import { deadlineOf, type Run } from '../../store/run.ts';
import { held } from './held.ts';
import { factsOf } from './history.ts';
import {
  badge,
  cancelForm,
  fact,
  form,
  heading,
  hidden,
  left,
  origin,
  shortId,
  since,
  time,
  type Html,
  type PageContext,
} from './parts.ts';
import { stepList } from './steps.ts';
import { bytes, duration, OUTCOME_WORDS, STATE_WORDS, type Words } from './words.ts';

/** A run that somebody opened. */
export interface OpenedRun {
  readonly now: Date;
  readonly run: Run;
  /** Where it waits; undefined if it does not. */
  readonly queue: PlaceInQueue | undefined;
  /** Without secrets; empty if it is not kept any more. */
  readonly prompt: string;
  /** What Claude did; undefined if it is not kept. */
  readonly steps: RecordedSteps | undefined;
}

/** The state of a run, in words. */
export const wordsOf = ({ state, result }: Run): Words =>
  state === 'ended' ? OUTCOME_WORDS[result?.outcome ?? 'interrupted'] : STATE_WORDS[state];

/** The parts of the page of a run, before what it waits for and after it. */
export function runParts(opened: OpenedRun, context: PageContext): { readonly first: Html; readonly rest: Html } {
  return {
    first: overview(opened, context),
    rest: html`${promptOf(opened.prompt)} ${warningsOf(opened.run)} ${filesOf(opened.run, context)}
    ${stepList(opened.run, opened.steps)}`,
  };
}

/** Instead of a run whose record is gone. */
export const noRun = (): Html =>
  html`<section id="run" aria-labelledby="run-title">
    ${heading('run', 'Run not found')}
    <p>Its record may have been removed because of its age. <a href="/">All runs</a></p>
  </section>`;

function overview({ run, queue, now }: OpenedRun, context: PageContext): Html {
  const words = wordsOf(run);
  const { error, costUsd } = run.result ?? {};
  const facts = {
    Workflow: origin(run, context),
    Accepted: time(run.acceptedAt),
    ...timesOf(run, now),
    ...(queue && { Place: String(queue.place) }),
    ...(costUsd !== undefined && { Cost: dollars(costUsd) }),
    ...factsOf(run),
  };
  return html`<section id="run" class="${words.tone}" aria-labelledby="run-title">
    <p class="aside"><a href="/">All runs</a></p>
    ${heading('run', `Run ${shortId(run)}`)}
    <p role="status">${badge(words)}</p>
    ${error === undefined ? '' : html`<p class="error"><bdi>${error}</bdi></p>`}
    ${queue?.hold ? html`<p class="waits">${held(queue.hold, now)}</p>` : ''}
    <dl class="facts">${Object.entries(facts).map(([name, value]) => fact(name, value))}</dl>
    ${run.state === 'ended' ? '' : cancelForm(run, context)}
  </section>`;
}

function timesOf(run: Run, now: Date): Record<string, Html | string> {
  const { startedAt, endedAt, state } = run;
  if (endedAt !== undefined) {
    if (startedAt === undefined) return { Ended: time(endedAt) };
    return { Ended: time(endedAt), Took: duration(Date.parse(endedAt) - Date.parse(startedAt), { tenths: true }) };
  }
  const until = deadlineOf(run);
  return {
    ...(startedAt !== undefined && { 'Running for': since(Date.parse(startedAt), now) }),
    'Time left': state === 'waiting' ? duration(until - now.getTime()) : left(until, now),
  };
}

const promptOf = (prompt: string): Html | string =>
  prompt === ''
    ? ''
    : html`<section id="prompt" aria-labelledby="prompt-title">
        ${heading('prompt', 'Prompt')}
        <pre class="content" dir="auto" tabindex="0" aria-labelledby="prompt-title">${prompt}</pre>
      </section>`;

function warningsOf({ result }: Run): Html | string {
  const { warnings = [] } = result ?? {};
  if (warnings.length === 0) return '';
  return html`<section id="warnings" aria-labelledby="warnings-title">
    ${heading('warnings', 'Warnings')}
    <ul>
      ${warnings.map((warning) => html`<li><bdi>${warning}</bdi></li>`)}
    </ul>
  </section>`;
}

function filesOf({ request, result }: Run, context: PageContext): Html | string {
  const files = [
    ...(request.files ?? []).map((file) => ({ ...file, way: 'given' as const })),
    ...(result?.files ?? []).map((file) => ({ ...file, way: 'left' as const })),
  ];
  const { fileProblem } = context;
  if (files.length === 0 && fileProblem === undefined) return '';
  return html`<section id="files" aria-labelledby="files-title">
    ${heading('files', 'Files')}
    ${fileProblem === undefined ? '' : html`<p class="badly" role="alert"><bdi>${fileProblem}</bdi></p>`}
    <ul>
      ${files.map((file) => fileItem(file, context))}
    </ul>
  </section>`;
}

function fileItem(
  { name, bytes: size, way }: RunFile & { readonly way: 'given' | 'left' },
  context: PageContext,
): Html {
  const how = way === 'given' ? 'given to the run' : 'left by the run';
  return html`<li>
    <p><bdi>${name}</bdi> <span class="quiet">${bytes(size)}, ${how}</span></p>
    ${form(
      'download',
      context,
      html`${hidden('file', name)} ${hidden('way', way)}
        <button aria-label="Download ${name}, ${how}">Download</button>`,
    )}
  </li>`;
}
