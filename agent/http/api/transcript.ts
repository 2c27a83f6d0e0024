import { z } from 'zod';
import { component, time, type Sent } from './component.ts';
import { decision } from './decision.ts';

/** How much of a text, of a tool's input and of its result a transcript keeps, in characters. */
export const MAX_STEP_CHARS = 4096;
/** How large the steps of a run may be together, in bytes of JSON. */
export const MAX_TRANSCRIPT_BYTES = 1_048_576;

const toolUseId = z.string().describe('The id of the tool call, the same in its result.');
const omittedChars = z.int().describe('How many further characters were left out.').optional();

const step = {
  number: z.int().describe('From 1, in the order it happened.'),
  at: time,
  parentToolUseId: z.string().describe('In a sub-agent: the `toolUseId` of the call that started it.').optional(),
};

const toolCall = z.object({
  ...step,
  type: z.literal('tool_call'),
  toolUseId,
  tool: z.string(),
  input: z
    .unknown()
    .describe(`If it takes more than ${MAX_STEP_CHARS} characters of JSON: the first of them, as a string.`),
  omittedChars,
});

const toolResult = z.object({
  ...step,
  type: z.literal('tool_result'),
  toolUseId,
  output: z.string().describe(`The first ${MAX_STEP_CHARS} characters. \`[image]\` stands for an image.`),
  isError: z.boolean(),
  omittedChars,
});

const said = z.object({
  ...step,
  type: z.literal('text'),
  text: z.string().describe(`The first ${MAX_STEP_CHARS} characters.`),
  omittedChars,
});

const retry = z.object({
  ...step,
  type: z.literal('retry'),
  error: z.string().describe("The CLI's word for why the API refused a request."),
  status: z.int().describe('HTTP status, if there was a response.').optional(),
  attempt: z.int().optional(),
  delayMs: z.int().describe('Milliseconds until the request is sent again.'),
});

const task = z.object({
  ...step,
  type: z.literal('task').describe('A sub-agent, or something else in the background.'),
  toolUseId: z.string().describe('The call that started it.').optional(),
  state: z.string().describe('`started`, or how it ended, such as `completed`, `failed` or `stopped`.'),
  description: z.string(),
});

const denied = z.object({
  ...step,
  type: z.literal('denied'),
  toolUseId,
  tool: z.string(),
});

const decided = z.object({
  ...step,
  type: z.literal('decision'),
  decisionId: decision.shape.id,
  tool: z.string(),
  by: decision.shape.by.describe('Who decided; missing while the decision is open.'),
  allowed: decision.shape.allowed,
  message: decision.shape.message,
});

/** A call of a tool, or its result. */
export const toolStep = component(
  'ToolStep',
  z.discriminatedUnion('type', [component('ToolCall', toolCall), component('ToolResult', toolResult)]),
);

const anyStep = component(
  'Step',
  z.discriminatedUnion('type', [toolCall, toolResult, said, retry, task, denied, decided]),
);

/** What Claude did in a run. */
export const transcript = component(
  'Transcript',
  z.object({
    id: z.uuid().describe('The id of the run.'),
    state: z.enum(['queued', 'running', 'waiting', 'ended']),
    steps: z.array(anyStep),
    truncated: z.boolean().describe('Whether steps are missing at the end: those over 1 MiB are left out.'),
    omittedSteps: z.int().describe('How many.'),
  }),
);

/** One thing that Claude did, or that happened to it. */
export type Step = Sent<typeof anyStep>;
export type ToolStep = Sent<typeof toolStep>;
export type Transcript = Sent<typeof transcript>;
