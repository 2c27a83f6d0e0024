import { z } from 'zod';
import { component, time, type Sent } from './component.ts';

/** How much of the input of a tool call a record keeps, in characters of JSON. */
export const MAX_DECISION_INPUT_CHARS = 65_536;
const MAX_TEXT_CHARS = 4000;

const answers = z
  .record(z.string(), z.union([z.string().min(1).max(MAX_TEXT_CHARS), z.array(z.string().min(1).max(MAX_TEXT_CHARS))]))
  .describe('The answer to each question, by its text: a string, or for a question with several answers a list.');

/** What waits for a person, or waited. */
export const decision = component(
  'Decision',
  z.object({
    id: z.uuid(),
    tool: z.string().describe("The tool that Claude wants to use. `AskUserQuestion` is a question of Claude's."),
    input: z
      .unknown()
      .describe(
        `The input of the tool. If it takes more than ${MAX_DECISION_INPUT_CHARS} characters of JSON, a note stands in its place.`,
      ),
    question: z.string().describe('For a question: its text. `input.questions` has all questions.').optional(),
    choices: z.array(z.string()).describe('For a question: the answers that Claude suggests.').optional(),
    askedAt: time,
    decidedAt: time.optional(),
    by: z
      .string()
      .describe(
        'The caller that decided, or why nobody did: `operator` (the API token, or the status page), the name of another caller, `time limit`, `claude` (it withdrew the call), `end of the run`.',
      )
      .optional(),
    allowed: z.boolean().describe('Whether the tool was used, or the question answered.').optional(),
    message: z.string().describe('What a person told Claude with a denial.').optional(),
    changedInput: z.unknown().describe('The input that a person put in the place of `input`.').optional(),
    answers: answers.optional(),
  }),
);

/** The body of `POST /runs/{id}/decisions/{decisionId}`. */
export const decisionRequest = component(
  'DecisionRequest',
  z.union([
    z.strictObject({
      allow: z.literal(true),
      input: z
        .record(z.string(), z.unknown())
        .describe('Instead of the input that Claude chose: an object with the same names.')
        .optional(),
    }),
    z.strictObject({
      allow: z.literal(false),
      message: z.string().min(1).max(MAX_TEXT_CHARS).describe('Tells Claude why.').optional(),
    }),
    z.strictObject({ answers }),
  ]),
);

/** What waits for a person, or waited. */
export type Decision = Sent<typeof decision>;
/** What a person decides. */
export type DecisionRequest = Sent<typeof decisionRequest>;
