import { DecisionError } from '../../decisions/errors.ts';
import { questionsIn } from '../../decisions/question.ts';
import type { RunService } from '../../runs/service.ts';
import type { DecisionRequest } from '../api/decision.ts';
import type { PageForm } from './page-form.ts';

/**
 * Performs the forms of the page that decide about a run.
 * @param fields all fields of the form.
 * @param by the name of the caller.
 * @returns why nothing was decided, in a sentence; undefined if it was, or for another form.
 * @throws {StorageError}
 */
export function decideOnPage(
  service: RunService,
  form: PageForm,
  fields: URLSearchParams,
  by: string,
): string | undefined {
  const request = requestOf(service, form, fields);
  if (!request) return undefined;
  try {
    return service.decide(form.id, form.decision, request, by) ? undefined : 'The run does not exist any more.';
  } catch (error) {
    if (!(error instanceof DecisionError)) throw error;
    return error.message;
  }
}

function requestOf(service: RunService, form: PageForm, fields: URLSearchParams): DecisionRequest | undefined {
  const { action, id, decision, reason } = form;
  if (action === 'allow') return { allow: true };
  if (action === 'deny') return { allow: false, ...(reason !== undefined && { message: reason }) };
  if (action !== 'answer') return undefined;
  const asked = service.find(id)?.decisions?.find((each) => each.id === decision);
  const answers = (questionsIn(asked?.input) ?? []).flatMap(({ question, several }, i) => {
    const given = [...fields]
      .filter(([name, value]) => isAnswer(name, i) && value.trim() !== '')
      .map(([, value]) => value);
    return given.length === 0 ? [] : [[question, several ? given : given.join(', ')] as const];
  });
  return { answers: Object.fromEntries(answers) };
}

/** Whether a field answers a question: `answer-NUMBER`, or `answer-NUMBER-CHOICE`. */
const isAnswer = (name: string, question: number) =>
  name === `answer-${question}` || name.startsWith(`answer-${question}-`);
