import { createHash, randomBytes } from 'node:crypto';
import type { ParentSpan } from '../claude/process-trace.ts';

/** The trace that a run belongs to. Ids are lower-case hex. */
export interface Trace {
  /** 32 digits. */
  readonly traceId: string;
  /** The span of the client that sent the request, 16 digits; undefined if it named none. */
  readonly parentId?: string;
  /** Whether spans of the trace are recorded. */
  readonly sampled: boolean;
  /** The header `tracestate` of the request. */
  readonly state?: string;
  /** The span of the run, 16 digits; undefined if the agent made no spans when it was accepted. */
  readonly spanId?: string;
}

/** What the headers of a request say about its trace. */
export interface TraceContext {
  readonly trace: Trace | undefined;
  /** What in them is ignored, in sentences for the client. */
  readonly warnings: readonly string[];
}

/** The headers of a request that name its trace, as they came. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Version, trace id, parent id and flags. Later versions than 00 may have more after a `-`. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACEPARENT_FORM =
  '00, a trace id of 32 and a span id of 16 lower-case hex digits that are not all 0, and 2 digits of flags, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const SAMPLED = 1;

/** The list members of a `tracestate`: W3C Trace Context, 3.3. */
const MEMBER =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MAX_MEMBERS = 32;
const MAX_STATE_CHARS = 512;

/** Reads the headers of W3C Trace Context. What has another form is ignored. */
export function traceContextIn({ traceparent, tracestate }: TraceHeaders): TraceContext {
  if (traceparent === undefined) return { trace: undefined, warnings: [] };
  const [, version, traceId, parentId, flags = '', more] = TRACEPARENT.exec(traceparent.trim()) ?? [];
  if (traceId === undefined || parentId === undefined || (version === '00' && more !== undefined)) {
    const warning = `The header traceparent is ignored: it must be ${TRACEPARENT_FORM}.`;
    return { trace: undefined, warnings: [warning] };
  }
  const sampled = (parseInt(flags, 16) & SAMPLED) === SAMPLED;
  const state = tracestate === undefined ? undefined : stateIn(tracestate);
  const trace: Trace = { traceId, parentId, sampled, ...(state && { state }) };
  const warning =
    'The header tracestate is ignored: it must be at most 32 pairs KEY=VALUE, separated by commas, in 512 characters.';
  return { trace, warnings: tracestate !== undefined && state === undefined ? [warning] : [] };
}

/** Undefined if the header is not valid. */
function stateIn(header: string): string | undefined {
  const members = header
    .split(',')
    .map((member) => member.trim())
    .filter(Boolean);
  const keys = new Set(members.map((member) => member.split('=', 1)[0]));
  const isValid =
    members.length <= MAX_MEMBERS && members.length === keys.size && members.every((each) => MEMBER.test(each));
  const state = members.join(',');
  return isValid && state.length <= MAX_STATE_CHARS ? state : undefined;
}

/** The headers for a request that a run causes; none without a trace. */
export function traceHeadersOf(trace: Trace | undefined): Record<string, string> {
  const parent = trace?.spanId ?? trace?.parentId;
  if (!trace || parent === undefined) return {};
  return {
    traceparent: traceparentOf(trace, parent),
    ...(trace.state !== undefined && { tracestate: trace.state }),
  };
}

/** The span that the processes of a run work within; undefined for a run without spans. */
export function processSpanOf(trace: Trace | undefined): ParentSpan | undefined {
  if (trace?.spanId === undefined) return undefined;
  const { traceId, sampled, state } = trace;
  return { traceId, sampled, state, spanId: spanIdWithin(trace.spanId, 'running') };
}

/** The header `traceparent` for what happens within a span. */
export function traceparentOf({ traceId, sampled }: Pick<Trace, 'traceId' | 'sampled'>, spanId: string): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** A new id of a trace, 32 hex digits. */
export const newTraceId = () => randomBytes(16).toString('hex');

/** A new id of a span, 16 hex digits. */
export const newSpanId = () => randomBytes(8).toString('hex');

/**
 * The id of a span within the span of a run. Always the same, so that spans which were exported before the agent was killed
 * have a parent that the next agent exports.
 */
export function spanIdWithin(spanId: string, part: 'waiting' | 'running'): string {
  return createHash('sha256').update(`${spanId} ${part}`).digest('hex').slice(0, 16);
}
