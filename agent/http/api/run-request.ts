import { z } from 'zod';
import {
  AGENT_ENV,
  EFFORTS,
  MAX_RUN_MINUTES,
  MODEL,
  MODEL_ALLOWED,
  MODEL_NAME,
  PERMISSION_MODES,
  RUN_LIMITS as LIMITS,
} from '../../contract.ts';
import { approveRuleMistake } from './approve-rule.ts';
import { denyRuleMistake } from './deny-rule.ts';
import { component, type Sent } from './component.ts';
import { inputFile, requestFiles } from './file.ts';
import { gitEcho, gitRequest } from './git.ts';

const text = (max: number, what: string) => z.string(what).min(1, what).max(max, what);
/** Passed to `claude` as an argument, which ends at a NUL. */
const argument = (max: number, what: string) => text(max, what).regex(/^[^\0]*$/, what);
const whole = (max: number, what: string) => z.int(what).min(1, what).max(max, what);

const prompt = `a string of 1 to ${LIMITS.promptChars} characters that are not all white space`;
const milliseconds = (max: number) => `a whole number of milliseconds from 1 to ${max}`;
const workdir = 'an absolute path inside the workspace';
const fallbackModel = `1 to ${LIMITS.fallbackModels} names of models, separated by commas, such as "sonnet,haiku"`;
const effort = `one of ${EFFORTS.join(', ')}`;
const systemPrompt = `a string of 1 to ${LIMITS.systemPromptChars} characters without a NUL`;
const tools = `at most ${LIMITS.tools} names of tools, such as ["Read", "Bash(git log:*)"]`;
const deniedTools = `at most ${LIMITS.tools} names of existing tools, such as ["WebFetch", "Bash(git push:*)"]`;
/** What the rules of `approve` must be. */
export const APPROVE = `at most ${LIMITS.tools} tools that exist, such as ["WebFetch", "Bash", "mcp__github__merge"], or patterns of Bash, such as ["Bash(git push*)"]`;
const mode = `one of ${PERMISSION_MODES.join(', ')}`;
const turns = `a whole number from 1 to ${LIMITS.turns}`;
const budget = `a number of US dollars above 0, at most ${LIMITS.budgetUsd}`;
const sessionId = 'the sessionId (a UUID) of an earlier run';
/** What a `lane` must be. */
const LANE = `a string of 1 to ${LIMITS.laneChars} characters without control characters`;
/** What a `callbackUrl` must be; the settings list the allowed hosts. */
export const CALLBACK_URL = `an http or https URL of at most ${LIMITS.callbackUrlChars} characters, in ASCII, without user name and fragment`;
const labels = `at most ${LIMITS.labels} strings of 1 to 256 characters, with names of 1 to 64`;

/** How many entries a field may have, and the message if it has more. */
export const MOST_ENTRIES = {
  labels: { most: LIMITS.labels, allowed: labels },
  allowedTools: { most: LIMITS.tools, allowed: tools },
  disallowedTools: { most: LIMITS.tools, allowed: deniedTools },
  approve: { most: LIMITS.tools, allowed: APPROVE },
} as const;

/** What an `outputSchema` must be. */
export const OUTPUT_SCHEMA = `a JSON Schema (a draft-07 object) of at most ${LIMITS.schemaBytes} bytes`;

/** One or more names of models. */
const FALLBACK_MODELS = new RegExp(`^${MODEL_NAME}(,${MODEL_NAME}){0,${LIMITS.fallbackModels - 1}}$`);

/** The name of a lane. */
export const lane = text(LIMITS.laneChars, LANE).regex(/^\P{Cc}*$/u, LANE);

/** Options of a run that are passed to `claude`. */
const options = {
  model: z
    .string(MODEL_ALLOWED)
    .regex(MODEL, MODEL_ALLOWED)
    .meta({ description: "The name or alias of a model. Default: the agent's setting.", examples: ['sonnet'] })
    .optional(),
  fallbackModel: z
    .string(fallbackModel)
    .regex(FALLBACK_MODELS, fallbackModel)
    .meta({ description: 'Models to try in this order if the first one is overloaded.', examples: ['sonnet,haiku'] })
    .optional(),
  effort: z.enum(EFFORTS, effort).describe('How hard Claude thinks, if the model supports it.').optional(),
  systemPrompt: argument(LIMITS.systemPromptChars, systemPrompt)
    .describe("Replaces Claude's own system prompt.")
    .optional(),
  appendSystemPrompt: argument(LIMITS.systemPromptChars, systemPrompt)
    .describe("Added to Claude's system prompt.")
    .optional(),
  allowedTools: z
    .array(argument(500, tools), tools)
    .max(LIMITS.tools, tools)
    .meta({ description: 'Tools that need no permission.', examples: [['Read', 'Bash(git log:*)']] })
    .optional(),
  disallowedTools: z
    .array(argument(500, deniedTools).superRefine(ruleThat(denyRuleMistake, deniedTools)), deniedTools)
    .max(LIMITS.tools, deniedTools)
    .meta({
      description: 'Tools that Claude may not use in any permission mode.',
      examples: [['WebFetch', 'Bash(git push:*)']],
    })
    .optional(),
  permissionMode: z
    .enum(PERMISSION_MODES, mode)
    .describe("What Claude may do without permission. Default: the agent's setting.")
    .optional(),
  approve: z
    .array(argument(500, APPROVE).superRefine(ruleThat(approveRuleMistake, APPROVE)), APPROVE)
    .max(LIMITS.tools, APPROVE)
    .meta({
      description:
        'Not for `POST /run`: tools that Claude may use only if a person allows each call. The run is `waiting` until then.',
      examples: [['WebFetch', 'Bash']],
    })
    .optional(),
  askQuestions: z
    .boolean('true or false')
    .describe('Not for `POST /run`: whether Claude may ask questions. The run is `waiting` until a person answers.')
    .optional(),
  maxTurns: whole(LIMITS.turns, turns).describe('The run fails if it needs more turns.').optional(),
  maxBudgetUsd: z
    .number(budget)
    .positive(budget)
    .max(LIMITS.budgetUsd, budget)
    .describe('The run fails if it costs more.')
    .optional(),
  outputSchema: z
    .record(z.string(), z.unknown(), OUTPUT_SCHEMA)
    .meta({
      description: `A JSON Schema (draft-07) of at most ${LIMITS.schemaBytes} bytes. The answer in this schema is in \`structuredOutput\`. If there is none, the run fails.`,
      examples: [{ type: 'object', properties: { urgent: { type: 'boolean' } }, required: ['urgent'] }],
    })
    .optional(),
};

/** Options of a run. The defaults come from the agent's settings and the CLI. */
export type RunOptions = Sent<z.ZodObject<typeof options>>;

/** Options of a run that concern the queue. */
const queueing = {
  queueTimeout: whole(LIMITS.queueTimeoutMs, milliseconds(LIMITS.queueTimeoutMs))
    .describe('Milliseconds that the run may wait in the queue. If set, `timeout` counts from the start of the run.')
    .optional(),
  lane: lane
    .meta({
      description:
        'Runs of one lane are never in progress at the same time. Name it after what they would disturb each other in, such as a repository.',
      examples: ['repository-4711'],
    })
    .optional(),
};

const timeoutUpTo = (ms: number, more = '') =>
  whole(ms, milliseconds(ms))
    .describe(
      `Milliseconds after which the run is stopped: from its acceptance, including the wait in the queue, or with \`queueTimeout\` from its start.${more}`,
    )
    .default(Math.min(LIMITS.defaultTimeoutMs, ms));

/** The body of the request of `POST /run`. The workspace checks `workdir`. */
export const runRequest = component(
  'RunRequest',
  z.object({
    prompt: text(LIMITS.promptChars, prompt)
      .regex(/\S/, prompt)
      .meta({
        description: 'The prompt. Length in UTF-16 code units; not only white space.',
        examples: ['Summarise the README of this project.'],
      }),
    timeout: timeoutUpTo(LIMITS.timeoutMs),
    workdir: z
      .string(workdir)
      .regex(/^\//, workdir)
      .describe('The absolute path of an existing folder inside the workspace. Default: the workspace.')
      .optional(),
    ...options,
    sessionId: z
      .union([z.uuid(sessionId), z.literal(''), z.null()], sessionId)
      .transform((id) => (id ? id.toLowerCase() : undefined))
      .meta({ description: 'Continues the conversation of an earlier run. If empty or null, a new one starts.' })
      .optional(),
    labels: z
      .record(text(64, labels), text(256, labels), labels)
      .meta({
        description: 'Your own labels for the run, such as its workflow and execution.',
        examples: [{ workflow: 'report' }],
        maxProperties: LIMITS.labels,
      })
      .default({}),
    files: requestFiles.optional(),
    git: gitRequest.optional(),
    ...queueing,
    callbackUrl: z
      .string(CALLBACK_URL)
      .max(LIMITS.callbackUrlChars, CALLBACK_URL)
      .meta({
        description:
          'The URL that receives a signed message when the run has ended. Its host must be an allowed callback host.',
        examples: ['https://n8n.example.com/webhook-waiting/231'],
      })
      .optional(),
  }),
);

/** The same for the `POST /runs` of an agent, with the longest `timeout` that it accepts. */
export function runRequestUpTo(timeoutMs: number): typeof runRequest {
  return z.object({ ...runRequest.shape, timeout: timeoutUpTo(timeoutMs) });
}

/** The same for the `POST /runs` of any agent, where other fields are refused. */
export const strictRunRequest = component(
  'StrictRunRequest',
  z.strictObject({
    ...runRequest.shape,
    timeout: timeoutUpTo(
      MAX_RUN_MINUTES * 60_000,
      ` The agent's setting \`${AGENT_ENV.maxRunMinutes}\` limits it: by default 60 minutes.`,
    ),
  }),
);

/** The request of a run, without the prompt and the fields that the run has itself. */
export const requestEcho = z.object({
  timeout: z.int(),
  workdir: z.string(),
  files: z.array(inputFile).optional(),
  git: gitEcho.optional(),
  ...queueing,
  ...options,
});

function ruleThat(mistakeIn: (rule: string) => string | undefined, message: string) {
  return (rule: string, context: z.RefinementCtx): void => {
    const found = mistakeIn(rule);
    if (found !== undefined) context.addIssue({ code: 'custom', message, params: { found } });
  };
}

/** The header `Idempotency-Key`. */
export const idempotencyKey = z.string().regex(/^[!-~]{1,255}$/);
