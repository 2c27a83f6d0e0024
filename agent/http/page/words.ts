import type { AuthState, Outcome } from '../../contract.ts';

/** How good or bad a state is; also the CSS class of its colour. */
export type Tone = 'well' | 'badly' | 'waits' | 'neutral';

/** A state for people: words, and a sign for those who cannot distinguish colours. */
export interface Words {
  readonly tone: Tone;
  readonly sign: string;
  readonly words: string;
}

const words = (tone: Tone, sign: string, text: string): Words => ({ tone, sign, words: text });

/** The words for each outcome. */
export const OUTCOME_WORDS: Readonly<Record<Outcome, Words>> = {
  succeeded: words('well', '✓', 'succeeded'),
  failed: words('badly', '✗', 'failed'),
  auth_failed: words('badly', '✗', 'login failed'),
  unavailable: words('badly', '✗', 'API unavailable'),
  usage_limited: words('waits', '!', 'usage limit'),
  timed_out: words('badly', '✗', 'timed out'),
  cancelled: words('neutral', '–', 'cancelled'),
  interrupted: words('waits', '!', 'interrupted'),
};

/** The words for each state of a run that has not ended. */
export const STATE_WORDS = {
  queued: words('neutral', '…', 'waiting in the queue'),
  running: words('neutral', '▶', 'running'),
  waiting: words('waits', '!', 'waiting for a decision'),
} as const;

/** The words for what Claude did. */
export const STEP_WORDS = {
  retry: words('waits', '↻', 'retry'),
  task: words('neutral', '↳', 'sub-agent'),
  denied: words('badly', '✗', 'denied'),
  allowed: words('well', '✓', 'allowed'),
  asked: words('waits', '?', 'decision'),
  error: words('badly', '✗', 'error'),
} as const;

/** The words for each state of the login. */
export const LOGIN_WORDS: Readonly<Record<Exclude<AuthState, 'busy'> | 'unknown', Words>> = {
  ok: words('well', '✓', 'Claude answers'),
  auth_failed: words('badly', '✗', 'Log in'),
  usage_limited: words('waits', '!', 'Usage limit reached'),
  outage: words('badly', '✗', 'Anthropic unreachable'),
  unknown: words('neutral', '?', 'Not used yet'),
};

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** A duration in its two largest units, `2 h 5 min`; with `tenths` and below ten seconds, `3.4 s`. */
export function duration(ms: number, { tenths = false } = {}): string {
  const seconds = Math.max(0, ms) / 1000;
  if (tenths && seconds < 9.95) return `${seconds.toFixed(1)} s`;
  let rest = Math.floor(seconds);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    if (rest >= size && parts.length < 2) parts.push(`${Math.floor(rest / size)} ${unit}`);
    else if (parts.length > 0) break;
    rest %= size;
  }
  return parts.length > 0 ? parts.join(' ') : '0 s';
}

/** A whole number with separators, `12,345`. */
export const grouped = (number: number): string => number.toLocaleString('en-US');

/** A number with its noun. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}

/** A size, with three digits: `12.3 MiB`. */
export function bytes(size: number): string {
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, size)) / 10));
  if (power === 0) return count(size, 'byte');
  return `${(size / 1024 ** power).toLocaleString('en-US', { maximumSignificantDigits: 3 })} ${'KMGT'[power - 1] ?? ''}iB`;
}
