import { z } from 'zod';
import type { CallbackHosts } from '../callbacks/hosts.ts';
import { AGENT_ENV, PERMISSION_MODES, RUN_LIMITS as LIMITS } from '../contract.ts';
import type { RunRequest } from '../runs/run.ts';
import { describe } from './json-body.ts';
import type { FieldError } from './problem.ts';
import { withoutUndefined } from '../without-undefined.ts';
import { insideWorkspace } from './workspace.ts';

const MAX_NAMED_FIELDS = 20;

/** Fields whose text is not repeated: too long, or a secret. */
const UNSAID: ReadonlySet<string> = new Set(['prompt', 'callbackUrl']);

const text = (max: number, what: string) => z.string(what).min(1, what).max(max, what);
const whole = (max: number, what: string) => z.int(what).min(1, what).max(max, what);

const prompt = `a string of 1 to ${LIMITS.promptChars} characters that are not all white space`;
const timeout = `a whole number of milliseconds from 1 to ${LIMITS.timeoutMs}`;
const model = 'the name of a model, such as "sonnet" or "claude-opus-5-5"';
const tools = `at most ${LIMITS.allowedTools} names of tools, such as ["Read", "Bash(git log:*)"]`;
const budget = `a number of US dollars above 0, at most ${LIMITS.budgetUsd}`;
const outputSchema = `a JSON Schema (an object) of at most ${LIMITS.schemaBytes} bytes`;
const callbackUrl = `an http or https URL of at most ${LIMITS.callbackUrlChars} characters, in ASCII, without user and fragment`;
const labels = `at most ${LIMITS.labels} strings of 1 to 256 characters, by names of 1 to 64`;

/** The body of a run's request. The workspace decides about `workdir`, the settings about `callbackUrl`. */
const schema = z.object({
  prompt: text(LIMITS.promptChars, prompt).refine((value) => value.trim() !== '', prompt),
  timeout: whole(LIMITS.timeoutMs, timeout).default(LIMITS.defaultTimeoutMs),
  workdir: z.string('the absolute path of a folder inside the workspace').optional(),
  model: z
    .string(model)
    .regex(/^[\w][\w.:@/[\]-]{0,199}$/, model)
    .optional(),
  appendSystemPrompt: text(
    LIMITS.systemPromptChars,
    `a string of 1 to ${LIMITS.systemPromptChars} characters`,
  ).optional(),
  allowedTools: z.array(text(500, tools), tools).max(LIMITS.allowedTools, tools).optional(),
  permissionMode: z.enum(PERMISSION_MODES, `one of ${PERMISSION_MODES.join(', ')}`).optional(),
  maxTurns: whole(LIMITS.turns, `a whole number from 1 to ${LIMITS.turns}`).optional(),
  maxBudgetUsd: z.number(budget).positive(budget).max(LIMITS.budgetUsd, budget).optional(),
  outputSchema: z
    .record(z.string(), z.unknown(), outputSchema)
    .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= LIMITS.schemaBytes, outputSchema)
    .optional(),
  sessionId: z.uuid('the sessionId (a UUID) of an earlier run').optional(),
  labels: z
    .record(text(64, labels), text(256, labels), labels)
    .refine((value) => Object.keys(value).length <= LIMITS.labels, labels)
    .default({}),
  callbackUrl: z.string(callbackUrl).max(LIMITS.callbackUrlChars, callbackUrl).optional(),
});

/** A checked request with what the client should know, or what is wrong with it. */
export type RunRequestReading =
  { readonly request: RunRequest; readonly warnings: readonly string[] } | { readonly errors: readonly FieldError[] };

/**
 * Checks a run's request, all of it at once.
 * @param workspaceDir the folder that `workdir` must be in, and is where none is given.
 * @param callbackHosts where `callbackUrl` may lead.
 * @param unknownFields whether fields that are none of the interface are ignored with a warning, as old workflows send
 *   some, or refused.
 */
export function readRunRequest(
  body: Record<string, unknown>,
  workspaceDir: string,
  callbackHosts: CallbackHosts,
  unknownFields: 'ignored' | 'refused' = 'ignored',
): RunRequestReading {
  const parsed = schema.safeParse(body);
  const unknown = Object.keys(body).filter((name) => !(name in schema.shape));
  const errors = unknownFields === 'refused' ? unknown.map(refusedField) : [];
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path: [field], message }) => fieldError(String(field), message, body));
    return { errors: [...errors, ...wrong.filter(({ field }, i) => wrong.findIndex((e) => e.field === field) === i)] };
  }
  const {
    prompt: promptText,
    timeout: timeoutMs,
    workdir = workspaceDir,
    sessionId,
    labels: own,
    callbackUrl: url,
    ...rest
  } = parsed.data;
  if (url !== undefined) errors.push(...callbackErrors(url, callbackHosts));
  const folder = insideWorkspace(workdir, workspaceDir);
  if ('problem' in folder) {
    const message = `\`workdir\` ${folder.problem}; it is ${describe(workdir)}.`;
    return { errors: [...errors, { field: 'workdir', message }] };
  }
  if (errors.length > 0) return { errors };
  const request: RunRequest = {
    prompt: promptText,
    timeoutMs,
    workdir: folder.path,
    options: withoutUndefined(rest),
    ...(sessionId !== undefined && { resume: sessionId }),
    labels: own,
    ...(url !== undefined && { callbackUrl: url }),
  };
  return { request, warnings: warningsOf(unknown) };
}

function fieldError(field: string, allowed: string, body: Record<string, unknown>): FieldError {
  const value = body[field];
  const given = UNSAID.has(field) && typeof value === 'string' ? `a string of ${value.length}` : describe(value);
  return { field, message: `\`${field}\` must be ${allowed}; it is ${given}.` };
}

function callbackErrors(url: string, hosts: CallbackHosts): FieldError[] {
  const field = 'callbackUrl';
  const setting = `${AGENT_ENV.callbackHosts} (config callbackHosts of the stack)`;
  const found = hosts.find(url);
  if (!found) return [fieldError(field, callbackUrl, { callbackUrl: url })];
  if (!('refusedHost' in found)) return [];
  const allowed = hosts.none ? 'left out, for this agent calls no host back' : 'on a host that callbacks may go to';
  return [{ field, message: `\`${field}\` must be ${allowed}; it is on ${found.refusedHost}. ${setting} names them.` }];
}

function refusedField(name: string): FieldError {
  return { field: name, message: `\`${name.slice(0, 100)}\` is no field of a run.${hintFor(name)}` };
}

function warningsOf(unknown: readonly string[]): string[] {
  const named = unknown
    .slice(0, MAX_NAMED_FIELDS)
    .map((name) => `The field ${JSON.stringify(name.slice(0, 100))} is unknown and was ignored.${hintFor(name)}`);
  const more = unknown.length - named.length;
  return more > 0 ? [...named, `${more} more fields are unknown and were ignored.`] : named;
}

function hintFor(name: string): string {
  return name === 'workingDir' ? ' Did you mean `workdir`?' : '';
}
