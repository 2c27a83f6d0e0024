import { z } from 'zod';
import { PERMISSION_MODES, RUN_LIMITS as LIMITS } from '../contract.ts';
import { component } from './component.ts';

const text = (max: number, what: string) => z.string(what).min(1, what).max(max, what);
const whole = (max: number, what: string) => z.int(what).min(1, what).max(max, what);

const prompt = `a string of 1 to ${LIMITS.promptChars} characters that are not all white space`;
const timeout = `a whole number of milliseconds from 1 to ${LIMITS.timeoutMs}`;
const workdir = 'an absolute path inside the workspace';
const model = 'the name of a model, such as "sonnet" or "claude-opus-5-5"';
const systemPrompt = `a string of 1 to ${LIMITS.systemPromptChars} characters`;
const tools = `at most ${LIMITS.allowedTools} names of tools, such as ["Read", "Bash(git log:*)"]`;
const mode = `one of ${PERMISSION_MODES.join(', ')}`;
const turns = `a whole number from 1 to ${LIMITS.turns}`;
const budget = `a number of US dollars above 0, at most ${LIMITS.budgetUsd}`;
const outputSchema = `a JSON Schema (an object) of at most ${LIMITS.schemaBytes} bytes`;
const sessionId = 'the sessionId (a UUID) of an earlier run';
/** What a `callbackUrl` must be; the settings decide about its host. */
export const CALLBACK_URL = `an http or https URL of at most ${LIMITS.callbackUrlChars} characters, in ASCII, without user and fragment`;
const labels = `at most ${LIMITS.labels} strings of 1 to 256 characters, by names of 1 to 64`;

/** Options of a run that `claude` gets as they are. */
const options = {
  model: z
    .string(model)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:@/[\]-]{0,199}$/, model)
    .meta({ description: "A model's name or alias.", examples: ['sonnet'] })
    .optional(),
  appendSystemPrompt: text(LIMITS.systemPromptChars, systemPrompt)
    .describe("Added to Claude's system prompt.")
    .optional(),
  allowedTools: z
    .array(text(500, tools), tools)
    .max(LIMITS.allowedTools, tools)
    .meta({ description: 'Tools that need no permission.', examples: [['Read', 'Bash(git log:*)']] })
    .optional(),
  permissionMode: z
    .enum(PERMISSION_MODES, mode)
    .describe("What Claude may do unasked; without it, as the agent's setting has it.")
    .optional(),
  maxTurns: whole(LIMITS.turns, turns).describe('The run fails when it needs more.').optional(),
  maxBudgetUsd: z
    .number(budget)
    .positive(budget)
    .max(LIMITS.budgetUsd, budget)
    .describe('The run fails when it costs more.')
    .optional(),
  outputSchema: z
    .record(z.string(), z.unknown(), outputSchema)
    .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= LIMITS.schemaBytes, outputSchema)
    .meta({
      description: `A JSON Schema of at most ${LIMITS.schemaBytes} bytes. The answer that meets it is in \`structuredOutput\`; without one the run fails.`,
      examples: [{ type: 'object', properties: { urgent: { type: 'boolean' } }, required: ['urgent'] }],
    })
    .optional(),
};

/** The body of a run's request. The workspace decides about `workdir`. */
export const runRequest = component(
  'RunRequest',
  z.object({
    prompt: text(LIMITS.promptChars, prompt)
      .regex(/\S/, prompt)
      .meta({
        description: 'What Claude is asked. Characters count as UTF-16 code units; not all may be white space.',
        examples: ['Summarise the README of this project.'],
      }),
    timeout: whole(LIMITS.timeoutMs, timeout)
      .describe('Milliseconds from acceptance, waiting included, after which the run is ended.')
      .default(LIMITS.defaultTimeoutMs),
    workdir: z
      .string(workdir)
      .regex(/^\//, workdir)
      .describe('The absolute path of an existing folder inside the workspace; without it, the workspace.')
      .optional(),
    ...options,
    sessionId: z.uuid(sessionId).describe('Goes on with the conversation of an earlier run.').optional(),
    labels: z
      .record(text(64, labels), text(256, labels), labels)
      .refine((value) => Object.keys(value).length <= LIMITS.labels, labels)
      .meta({
        description: 'Your own words for the run, such as its workflow and execution.',
        examples: [{ workflow: 'report' }],
        maxProperties: LIMITS.labels,
      })
      .default({}),
    callbackUrl: z
      .string(CALLBACK_URL)
      .max(LIMITS.callbackUrlChars, CALLBACK_URL)
      .meta({
        description: 'Where a signed message goes when the run has ended; on a host that the agent may call.',
        examples: ['https://n8n.example.com/webhook-waiting/231'],
      })
      .optional(),
  }),
);

/** The same for `POST /runs`, where nothing else is allowed. */
export const strictRunRequest = component('StrictRunRequest', z.strictObject(runRequest.shape));

/** What a run was asked for, without its prompt and the fields that its resource has itself. */
export const requestEcho = z.object({ timeout: z.int(), workdir: z.string(), ...options });

/** The header `Idempotency-Key`. */
export const idempotencyKey = z.string().regex(/^[!-~]{1,255}$/);
