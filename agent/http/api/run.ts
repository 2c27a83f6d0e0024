import { z } from 'zod';
import { EXIT_CODES, type Outcome } from '../../contract.ts';
import { component, refTo, time, type Sent } from './component.ts';
import { requestEcho } from './run-request.ts';

const OUTCOMES = Object.keys(EXIT_CODES) as [Outcome, ...Outcome[]];
const codes = Object.entries(EXIT_CODES).map(([outcome, code]) => `${outcome} ${code}`);
const exitCodes = Object.values(EXIT_CODES);

/** How a run ended. */
export const outcome = component('Outcome', z.enum(OUTCOMES).describe('How a run ended.'));

const usage = z.object({
  inputTokens: z.int(),
  outputTokens: z.int(),
  cacheCreationInputTokens: z.int(),
  cacheReadInputTokens: z.int(),
});

const denial = z.object({ toolName: z.string(), toolUseId: z.string(), toolInput: z.unknown() });

const sessionId = z.uuid().describe("Claude's conversation, for the `sessionId` of a later run.");

/** What is known of a run when it has ended. */
const result = {
  success: z.boolean().describe('Whether Claude answered.'),
  output: z.string().describe('The answer; when the run ended early, what there was of it.'),
  exitCode: z.literal(exitCodes).describe(`By outcome: ${codes.join(', ')}.`),
  outcome,
  error: z.string().describe('Why the run did not succeed.').optional(),
  structuredOutput: z.unknown().describe('With `outputSchema`, on success: the answer that meets it.').optional(),
  usage: usage.describe('Tokens of this run, sub-agents included, where the CLI said.').optional(),
  costUsd: z
    .number()
    .describe('What this run cost, without the rest of its conversation, where the CLI said.')
    .optional(),
  turns: z.int().describe('As far as Claude said.').optional(),
  model: z.string().describe('The model that answered, as far as Claude said.').optional(),
  resetsAt: time.describe('With `usage_limited`: when the limit ends.').optional(),
  permissionDenials: z
    .array(denial)
    .describe('Tools that Claude wanted and was refused; a run can succeed all the same.'),
  warnings: z.array(z.string()).describe('What the client should know although the run went on without it.'),
};

/** The answer of `POST /run`. */
export const runAnswer = component(
  'RunAnswer',
  z.object({
    ...result,
    duration: z.int().describe('Milliseconds from acceptance to the end.'),
    queuedMs: z.int().describe('Milliseconds of them that the run waited for its turn.'),
    runId: z.uuid().describe('The `id` of the run under `/runs`.'),
    sessionId,
  }),
);

const callback = component(
  'Callback',
  z.object({
    host: z.string(),
    state: z.enum(['pending', 'delivered', 'given_up']).describe('`pending` from the acceptance of the run on.'),
    attempts: z.int(),
    lastAttemptAt: time.optional(),
    lastStatus: z.int().describe('The HTTP status of the last answer.').optional(),
    lastError: z.string().describe('Why the last attempt was not answered.').optional(),
    nextAttemptAt: time.optional(),
    deliveredAt: time.optional(),
    givenUpAt: time.optional(),
  }),
);

/** What is known of a run in any state. */
const run = {
  id: z.uuid(),
  acceptedAt: time,
  startedAt: time.optional(),
  sessionId,
  labels: z.record(z.string(), z.string()),
  request: requestEcho.describe('What was asked for, without the prompt.'),
  callback: callback
    .describe('With `callbackUrl`: how far the callback is. Its URL may be a secret and is not shown.')
    .optional(),
};

const runUnderWay = component('RunUnderWay', z.object({ ...run, state: z.enum(['queued', 'running']) }));
const endedRun = component('EndedRun', z.object({ ...run, state: z.literal('ended'), endedAt: time, ...result }));

/** A run as a resource. */
export const runResource = component('Run', z.discriminatedUnion('state', [runUnderWay, endedRun]));

const listedRun = component(
  'ListedRun',
  z.discriminatedUnion('state', [
    runUnderWay,
    component('ListedEndedRun', endedRun.omit({ output: true, structuredOutput: true })),
  ]),
);

/** Some runs, newest first. */
export const runPage = component(
  'RunPage',
  z.object({
    runs: z.array(listedRun).describe('Without what Claude said: see the run itself.'),
    next: z.string().nullable().describe('The `cursor` of the next page; null on the last one.'),
  }),
);

const textPiece = component('TextPiece', z.object({ text: z.string().describe('What Claude said next.') }));

const eventId = z.string().describe('For `Last-Event-ID`.');
const jsonOf = (schema: z.ZodType) =>
  z.string().meta({ contentMediaType: 'application/json', contentSchema: refTo(schema) });

/** A server-sent event of a run. */
export const runEvent = component(
  'RunEvent',
  z.discriminatedUnion('event', [
    z.object({ id: eventId, event: z.enum(['queued', 'started', 'ended']), data: jsonOf(runResource) }),
    z.object({ id: eventId, event: z.literal('text'), data: jsonOf(textPiece) }),
  ]),
);

/** Tokens of a run. */
export type Usage = Sent<typeof usage>;
/** How a run ended and what it left. */
export type RunResult = Omit<Sent<z.ZodObject<typeof result>>, 'success' | 'exitCode'>;
/** How far the callback of a run is. */
export type Callback = Sent<typeof callback>;
export type RunAnswer = Sent<typeof runAnswer>;
export type RunResource = Sent<typeof runResource>;
export type ListedRun = Sent<typeof listedRun>;
export type RunPage = Sent<typeof runPage>;
export type TextPiece = Sent<typeof textPiece>;
