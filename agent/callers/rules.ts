import { CALLER_NAME, CALLER_RIGHTS, MAX_CALLERS, OPERATOR, RUN_LIMITS, type CallerRight } from '../contract.ts';
import { isObject, mistakesInList, shown } from '../rule-values.ts';

/** A caller as it is configured; the same in the agent's settings and in the config of the stack. */
export interface CallerSetting {
  readonly name: string;
  /** SHA-256 of each of its tokens in hex: one, or two while its token is rotated, the newer one last. */
  readonly sha256: readonly string[];
  readonly may: readonly CallerRight[];
  /** Labels of each of its runs. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Who decides or calls besides callers, in records and logs. */
const RESERVED: readonly string[] = [OPERATOR, 'watchdog', 'claude'];
const KEYS = ['name', 'sha256', 'may', 'labels'];
const SHA256 = /^[0-9a-f]{64}$/i;

/** What a list of callers looks like. */
export const CALLERS_ALLOWED =
  'a list of callers, such as [{"name": "n8n-prod", "sha256": ["<64 hex digits>"], "may": ["run"]}]';

/** Why a name cannot be that of a caller, as the end of a sentence; undefined if it can. */
export function callerNameMistake(name: unknown): string | undefined {
  if (typeof name !== 'string' || !CALLER_NAME.test(name)) {
    return "must be 1 to 63 lower-case letters, digits, '-' and '.', with a letter or digit at both ends";
  }
  return RESERVED.includes(name) ? `must not be ${RESERVED.join(', ')}, which are reserved` : undefined;
}

/** Everything that is wrong with a list of callers, a clause each that begins with the place. */
export function mistakesInCallers(value: unknown): string[] {
  const list = { allowed: CALLERS_ALLOWED, most: MAX_CALLERS, keys: KEYS };
  return mistakesInList(value, list, mistakesInCaller, (items) => twice(items.filter(isObject)));
}

function mistakesInCaller(caller: Readonly<Record<string, unknown>>, at: string): string[] {
  const { name, sha256, may, labels = {} } = caller;
  const nameMistake = callerNameMistake(name);
  const unknown = Object.keys(caller).filter((key) => !KEYS.includes(key));
  const rights: readonly unknown[] = CALLER_RIGHTS;
  const isOf = (list: unknown, most: number, fits: (item: unknown) => boolean) =>
    Array.isArray(list) && list.length > 0 && list.length <= most && list.every(fits);
  const isHash = (item: unknown) => typeof item === 'string' && SHA256.test(item);
  return [
    ...(nameMistake === undefined ? [] : [`${at}.name is ${shown(name)}; it ${nameMistake}`]),
    ...(isOf(sha256, 2, isHash)
      ? []
      : [`${at}.sha256 is ${shown(sha256)}; it must be a list of one or two SHA-256, each 64 hex digits`]),
    ...(isOf(may, rights.length, (item) => rights.includes(item))
      ? []
      : [`${at}.may is ${shown(may)}; it must be a list of one or more of ${rights.join(', ')}`]),
    ...(areLabels(labels)
      ? []
      : [
          `${at}.labels is ${shown(labels)}; it must be at most ${RUN_LIMITS.labels} strings of 1 to 256 characters, with names of 1 to 64`,
        ]),
    ...unknown.map((key) => `${at}.${key} is unknown; a caller has ${KEYS.join(', ')}`),
  ];
}

/** Names and hashes that occur more than once. */
function twice(callers: readonly Readonly<Record<string, unknown>>[]): string[] {
  const hashes = callers.flatMap(({ name, sha256 }) =>
    Array.isArray(sha256) ? sha256.map((hash) => ({ name: String(name), hash: String(hash).toLowerCase() })) : [],
  );
  const names = callers.map(({ name }) => String(name));
  const sameHash = (hash: string) => hashes.filter((each) => each.hash === hash).map(({ name }) => name);
  return [
    ...repeated(names).map((name) => `the name ${shown(name)} occurs more than once`),
    ...repeated(hashes.map(({ hash }) => hash)).map(
      (hash) => `the hash ${hash.slice(0, 12)}… occurs more than once (${[...new Set(sameHash(hash))].join(', ')})`,
    ),
  ];
}

function areLabels(labels: unknown): boolean {
  return (
    isObject(labels) &&
    Object.keys(labels).length <= RUN_LIMITS.labels &&
    Object.entries(labels).every(([name, value]) => isText(name, 64) && typeof value === 'string' && isText(value, 256))
  );
}

const isText = (text: string, most: number) => text.length >= 1 && text.length <= most;

const repeated = (list: readonly string[]) => [...new Set(list.filter((item, at) => list.indexOf(item) !== at))];
