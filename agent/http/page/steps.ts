import { html } from 'hono/html';
import type { RecordedSteps } from '../../store/step-records.ts';
import type { Run } from '../../store/run.ts';
import type { Step } from '../api/transcript.ts';
import { badge, heading, type Html } from './parts.ts';
import { count, duration, grouped, STEP_WORDS } from './words.ts';

/** How many of the last steps are shown; `GET /runs/{id}/transcript` has all. */
const SHOWN = 500;
/** How much of an input its line shows. */
const GIST_CHARS = 200;

type Call = Step & { readonly type: 'tool_call' };
type Result = Step & { readonly type: 'tool_result' };

/**
 * What Claude did, with the result of each tool at its call.
 * @param recorded undefined if it is not kept.
 */
export function stepList(run: Run, recorded: RecordedSteps | undefined): Html {
  const { steps = [], omitted = 0 } = recorded ?? {};
  const results = new Map(steps.filter((step) => step.type === 'tool_result').map((step) => [step.toolUseId, step]));
  const calls = new Set(steps.filter((step) => step.type === 'tool_call').map(({ toolUseId }) => toolUseId));
  const items = steps.filter((step) => step.type !== 'tool_result' || !calls.has(step.toolUseId));
  const begun = Date.parse(run.startedAt ?? run.acceptedAt);
  const earlier = Math.max(0, items.length - SHOWN);
  return html`<section id="steps" aria-labelledby="steps-title">
    ${heading('steps', 'What Claude did')}
    ${recorded && steps.length > 0 ? '' : html`<p class="quiet">${noneOf(run.state, recorded !== undefined)}</p>`}
    ${earlier > 0 ? html`<p class="quiet">${count(earlier, 'earlier step')} not shown here, but in the transcript.</p>` : ''}
    <ol>
      ${items.slice(earlier).map((step) => item(step, results, begun))}
    </ol>
    ${
      omitted > 0
        ? html`<p class="quiet">${count(omitted, 'more step')} left out, because a transcript has at most 1 MiB.</p>`
        : ''
    }
  </section>`;
}

function noneOf(state: string, isKept: boolean): string {
  if (state === 'queued') return 'The run has not started.';
  if (!isKept) return 'What Claude did in this run is not kept, or the run did not start.';
  return state === 'ended' ? 'Nothing.' : 'Nothing yet.';
}

function item(step: Step, results: ReadonlyMap<string, Result>, begun: number): Html {
  const within = step.parentToolUseId === undefined ? '' : 'within';
  return html`<li id="step-${step.number}" class="${within}">
    <span class="at" title="${step.at}">${duration(Date.parse(step.at) - begun, { tenths: true })}</span>
    <div>${contentOf(step, results)}</div>
  </li>`;
}

function contentOf(step: Step, results: ReadonlyMap<string, Result>): Html {
  switch (step.type) {
    case 'text':
      return content(step.text, 'Text of Claude', step.omittedChars, 'content said');
    case 'tool_call':
      return toolUse(step, results.get(step.toolUseId));
    case 'tool_result':
      return html`<p>Result of an earlier call</p>
        ${content(step.output, 'Result', step.omittedChars)}`;
    case 'retry':
      return line(
        STEP_WORDS.retry,
        `${step.status === undefined ? '' : `${step.status} `}${step.error}, again in ${duration(step.delayMs, { tenths: true })}`,
      );
    case 'task':
      return line(STEP_WORDS.task, `${step.state}${step.description === '' ? '' : `: ${step.description}`}`);
    case 'denied':
      return line(STEP_WORDS.denied, step.tool);
    case 'decision':
      return line(
        step.allowed === undefined ? STEP_WORDS.asked : step.allowed ? STEP_WORDS.allowed : STEP_WORDS.denied,
        [step.tool, step.by === undefined ? '' : `by ${step.by}`, step.message ?? ''].filter(Boolean).join(', '),
      );
  }
}

const line = (words: Parameters<typeof badge>[0], text: string): Html =>
  html`<p class="line">${badge(words)} <bdi>${text}</bdi></p>`;

function toolUse(call: Call, result: Result | undefined): Html {
  const input = typeof call.input === 'string' ? call.input : JSON.stringify(call.input, null, 2);
  return html`<details id="call-${call.number}">
    <summary>
      <code class="tool">${call.tool}</code> <bdi class="gist">${gistOf(call.input)}</bdi>
      ${
        result
          ? html`${result.isError ? badge(STEP_WORDS.error) : ''}
              <span class="quiet">${duration(Date.parse(result.at) - Date.parse(call.at), { tenths: true })}</span>`
          : ''
      }
    </summary>
    ${content(input, `Input of ${call.tool}`, call.omittedChars)}
    ${result ? content(result.output, `Result of ${call.tool}`, result.omittedChars) : ''}
  </details>`;
}

const content = (text: string, label: string, omitted = 0, style = 'content'): Html =>
  html`<pre class="${style}" dir="auto" tabindex="0" aria-label="${label}">${text}</pre>
    ${omitted > 0 ? html`<p class="quiet">${grouped(omitted)} more characters</p>` : ''}`;

/** The first text of an input, which is the command, the file or what is looked for. */
function gistOf(input: unknown): string {
  if (typeof input === 'string') return input.slice(0, GIST_CHARS);
  const first = Object.values(input ?? {}).find((value) => typeof value === 'string') ?? '';
  return first.slice(0, GIST_CHARS);
}
