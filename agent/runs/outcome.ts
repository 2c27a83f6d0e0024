import { EXIT_CODES, type Outcome } from '../contract.ts';
import type { Bounded } from '../claude/bounded.ts';
import { firstChars } from '../claude/capped-text.ts';
import type { RunReport } from '../claude/claude.ts';
import type { EndReason } from '../claude/process.ts';
import type { ResultEvent } from '../claude/events.ts';
import { interruptedWith, UNSAVED } from './endings.ts';
import type { RunOptions } from '../http/api/run-request.ts';
import type { ApiError, Transcript } from '../claude/transcript.ts';
import { NO_OUTPUT, type RunResult } from '../store/run.ts';

const OWN_FAULT = 'The agent failed during the run. See its log, and report the error to its maintainers.';

/** Keeps the errors of the largest page, 200 runs, to 2 million characters. */
export const MAX_ERROR_CHARS = 10_000;

/** The last second of the year 9999, in seconds since the epoch. Later times are invalid. */
const LAST_SECOND = 253_402_300_799;

type Verdict = { readonly outcome: Outcome; readonly error?: string; readonly resetsAt?: string };

const cancelled: Verdict = { outcome: 'cancelled', error: 'The run was cancelled.' };

/** Whether the answer is what the request asked for. */
type Answer = { readonly present: true } | { readonly missing: string };

/** The exit code of an outcome in `POST /run`. */
export const exitCodeOf = (outcome: Outcome) => EXIT_CODES[outcome];

/**
 * Determines the outcome of a run from what its process reported. The agent's own reason for ending the process takes
 * precedence over its last output. Neither an exit code nor `subtype: "success"` alone proves anything.
 */
export function judge(report: RunReport, { outputSchema }: RunOptions = {}): RunResult {
  const { transcript, spent } = report;
  const { text, omitted } = transcript.output;
  const wanted = outputSchema && transcript.result?.structured_output;
  const denials = transcript.result?.permission_denials ?? { listed: [], unlisted: 0 };
  const answer = outputSchema === undefined ? plainAnswer(text) : structuredAnswer(wanted);
  const { outcome, error, resetsAt } = verdictOf(report, answer);
  return {
    outcome,
    ...(error !== undefined && { error: truncated(error) }),
    ...(resetsAt !== undefined && { resetsAt }),
    output: text,
    ...(outcome === 'succeeded' && wanted && 'value' in wanted && { structuredOutput: wanted.value }),
    ...spent,
    ...(transcript.result?.num_turns !== undefined && { turns: transcript.result.num_turns }),
    ...(transcript.model !== undefined && { model: transcript.model }),
    permissionDenials: denials.listed.map((denial) => ({
      toolName: denial.tool_name,
      toolUseId: denial.tool_use_id,
      toolInput: denial.tool_input,
    })),
    warnings: [
      ...(report.isUnsaved ? [UNSAVED] : []),
      ...(omitted > 0 ? [`The output is truncated: its last ${omitted} characters are missing.`] : []),
      ...(denials.unlisted > 0 ? [`${denials.unlisted} more denied tool calls are not listed.`] : []),
      ...transcript.missingServers.map(({ name, status }) => `The MCP server ${name} could not be used (${status}).`),
    ],
  };
}

/** Errors are limited because lists of runs contain them. */
function truncated(error: string): string {
  return error.length <= MAX_ERROR_CHARS ? error : `${firstChars(error, MAX_ERROR_CHARS)}… (cut)`;
}

function plainAnswer(text: string): Answer {
  return text.trim() === '' ? { missing: 'its answer is empty' } : { present: true };
}

/** If the answer does not match the schema, the CLI reports success without a structured output. */
function structuredAnswer(structured: Bounded | undefined): Answer {
  if (structured === undefined) return { missing: 'its answer does not meet the schema' };
  return 'problem' in structured ? { missing: `its structured output is ${structured.problem}` } : { present: true };
}

function verdictOf(report: RunReport, answer: Answer): Verdict {
  switch (report.endedBy) {
    case 'deadline':
      return { outcome: 'timed_out', error: 'The run timed out. The output is what Claude had written by then.' };
    case 'cancelled':
      return cancelled;
    case 'shutdown':
      return interruptedWith('shut down', report.isUnsaved);
    case 'overflow':
      return failed('claude wrote a line that is too long to be an event, and was stopped.');
    case 'workspace':
      return failed('The run was stopped because the workspace exceeded its size limit.');
    case 'budget':
      return failed('The run was stopped because a budget is spent.');
    case 'retries':
      return verdictOfRetries(report.transcript);
    case 'fault':
      return failed(`${OWN_FAULT} (${String(report.fault)})`);
    case 'itself':
      return verdictOfItsOwn(report, answer);
  }
}

function verdictOfItsOwn(report: RunReport, answer: Answer): Verdict {
  const { result, apiError } = report.transcript;
  if (report.startError !== undefined) return failed(`claude could not be started: ${report.startError}`);
  if (report.reason !== undefined && !result) return failed(`The run was ended by its runner. ${report.reason}`);
  if (report.lost && !result) return interruptedWith('lost the connection to the runner', report.isUnsaved);
  if (apiError && result?.is_error !== false) return verdictOfApi(apiError, report.transcript);
  if (!result) return failed(withoutResult(report));
  if (result.is_error) return failed(reasonOf(result));
  if (report.exitCode !== undefined && report.exitCode !== 0) {
    return failed(`claude reported success and then exited with code ${report.exitCode}. ${report.stderr}`.trim());
  }
  if ('missing' in answer) return failed(`claude reported success, but ${answer.missing}.`);
  return { outcome: 'succeeded' };
}

function reasonOf({ errors, result, subtype }: ResultEvent): string {
  const reason = errors.length > 0 ? errors.join('; ') : result;
  return reason === undefined || reason === '' ? `claude reported ${subtype}.` : reason;
}

function verdictOfApi({ kind, status, detail, message }: ApiError, transcript: Transcript): Verdict {
  switch (kind) {
    case 'authentication_failed':
    case 'oauth_org_not_allowed':
    case 'billing_error':
      return { outcome: 'auth_failed', error: message };
    case 'rate_limit':
      return verdictOfLimit(message, detail, transcript);
    case 'server_error':
    case 'overloaded':
      return { outcome: 'unavailable', error: message };
    default:
      return verdictOfStatus(status, detail, message, transcript);
  }
}

function verdictOfRetries(transcript: Transcript): Verdict {
  const { apiError } = transcript;
  if (!apiError) return failed('claude would have waited too long before it sent a request again.');
  const message = `${apiError.message} Further retries would take too much of the run's time.`;
  // Without a status there was no response: the connection failed.
  const { status, detail = status === undefined ? 'connection_failed' : undefined } = apiError;
  return verdictOfApi({ ...apiError, detail, message }, transcript);
}

/** A plain 429 means overload and passes soon; a subscription's usage limit is reported in an event of its own. */
function verdictOfLimit(message: string, detail: string | undefined, { usageLimitResetsAt }: Transcript): Verdict {
  if (usageLimitResetsAt === undefined && detail !== 'usage_limit_reached') {
    return { outcome: 'unavailable', error: message };
  }
  const isTime = usageLimitResetsAt !== undefined && usageLimitResetsAt > 0 && usageLimitResetsAt <= LAST_SECOND;
  const resetsAt = isTime ? { resetsAt: new Date(usageLimitResetsAt * 1000).toISOString() } : {};
  return { outcome: 'usage_limited', error: message, ...resetsAt };
}

/** For errors whose kind the CLI does not name. */
function verdictOfStatus(
  status: number | undefined,
  detail: string | undefined,
  message: string,
  transcript: Transcript,
): Verdict {
  if (status === 401) return { outcome: 'auth_failed', error: message };
  if (status === 429) return verdictOfLimit(message, detail, transcript);
  if ((status !== undefined && status >= 500) || detail === 'connection_failed') {
    return { outcome: 'unavailable', error: message };
  }
  return failed(message);
}

/** The result of a run that was ended before its prompt. */
export function endedBeforePrompt(reason: EndReason): RunResult {
  switch (reason) {
    case 'deadline':
      return { ...NO_OUTPUT, outcome: 'timed_out', error: 'The run timed out before Claude had its prompt.' };
    case 'cancelled':
      return { ...NO_OUTPUT, ...cancelled };
    case 'shutdown':
      return { ...NO_OUTPUT, ...interruptedWith('shut down', true) };
    case 'budget':
    case 'fault':
    case 'overflow':
    case 'retries':
    case 'workspace':
      return { ...NO_OUTPUT, ...failed(`The run was ended before Claude had its prompt (${reason}).`) };
  }
}

/** The result of a run that was ended by an exception in the agent. */
export function failedByAgent(error: unknown): RunResult {
  return { ...NO_OUTPUT, ...failed(truncated(`${OWN_FAULT} (${String(error)})`)) };
}

function withoutResult({ exitCode, signal, stderr, transcript }: RunReport): string {
  const end = signal ?? `exit code ${exitCode ?? 'unknown'}`;
  const facts = [stderr, transcript.garbage > 0 && `${transcript.garbage} line(s) of its output were not events.`];
  return [`claude ended without a result (${end}).`, ...facts].filter(Boolean).join(' ');
}

function failed(error: string): Verdict {
  return { outcome: 'failed', error };
}
