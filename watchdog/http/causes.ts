/** Whether an `AbortSignal.timeout` ended it. */
export const isTimeout = (error: unknown): boolean => error instanceof DOMException && error.name === 'TimeoutError';

/** What the resolver, `connect` and the check of a certificate fail with, before anything is sent. */
const NOT_ARRIVED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|ERR_INVALID_URL|ERR_SSL_WRONG_VERSION_NUMBER|ERR_TLS_CERT_ALTNAME_INVALID|CERT_.*|UNABLE_TO_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*)$/;

/** Whether a request with this cause of its failure certainly did not arrive. */
export function isNotArrived(cause: unknown): boolean {
  const { code, syscall } = cause as { code?: unknown; syscall?: unknown };
  // `read` and `write` can fail with codes of the network too, when the request is on its way.
  return typeof code === 'string' && NOT_ARRIVED.test(code) && syscall !== 'read' && syscall !== 'write';
}

/**
 * Why a request failed, in a word where there is one. `fetch` says "fetch failed"; the code of the system call is in the
 * cause. A cause need not have a code: an answer that is no HTTP has a message alone.
 */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause = error } = error;
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause ? cause.code : undefined;
  if (typeof code === 'string' && code !== '') return code;
  return cause.message === '' ? cause.name : cause.message;
}
