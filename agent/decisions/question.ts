import { z } from 'zod';

/** The input of the tool with which Claude asks. */
const asked = z.object({
  questions: z
    .array(
      z.object({
        question: z.string(),
        options: z.array(z.object({ label: z.string() })).default([]),
        multiSelect: z.boolean().catch(false),
      }),
    )
    .min(1),
});

/** A question of Claude's. */
export interface Question {
  readonly question: string;
  readonly choices: readonly string[];
  /** Whether it may have several answers. */
  readonly several: boolean;
}

/** What a person answers, by the text of the question. */
export type Answers = Readonly<Record<string, string | readonly string[]>>;

/** The questions in the input of `AskUserQuestion`; undefined if the format is unknown. */
export function questionsIn(input: unknown): readonly Question[] | undefined {
  const parsed = asked.safeParse(input);
  return parsed.data?.questions.map(({ question, options, multiSelect }) => ({
    question,
    choices: options.map(({ label }) => label),
    several: multiSelect,
  }));
}

/** Why these answers do not answer these questions, in a sentence; undefined if they do. */
export function answersMistake(questions: readonly Question[], answers: Answers): string | undefined {
  const other = Object.keys(answers).find((text) => !questions.some(({ question }) => question === text));
  if (other !== undefined) return `Claude did not ask ${JSON.stringify(other.slice(0, 200))}.`;
  const missing = questions.find(({ question }) => !Object.hasOwn(answers, question));
  if (missing) return `\`answers\` has no answer to ${JSON.stringify(missing.question.slice(0, 200))}.`;
  const wrong = questions.find(({ question, several }) => {
    const answer = answers[question];
    return typeof answer !== 'string' && (!several || answer?.length === 0);
  });
  return (
    wrong &&
    `${JSON.stringify(wrong.question.slice(0, 200))} needs ${wrong.several ? 'an answer' : 'one answer, a string'}.`
  );
}

/** The answers in the format of the CLI. */
export function answersForClaude(answers: Answers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(answers).map(([question, answer]) => [
      question,
      typeof answer === 'string' ? answer : answer.join(', '),
    ]),
  );
}
