import { z } from 'zod';
import { component, time, type Sent } from './component.ts';
import { PROBLEMS, type ProblemKind } from './problems.ts';

/** The `type` of a problem in a response. */
export const typeOf = (kind: ProblemKind) => `urn:claude-code-agent:problem:${kind}` as const;

const kinds = Object.keys(PROBLEMS) as ProblemKind[];

/** An error response in RFC 9457 format. */
export const problemSchema = component(
  'Problem',
  z
    .object({
      type: z.enum(kinds.map(typeOf)).describe('The kind of problem, for programs.'),
      status: z.int().describe('The HTTP status.'),
      title: z.string().describe('The kind of problem, for people.'),
      detail: z.string().describe('What is wrong and what to do.'),
      errors: z
        .array(
          z.object({
            field: z.string().describe('A field of the body or a query parameter.'),
            message: z.string().describe('The allowed values, and the value that was sent.'),
          }),
        )
        .describe('All invalid fields at once.')
        .optional(),
      resetsAt: time.describe('With `budget-spent`: when the budget resets.').optional(),
      error: z.string().describe('Title and detail in one string.'),
    })
    .describe('An error response (RFC 9457).'),
);

/** The body of an error response. */
export type Problem = Sent<typeof problemSchema>;

/** An invalid field. */
export type FieldError = NonNullable<Problem['errors']>[number];

/** The body of an error response of this kind. */
export function problemOf(
  kind: ProblemKind,
  detail: string,
  { errors, resetsAt }: Pick<Problem, 'errors' | 'resetsAt'> = {},
): Problem {
  const { status, title } = PROBLEMS[kind];
  const more = { ...(errors && { errors }), ...(resetsAt !== undefined && { resetsAt }) };
  return { type: typeOf(kind), status, title, detail, ...more, error: `${title}: ${detail}` };
}
