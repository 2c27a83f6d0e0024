import { z } from 'zod';
import { EXIT_CODES, type Outcome } from '../../contract.ts';
import { component, refTo, time, type Sent } from './component.ts';
import { decision } from './decision.ts';
import { runFile } from './file.ts';
import { gitResult } from './git.ts';
import { requestEcho } from './run-request.ts';
import { hold } from './state.ts';
import { toolStep } from './transcript.ts';

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

const sessionId = z.uuid().describe('The id of the conversation, for the `sessionId` of a later run.');

const traceId = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .describe(
    'The id of the trace that the run belongs to: that of the header `traceparent`, or a new one while the agent exports spans.',
  );

/** The fields of a run that has ended. */
const result = {
  success: z.boolean().describe('Whether the run succeeded.'),
  output: z.string().describe('The answer, or the part of it that was written before the run ended early.'),
  exitCode: z.literal(exitCodes).describe(`The exit code of the outcome: ${codes.join(', ')}.`),
  outcome,
  error: z.string().describe('Why the run did not succeed.').optional(),
  structuredOutput: z
    .unknown()
    .describe('With `outputSchema`, if the run succeeded: the answer in that schema.')
    .optional(),
  usage: usage.describe('Tokens used by this run, sub-agents included, if the CLI reported them.').optional(),
  costUsd: z
    .number()
    .describe('The cost of this run, without the rest of its conversation, if the CLI reported it.')
    .optional(),
  turns: z.int().describe('The number of turns, if the CLI reported it.').optional(),
  model: z.string().describe('The model that answered, if the CLI reported it.').optional(),
  resetsAt: time.describe('With `usage_limited`: when the limit resets.').optional(),
  files: z
    .array(runFile)
    .describe('The files that the run left, for `GET /runs/{id}/files/{name}`. Missing if there are none.')
    .optional(),
  git: gitResult.describe('With `git`, from the clone on: what became of the repository.').optional(),
  permissionDenials: z.array(denial).describe('Tool calls that were denied. A run can succeed in spite of them.'),
  warnings: z.array(z.string()).describe('Notices for the client that did not stop the run.'),
};

/** The response of `POST /run`. */
export const runAnswer = component(
  'RunAnswer',
  z.object({
    ...result,
    duration: z.int().describe('Milliseconds from acceptance to the end.'),
    queuedMs: z.int().describe('Milliseconds of `duration` that the run waited in the queue.'),
    runId: z.uuid().describe('The `id` of the run under `/runs`.'),
    sessionId,
    traceId: traceId.optional(),
  }),
);

const callback = component(
  'Callback',
  z.object({
    host: z.string(),
    state: z.enum(['pending', 'delivered', 'given_up']).describe('`pending` from the acceptance of the run.'),
    attempts: z.int(),
    lastAttemptAt: time.optional(),
    lastStatus: z.int().describe('The HTTP status of the last response.').optional(),
    lastError: z.string().describe('Why the last attempt got no response.').optional(),
    nextAttemptAt: time.optional(),
    deliveredAt: time.optional(),
    givenUpAt: time.optional(),
  }),
);

/** The fields of a run in any state. */
const run = {
  id: z.uuid(),
  acceptedAt: time,
  startedAt: time.optional(),
  sessionId,
  caller: z.string().describe('Who sent the request: the name of a caller, or `operator` for the API token.'),
  traceId: traceId.optional(),
  labels: z.record(z.string(), z.string()),
  request: requestEcho.describe('The request without the prompt.'),
  callback: callback
    .describe('With `callbackUrl`: the state of the callback. The URL may be a secret and is not shown.')
    .optional(),
  decisions: z.array(decision).describe('What a person had to decide, in the order it was asked.').optional(),
};

const placeInQueue = component(
  'PlaceInQueue',
  z.object({
    place: z.int().describe('1 for the run that has waited longest.'),
    hold: hold.describe('Why no waiting run starts. Only while that is so.').optional(),
  }),
);

const runUnderWay = component(
  'RunUnderWay',
  z.object({
    ...run,
    queue: placeInQueue.describe('While the run is `queued`.').optional(),
    state: z.enum(['queued', 'running', 'waiting']).describe('`waiting`: in progress, until a person has decided.'),
    warnings: z
      .array(z.string())
      .describe('What is ignored in the request. Only in the response to it, and only if there is something.')
      .optional(),
  }),
);
const endedRun = component('EndedRun', z.object({ ...run, state: z.literal('ended'), endedAt: time, ...result }));

/** A run as a resource. */
export const runResource = component('Run', z.discriminatedUnion('state', [runUnderWay, endedRun]));

const listedRun = component(
  'ListedRun',
  z.discriminatedUnion('state', [
    component('ListedRunUnderWay', runUnderWay.omit({ decisions: true, queue: true, warnings: true })),
    component('ListedEndedRun', endedRun.omit({ output: true, structuredOutput: true, decisions: true })),
  ]),
);

/** A page of runs, newest first. */
export const runPage = component(
  'RunPage',
  z.object({
    runs: z.array(listedRun).describe("Without Claude's output and the decisions, which `GET /runs/{id}` returns."),
    next: z.string().nullable().describe('The `cursor` of the next page, or null on the last page.'),
  }),
);

const textPiece = component(
  'TextPiece',
  z.object({ text: z.string().describe('The next piece of text from Claude.') }),
);

const eventId = z.string().describe('For `Last-Event-ID`.');
const jsonOf = (schema: z.ZodType) =>
  z.string().meta({ contentMediaType: 'application/json', contentSchema: refTo(schema) });

/** A server-sent event of a run. */
export const runEvent = component(
  'RunEvent',
  z.discriminatedUnion('event', [
    z.object({ id: eventId, event: z.enum(['queued', 'started', 'ended']), data: jsonOf(runResource) }),
    z.object({ id: eventId, event: z.literal('text'), data: jsonOf(textPiece) }),
    z.object({ id: eventId, event: z.literal('decision'), data: jsonOf(decision) }),
    z.object({ id: eventId, event: z.literal('tool'), data: jsonOf(toolStep) }),
  ]),
);

/** Tokens of a run. */
export type Usage = Sent<typeof usage>;
/** How a run ended, and its output. */
export type RunResult = Omit<Sent<z.ZodObject<typeof result>>, 'success' | 'exitCode'>;
export type PlaceInQueue = Sent<typeof placeInQueue>;
/** The state of a run's callback. */
export type Callback = Sent<typeof callback>;
export type RunAnswer = Sent<typeof runAnswer>;
export type RunResource = Sent<typeof runResource>;
export type ListedRun = Sent<typeof listedRun>;
export type RunPage = Sent<typeof runPage>;
export type TextPiece = Sent<typeof textPiece>;
