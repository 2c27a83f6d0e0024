import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { RUN_LIMITS } from '../contract.ts';
import type { RunRequest } from '../runs/run.ts';
import { describe } from './json-body.ts';
import type { FieldError } from './problem.ts';

const { promptChars, timeoutMs, defaultTimeoutMs } = RUN_LIMITS;

const MAX_NAMED_FIELDS = 20;

const promptError = `a string of 1 to ${promptChars} characters that are not all white space`;
const timeoutError = `a whole number of milliseconds from 1 to ${timeoutMs}`;

/** `timeout` and `workdir` as clients send them; the workspace decides about the folder. */
const schema = z.object({
  prompt: z
    .string(promptError)
    .max(promptChars, promptError)
    .refine((text) => text.trim() !== '', promptError),
  timeout: z.int(timeoutError).min(1, timeoutError).max(timeoutMs, timeoutError).default(defaultTimeoutMs),
  workdir: z.string('the absolute path of a folder inside the workspace').optional(),
});

/** A checked request with what the client should know, or what is wrong with it. */
export type RunRequestReading =
  { readonly request: RunRequest; readonly warnings: readonly string[] } | { readonly errors: readonly FieldError[] };

/**
 * Checks the body of `POST /run`, all of it at once. Unknown fields are ignored, as old workflows send some.
 * @param workspaceDir the folder that `workdir` must be in, and is where none is given.
 */
export function readRunRequest(body: Record<string, unknown>, workspaceDir: string): RunRequestReading {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const errors = parsed.error.issues.map(({ path: [field], message }) => fieldError(String(field), message, body));
    return { errors: errors.filter(({ field }, i) => errors.findIndex((error) => error.field === field) === i) };
  }
  const { prompt, timeout, workdir = workspaceDir } = parsed.data;
  const folder = insideWorkspace(workdir, workspaceDir);
  if ('problem' in folder) {
    return { errors: [{ field: 'workdir', message: `\`workdir\` ${folder.problem}; it is ${describe(workdir)}.` }] };
  }
  return { request: { prompt, timeoutMs: timeout, workdir: folder.path }, warnings: unknownFields(body) };
}

function fieldError(field: string, allowed: string, body: Record<string, unknown>): FieldError {
  const value = body[field];
  const given = field === 'prompt' && typeof value === 'string' ? `a string of ${value.length}` : describe(value);
  return { field, message: `\`${field}\` must be ${allowed}; it is ${given}.` };
}

function insideWorkspace(workdir: string, workspaceDir: string): { path: string } | { problem: string } {
  if (!path.isAbsolute(workdir)) return { problem: `must be an absolute path inside the workspace ${workspaceDir}` };
  const workspace = realpathSync(workspaceDir);
  let real: string;
  try {
    real = realpathSync(workdir);
  } catch {
    return { problem: 'must be a folder that exists' };
  }
  const relative = path.relative(workspace, real);
  if (relative.split(path.sep)[0] === '..' || path.isAbsolute(relative)) {
    return { problem: `must be inside the workspace ${workspaceDir}` };
  }
  return statSync(real).isDirectory() ? { path: real } : { problem: 'must be a folder' };
}

function unknownFields(body: Record<string, unknown>): string[] {
  const unknown = Object.keys(body).filter((name) => !(name in schema.shape));
  const named = unknown.slice(0, MAX_NAMED_FIELDS).map((name) => {
    const hint = name === 'workingDir' ? ' Did you mean `workdir`?' : '';
    return `The field ${JSON.stringify(name.slice(0, 100))} is unknown and was ignored.${hint}`;
  });
  const more = unknown.length - named.length;
  return more > 0 ? [...named, `${more} more fields are unknown and were ignored.`] : named;
}
