/** Whether an `AbortSignal.timeout` ended it. */
export const isTimeout = (error: unknown): boolean => error instanceof DOMException && error.name === 'TimeoutError';

/** Codes of failures before anything is sent: name resolution, `connect` and the check of a certificate. */
const NOT_ARRIVED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|ERR_INVALID_URL|ERR_SSL_WRONG_VERSION_NUMBER|ERR_TLS_CERT_ALTNAME_INVALID|CERT_.*|UNABLE_TO_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*)$/;

/** Whether a request that failed for this cause certainly did not arrive. */
export function isNotArrived(cause: unknown): boolean {
  const { code, syscall } = cause as { code?: unknown; syscall?: unknown };
  // `read` and `write` fail with codes of the network too, after the request was sent.
  return typeof code === 'string' && NOT_ARRIVED.test(code) && syscall !== 'read' && syscall !== 'write';
}

/**
 * Why a request failed: the code of the system call if there is one, else the message. The message of `fetch` itself is
 * always "fetch failed"; the code is in its cause, which has only a message when the answer is not HTTP.
 */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause = error } = error;
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause ? cause.code : undefined;
  if (typeof code === 'string' && code !== '') return code;
  return cause.message === '' ? cause.name : cause.message;
}
