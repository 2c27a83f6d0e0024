import { RUN_LIMITS } from '../contract.ts';
import { RUN_MARK } from './run-mark.ts';

/** The only variables of the agent's own environment that a `claude` process gets. */
const PASSED = [
  'HOME',
  'PATH',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'ANTHROPIC_BASE_URL',
  'IS_SANDBOX',
] as const;

const FIXED = {
  DISABLE_AUTOUPDATER: '1',
  // A sub-agent in the background outlives the result that the client waits for.
  CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
} as const;

/** The CLI's back-off before its n-th retry, in seconds, without jitter. */
const retryDelay = (n: number) => Math.min(32, 0.5 * 2 ** (n - 1));
const JITTER = 1.25;
const MAX_RETRIES = 10;
const SHARE_OF_TIME = 0.25;

/** How long a run may wait for retries, in milliseconds: a quarter of its time. */
export function retryWaitWithin(remainingMs: number): number {
  return Math.max(0, remainingMs) * SHARE_OF_TIME;
}

/**
 * How often the CLI may retry a refused request within {@link retryWaitWithin}. Its default of ten retries takes three
 * minutes. A `Retry-After` of up to a minute makes each wait longer, which only the CLI's events report.
 * @param remainingMs milliseconds until the deadline.
 */
export function retriesWithin(remainingMs: number): number {
  const budget = retryWaitWithin(remainingMs) / 1000;
  let retries = 0;
  for (let waited = 0; retries < MAX_RETRIES; retries += 1) {
    waited += retryDelay(retries + 1) * JITTER;
    if (waited > budget) break;
  }
  return retries;
}

/** Whether a run is longer than a client waits for: only `POST /runs` accepts it. */
export function isLong(remainingMs: number): boolean {
  return remainingMs > RUN_LIMITS.timeoutMs;
}

/**
 * Builds the whole environment of a `claude` process. Nothing is inherited, so no token, webhook or key of the agent's
 * own reaches Claude's tools.
 * @param base the agent's environment.
 * @param credential the variables of the credential, see `credential.ts`.
 * @param mark identifies the run, see `run-mark.ts`.
 */
export function claudeEnvironment(
  base: Readonly<Record<string, string | undefined>>,
  credential: Readonly<Record<string, string>>,
  mark: string,
  remainingMs: number,
): Record<string, string> {
  return {
    ...passedFrom(base),
    ...FIXED,
    CLAUDE_CODE_MAX_RETRIES: String(retriesWithin(remainingMs)),
    // The CLI gives a command ten minutes at most, unless this says more.
    ...(isLong(remainingMs) && { BASH_MAX_TIMEOUT_MS: String(Math.floor(remainingMs)) }),
    ...credential,
    [RUN_MARK]: mark,
  };
}

/** The variables of a program's own environment that a `claude` process gets from it. */
export function passedFrom(base: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(PASSED.flatMap((name) => (base[name] === undefined ? [] : [[name, base[name]] as const])));
}

/**
 * The variables for a process that calls an address without a proxy: the CLI uses one for http and https.
 * @param base its other variables.
 * @returns none if the address is no URL.
 */
export function withoutProxyTo(
  address: string,
  { no_proxy: lower, NO_PROXY: upper }: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  if (!URL.canParse(address)) return {};
  const direct = [lower ?? upper, new URL(address).hostname].filter(Boolean).join(',');
  return { NO_PROXY: direct, no_proxy: direct };
}
