import { html } from 'hono/html';
import { questionsIn, type Question } from '../../decisions/question.ts';
import type { Decision, Run } from '../../store/run.ts';
import { form, heading, left, origin, shortId, since, type Html, type PageContext } from './parts.ts';
import type { Status } from './status.ts';

type Shown = Pick<Status, 'running' | 'now' | 'decisionMs'>;

/** The decisions that runs wait for; nothing if there are none. */
export function decisions(status: Shown, context: PageContext): Html | string {
  const open = status.running.flatMap((run) =>
    (run.decisions ?? []).flatMap((decision) => (decision.decidedAt === undefined ? [{ run, decision }] : [])),
  );
  if (open.length === 0 && context.problem === undefined) return '';
  return html`<section id="decisions" aria-labelledby="decisions-title">
    ${heading('decisions', 'Waiting for a decision')}
    ${context.problem === undefined ? '' : html`<p class="badly" role="alert">${context.problem}</p>`}
    ${open.map(({ run, decision }) => waiting(run, decision, status, context))}
  </section>`;
}

function waiting(run: Run, decision: Decision, { now, decisionMs }: Shown, context: PageContext): Html {
  const asked = Date.parse(decision.askedAt);
  const questions = decision.question === undefined ? undefined : questionsIn(decision.input);
  const id = `decision-${decision.id}`;
  return html`<div class="decision" id="${id}" role="group" aria-labelledby="${id}-name">
    <p id="${id}-name">
      <span class="unseen">Run</span> <code>${shortId(run)}</code> ${origin(run, context)} ${asks(decision)}
    </p>
    ${questions ? '' : html`<pre tabindex="0" aria-label="Input of ${decision.tool}">${visible(decision.input)}</pre>`}
    <p class="quiet">Waiting for ${since(asked, now)}, ${left(asked + decisionMs, now)} left, then it is denied.</p>
    ${questions ? answerForm(run, decision, questions, context) : allowForm(run, decision, context)}
    ${denyForm(run, decision, context)}
  </div>`;
}

const asks = ({ tool, question }: Decision) =>
  question === undefined ? html`wants to use <code>${tool}</code>` : html`has a question`;

const ids = (run: Run, decision: Decision) =>
  html`<input type="hidden" name="id" value="${run.id}" /><input
      type="hidden"
      name="decision"
      value="${decision.id}"
    />`;

const allowForm = (run: Run, decision: Decision, context: PageContext) =>
  form(
    'allow',
    context,
    html`${ids(run, decision)}
      <button class="main" aria-label="Allow ${decision.tool} in run ${shortId(run)}">Allow</button>`,
  );

const denyForm = (run: Run, decision: Decision, context: PageContext) =>
  form(
    'deny',
    context,
    html`${ids(run, decision)}
      <label for="reason-${decision.id}">Reason for Claude</label>
      <input id="reason-${decision.id}" name="reason" maxlength="500" autocomplete="off" />
      <button aria-label="Deny ${decision.tool} in run ${shortId(run)}">Deny</button>`,
  );

const answerForm = (run: Run, decision: Decision, questions: readonly Question[], context: PageContext) =>
  form(
    'answer',
    context,
    html`${ids(run, decision)} ${questions.map((question, i) => field(question, `answer-${i}`))}
      <button class="main" aria-label="Answer run ${shortId(run)}">Answer</button>`,
  );

/** The fields of a question: each has a name of its own, because a page with scripts sends one value for each name. */
function field({ question, choices, several }: Question, name: string): Html {
  if (choices.length === 0) {
    return html`<label
      >${visible(question)} <input name="${name}" maxlength="500" autocomplete="off" required
    /></label>`;
  }
  return html`<fieldset>
    <legend>${visible(question)}</legend>
    ${choices.map(
      (choice, i) =>
        html`<label>
          ${
            several
              ? html`<input type="checkbox" name="${name}-${i}" value="${choice}" />`
              : html`<input type="radio" name="${name}" value="${choice}" required />`
          }
          <span>${visible(choice)}</span>
        </label>`,
    )}
  </fieldset>`;
}

/** Text that cannot look like another one: characters that are invisible, or change the direction, are shown by their codes. */
function visible(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return text.replaceAll(/[^\P{Cc}\n\t]|\p{Cf}/gu, (sign) => `\\u{${sign.codePointAt(0)?.toString(16) ?? ''}}`);
}
