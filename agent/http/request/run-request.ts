import type { z } from 'zod';
import type { GitRequest } from '../api/git.ts';
import type { FieldError } from '../api/problem.ts';
import { CALLBACK_URL, OUTPUT_SCHEMA, type runRequest } from '../api/run-request.ts';
import type { Decisions } from '../../decisions/decisions.ts';
import type { CallbackHosts } from '../../callbacks/hosts.ts';
import { AGENT_ENV, RUN_LIMITS } from '../../contract.ts';
import type { FileStore } from '../../files/file-store.ts';
import type { GitHosts } from '../../git/hosts.ts';
import { isCaseSensitive } from '../../git/rules.ts';
import type { RunRequest } from '../../store/run.ts';
import type { Tracing } from '../../tracing/tracing.ts';
import type { Workspace } from '../../workspace/workspace.ts';
import { gitErrors, gitIssue } from './git-request.ts';
import { describe, withoutUndefined } from './json-body.ts';
import { askedFiles, type AskedFile, type RequestSource } from './request-files.ts';
import { schemaMistake } from './output-schema.ts';
import { sizeErrors } from './size-errors.ts';
import { unknownFields } from './unknown-fields.ts';

/** Fields whose value does not appear in messages: too long, or a secret. */
const NOT_REPEATED: ReadonlySet<string> = new Set(['prompt', 'callbackUrl']);

/** What the request of a run is checked against. */
export interface RunRequestRules {
  /** Where files of runs are kept. */
  readonly files: FileStore;
  /** The shape of a request, with the longest `timeout` of this operation. */
  readonly schema: typeof runRequest;
  readonly workspace: Workspace;
  readonly callbackHosts: CallbackHosts;
  readonly gitHosts: GitHosts;
  /** Whether unknown fields are ignored with a warning, or refused. */
  readonly unknownFields: 'ignored' | 'refused';
  readonly decisions: Pick<Decisions, 'conflictOf'>;
  /** Whether the client waits for the end, so that no person can be asked. */
  readonly waits: boolean;
  /** The longest `timeout` of `POST /runs`. */
  readonly maxRunMinutes: number;
  /** Undefined if runs have no spans. */
  readonly tracing: Pick<Tracing, 'traceFor'> | undefined;
}

/** What is the same for `POST /run` and `POST /runs`. */
export type CommonRules = Omit<RunRequestRules, 'schema' | 'unknownFields' | 'waits'>;

/** A checked request with warnings for the client, or the errors. */
export type CheckedRunRequest =
  | { readonly request: RunRequest; readonly files: readonly AskedFile[]; readonly warnings: readonly string[] }
  | { readonly errors: readonly FieldError[] };

/**
 * Checks the request of a run, and reports all errors at once. The folders of the workspace must exist.
 * @throws {FileTooLargeError}
 */
export async function checkRunRequest(
  body: Record<string, unknown>,
  source: RequestSource,
  rules: RunRequestRules,
): Promise<CheckedRunRequest> {
  const { schema, workspace, callbackHosts, gitHosts, decisions, waits, unknownFields: otherFields } = rules;
  const tooLarge = sizeErrors(body);
  if (tooLarge.length > 0) return { errors: tooLarge };
  const parsed = schema.safeParse(body);
  const unknown = unknownFields(body, otherFields);
  const { workdir = workspace.runDir } = body;
  const folder = folderFor(workdir, workspace);
  const uncallable = typeof body['callbackUrl'] === 'string' ? callbackErrors(body['callbackUrl'], callbackHosts) : [];
  const unmeetable = await schemaErrors(body['outputSchema']);
  const asked = askedFiles(body['files'], source, rules.files);
  const undecidable = parsed.success ? decisionErrors(parsed.data, decisions, waits) : [];
  const unclonable = parsed.success ? gitErrors(parsed.data.git, body['workdir'], gitHosts) : [];
  const others = [
    ...unclonable,
    ...undecidable,
    ...uncallable,
    ...unmeetable,
    ...labelErrors(body['labels']),
    ...unknown.errors,
  ];
  if (!parsed.success || 'problem' in folder || 'errors' in asked || others.length > 0) {
    const outside = 'problem' in folder ? [fieldError('workdir', folder.problem, workdir)] : [];
    const misshapen = (parsed.error?.issues ?? []).map((issue) => issueError(issue, body, rules));
    const unusable = 'errors' in asked ? asked.errors : [];
    return { errors: onePerField([...unusable, ...misshapen, ...outside, ...others]) };
  }
  const { prompt, timeout: timeoutMs, queueTimeout: queueTimeoutMs, workdir: _, files: __, ...rest } = parsed.data;
  const { sessionId, labels, callbackUrl, git, lane = git && laneOf(git, gitHosts), ...options } = rest;
  const request: RunRequest = {
    prompt,
    timeoutMs,
    ...(queueTimeoutMs !== undefined && { queueTimeoutMs }),
    workdir: folder.path,
    options: withoutUndefined(options),
    ...(sessionId !== undefined && { resume: sessionId }),
    labels,
    ...(lane !== undefined && { lane }),
    ...(callbackUrl !== undefined && { callbackUrl }),
    ...(git && { git: withoutUndefined(git) }),
  };
  return { request, files: asked.files, warnings: unknown.warnings };
}

/** Two runs on one branch would push past each other. */
function laneOf({ url, branch }: GitRequest, hosts: GitHosts): string | undefined {
  const { repository } = hosts.find(url);
  if (!repository || branch === undefined) return undefined;
  const address = isCaseSensitive(repository.type) ? repository.url : repository.url.toLowerCase();
  return `git:${address}#${branch}`.slice(0, RUN_LIMITS.laneChars);
}

function folderFor(workdir: unknown, workspace: Workspace): ReturnType<Workspace['check']> {
  return typeof workdir === 'string' ? workspace.check(workdir) : { path: workspace.dir };
}

function issueError(issue: z.core.$ZodIssue, body: Record<string, unknown>, rules: RunRequestRules): FieldError {
  const [name, entry] = issue.path;
  if (name === 'git') return gitIssue(issue, body['git']);
  const field = String(name);
  const allowed = `must be ${issue.message}`;
  if (entry === undefined) {
    const { message } = fieldError(field, allowed, body[field]);
    const isTooLong = field === 'timeout' && issue.code === 'too_big';
    return { field, message: isTooLong ? `${message} ${whoTakesMore(rules)}` : message };
  }
  const value = describe((body[field] as Record<PropertyKey, unknown>)[entry]);
  const what = typeof entry === 'number' ? `item ${entry + 1}` : `the one named ${describe(String(entry))}`;
  const found = issue.code === 'custom' ? String(issue.params?.['found']) : undefined;
  const said = found === undefined ? `${what} is ${value}` : `${what}, ${value}, ${found}`;
  return { field, message: `\`${field}\` ${allowed}; ${said}${said.endsWith('?') ? '' : '.'}` };
}

function whoTakesMore({ waits, maxRunMinutes }: RunRequestRules): string {
  const setting = `${AGENT_ENV.maxRunMinutes} (config maxRunMinutes of the stack)`;
  return waits
    ? `That is the limit of POST /run, whose client waits. POST /runs takes up to ${maxRunMinutes * 60_000}: ${setting} is ${maxRunMinutes}.`
    : `That is the limit of POST /runs here: ${setting} is ${maxRunMinutes}.`;
}

/** The first one for each field. */
function onePerField(errors: readonly FieldError[]): FieldError[] {
  const first = new Map<string, FieldError>();
  for (const error of errors) if (!first.has(error.field)) first.set(error.field, error);
  return [...first.values()];
}

function fieldError(field: string, allowed: string, value: unknown): FieldError {
  const given = NOT_REPEATED.has(field) && typeof value === 'string' ? `a string of ${value.length}` : describe(value);
  return { field, message: `\`${field}\` ${allowed}; it is ${given}.` };
}

async function schemaErrors(schema: unknown): Promise<FieldError[]> {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return [];
  const mistake = await schemaMistake(schema);
  const field = 'outputSchema';
  return mistake === undefined
    ? []
    : [{ field, message: `\`${field}\` must be ${OUTPUT_SCHEMA}; claude rejects it: ${mistake}.` }];
}

/** zod drops the name `__proto__` before it validates labels. */
function labelErrors(labels: unknown): FieldError[] {
  const field = 'labels';
  const name = '__proto__';
  return typeof labels === 'object' && labels !== null && Object.hasOwn(labels, name)
    ? [{ field, message: `\`${field}\` must be an object without the name \`${name}\`.` }]
    : [];
}

/** Fields that have a person decide, and only a client that does not wait can do without an answer for so long. */
function decisionErrors(
  options: z.output<typeof runRequest>,
  decisions: RunRequestRules['decisions'],
  waits: boolean,
): FieldError[] {
  const asked = { approve: options.approve?.length, askQuestions: options.askQuestions };
  const asking = (['approve', 'askQuestions'] as const).filter((field) => asked[field]);
  if (waits && asking.length > 0) {
    return asking.map((field) => ({
      field,
      message: `\`${field}\` must be omitted in POST /run, whose client cannot wait for a person. Use POST /runs.`,
    }));
  }
  const conflict = decisions.conflictOf(withoutUndefined(options));
  const field = asking[0] ?? 'approve';
  const set = asking.length > 0 ? '' : ` ${AGENT_ENV.approve} (config approve of the stack) sets it for all runs.`;
  return conflict === undefined ? [] : [{ field, message: `\`${field}\` ${conflict}.${set}` }];
}

function callbackErrors(url: string, hosts: CallbackHosts): FieldError[] {
  const field = 'callbackUrl';
  const setting = `${AGENT_ENV.callbackHosts} (config callbackHosts of the stack)`;
  const found = hosts.find(url);
  if (!found) return [fieldError(field, `must be ${CALLBACK_URL}`, url)];
  if (!('refusedHost' in found)) return [];
  const allowed = hosts.none ? 'omitted, because this agent has no callback hosts' : 'on an allowed callback host';
  return [
    {
      field,
      message: `\`${field}\` must be ${allowed}; it is on ${found.refusedHost}. ${setting} lists the allowed hosts.`,
    },
  ];
}
