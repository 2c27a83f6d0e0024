import type { z } from 'zod';
import type { FieldError } from '../api/problem.ts';
import { CALLBACK_URL, runRequest, strictRunRequest } from '../api/run-request.ts';
import type { CallbackHosts } from '../callbacks/hosts.ts';
import { AGENT_ENV } from '../contract.ts';
import type { RunRequest } from '../runs/run.ts';
import { withoutUndefined } from '../without-undefined.ts';
import { describe } from './json-body.ts';
import { insideWorkspace } from './workspace.ts';

const MAX_NAMED_FIELDS = 20;

/** Fields whose text is not repeated: too long, or a secret. */
const UNSAID: ReadonlySet<string> = new Set(['prompt', 'callbackUrl']);

/** A checked request with what the client should know, or what is wrong with it. */
export type RunRequestReading =
  { readonly request: RunRequest; readonly warnings: readonly string[] } | { readonly errors: readonly FieldError[] };

/**
 * Checks a run's request, all of it at once.
 * @param workspaceDir the folder that `workdir` must be in.
 * @param callbackHosts where `callbackUrl` may lead.
 * @param unknownFields whether fields that are none of the interface are ignored with a warning, as old workflows send
 *   some, or refused.
 * @param runDir `workdir` where none is given.
 */
export function readRunRequest(
  body: Record<string, unknown>,
  workspaceDir: string,
  callbackHosts: CallbackHosts,
  unknownFields: 'ignored' | 'refused' = 'ignored',
  runDir = workspaceDir,
): RunRequestReading {
  const parsed = (unknownFields === 'refused' ? strictRunRequest : runRequest).safeParse(body);
  const { workdir = runDir } = body;
  const folder = typeof workdir === 'string' ? insideWorkspace(workdir, workspaceDir) : { path: workspaceDir };
  const uncallable = typeof body['callbackUrl'] === 'string' ? callbackErrors(body['callbackUrl'], callbackHosts) : [];
  if (!parsed.success || 'problem' in folder || uncallable.length > 0) {
    const outside = 'problem' in folder ? [fieldError('workdir', folder.problem, workdir)] : [];
    const misshapen = (parsed.error?.issues ?? []).flatMap((issue) => fieldErrors(issue, body));
    const errors = [...misshapen, ...uncallable, ...outside];
    return { errors: errors.filter(({ field }, i) => errors.findIndex((e) => e.field === field) === i) };
  }
  const { prompt, timeout: timeoutMs, workdir: asked, sessionId, labels, callbackUrl, ...options } = parsed.data;
  const request: RunRequest = {
    prompt,
    timeoutMs,
    workdir: folder.path,
    options: withoutUndefined(options),
    ...(sessionId !== undefined && { resume: sessionId }),
    labels,
    ...(callbackUrl !== undefined && { callbackUrl }),
  };
  const unknown = Object.keys(body).filter((name) => !Object.hasOwn(runRequest.shape, name));
  return { request, warnings: warningsOf(unknown) };
}

function fieldErrors(issue: z.core.$ZodIssue, body: Record<string, unknown>): FieldError[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map(refusedField);
  const field = String(issue.path[0]);
  return [fieldError(field, `must be ${issue.message}`, body[field])];
}

function fieldError(field: string, allowed: string, value: unknown): FieldError {
  const given = UNSAID.has(field) && typeof value === 'string' ? `a string of ${value.length}` : describe(value);
  return { field, message: `\`${field}\` ${allowed}; it is ${given}.` };
}

function callbackErrors(url: string, hosts: CallbackHosts): FieldError[] {
  const field = 'callbackUrl';
  const setting = `${AGENT_ENV.callbackHosts} (config callbackHosts of the stack)`;
  const found = hosts.find(url);
  if (!found) return [fieldError(field, `must be ${CALLBACK_URL}`, url)];
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
