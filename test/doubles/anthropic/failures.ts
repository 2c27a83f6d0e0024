/** An HTTP error in the words of the Anthropic API. */
export interface Failure {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const FAILURES = {
  invalid_key: { status: 401, type: 'authentication_error', message: 'invalid x-api-key' },
  token_expired: {
    status: 401,
    type: 'authentication_error',
    message: 'OAuth token has expired. Please obtain a new token or refresh your existing token.',
  },
  token_revoked: {
    status: 403,
    type: 'permission_error',
    message: 'OAuth token has been revoked. Please obtain a new token.',
  },
  org_not_allowed: {
    status: 403,
    type: 'permission_error',
    message: 'OAuth authentication is currently not allowed for this organization.',
  },
  credit_too_low: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  },
  bad_request: { status: 400, type: 'invalid_request_error', message: 'messages: the request is not understood' },
  /** Only of a request with a PDF. */
  pdf_invalid: {
    status: 400,
    type: 'invalid_request_error',
    message: 'messages.0.content.0.pdf.source.base64.data: The PDF specified was not valid.',
  },
  /** Only of a request with an image. */
  image_invalid: {
    status: 400,
    type: 'invalid_request_error',
    message: 'messages.0.content.0.image.source.base64.data: Could not process image',
  },
  not_found: { status: 404, type: 'not_found_error', message: 'model: no such model' },
  too_large: { status: 413, type: 'request_too_large', message: 'Request exceeds the maximum size' },
  too_long: {
    status: 400,
    type: 'invalid_request_error',
    message: 'prompt is too long: 250000 tokens > 200000 maximum',
  },
  rate_limit: {
    status: 429,
    type: 'rate_limit_error',
    message: "This request would exceed your organization's rate limit. Please try again later.",
    headers: { 'retry-after': '1' },
  },
  /** Like `overloaded`, but with `Retry-After`. */
  busy: {
    status: 529,
    type: 'overloaded_error',
    message: 'Overloaded',
    headers: { 'retry-after': '20' },
  },
  usage_limit: {
    status: 429,
    type: 'rate_limit_error',
    message: "This request would exceed your account's rate limit. Please try again later.",
  },
  no_federation: {
    status: 401,
    type: 'authentication_error',
    message: 'The identity token matches no federation rule.',
  },
  identity_expired: { status: 401, type: 'authentication_error', message: 'The identity token has expired.' },
  identity_unreadable: { status: 400, type: 'invalid_request_error', message: 'The assertion is no JWT.' },
  no_such_rule: { status: 404, type: 'not_found_error', message: 'federation_rule_id: no such rule' },
  server_error: { status: 500, type: 'api_error', message: 'Internal server error' },
  unavailable: { status: 503, type: 'api_error', message: 'Service unavailable' },
  overloaded: { status: 529, type: 'overloaded_error', message: 'Overloaded' },
} as const satisfies Record<string, Failure>;

/** The failures that the double knows by name. */
export type FailureName = keyof typeof FAILURES;

/** Seconds from now until the usage limit of `usage_limit` resets, unless a prompt says otherwise. */
export const USAGE_LIMIT_RESETS_IN = 3600;

/**
 * The failure with that name or HTTP status. @throws if there is none.
 * @param resets for `usage_limit`: seconds until it resets, or `none`.
 */
export function failureOf(name: string, resets = String(USAGE_LIMIT_RESETS_IN)): Failure {
  if (name === 'usage_limit') return { ...FAILURES.usage_limit, headers: usageLimitHeaders(resets) };
  if (name in FAILURES) return FAILURES[name as FailureName];
  const status = Number(name);
  if (Number.isInteger(status) && status >= 400 && status <= 599) {
    return { status, type: 'api_error', message: `HTTP status ${status}` };
  }
  throw new Error(`No failure "${name}"; there are ${Object.keys(FAILURES).join(', ')}, or a status 400 to 599.`);
}

/** The response to a credential that is not accepted. */
export function refusalOf(scheme: 'bearer' | 'api-key' | 'none'): Failure {
  return scheme === 'bearer' ? FAILURES.token_expired : FAILURES.invalid_key;
}

/** A subscription's five-hour window is used up; the client must wait until it resets. */
function usageLimitHeaders(resets: string): Record<string, string> {
  const reset = String(Math.floor(Date.now() / 1000) + Number(resets));
  const times: Record<string, string> =
    resets === 'none'
      ? {}
      : {
          'anthropic-ratelimit-unified-reset': reset,
          'anthropic-ratelimit-unified-5h-reset': reset,
          'retry-after': String(Math.max(0, Number(resets))),
        };
  return {
    ...times,
    'anthropic-ratelimit-unified-status': 'rejected',
    'anthropic-ratelimit-unified-representative-claim': 'five_hour',
    'anthropic-ratelimit-unified-5h-status': 'rejected',
    'anthropic-ratelimit-unified-5h-utilization': '1',
    'anthropic-ratelimit-unified-overage-status': 'rejected',
    'anthropic-ratelimit-unified-overage-disabled-reason': 'org_level_disabled',
  };
}
