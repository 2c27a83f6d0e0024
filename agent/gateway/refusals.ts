/** Why the gateway refuses a request, for metrics. */
export const REFUSALS = [
  'malformed',
  'too_slow',
  'token',
  'address',
  'path',
  'body_too_large',
  'too_many_requests',
  'too_many_connections',
  'credential',
] as const;

/** One of {@link REFUSALS}. */
export type Refusal = (typeof REFUSALS)[number];

/** An error in the form of the Anthropic API. */
export interface ApiFault {
  /** An HTTP status, 400 or more. */
  readonly status: number;
  readonly message: string;
}

/** Anthropic's names of statuses; see https://platform.claude.com/docs/en/api/errors. */
const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  408: 'invalid_request_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

/** The body of a response with an error. */
export function faultBody({ status, message }: ApiFault): string {
  return JSON.stringify({ type: 'error', error: { type: TYPES[status] ?? 'api_error', message } });
}
