import type { PermissionMode } from '../contract.ts';

/** The name of the tool in a rule, and whether the rule has a pattern. */
const nameOf = (rule: string) => rule.split('(')[0] ?? '';
const hasPattern = (rule: string) => rule.includes('(');

/** Whether a rule, which may have a * in its name, names Bash. */
const namesBash = (rule: string) =>
  new RegExp(
    `^${nameOf(rule)
      .replaceAll(/[^\w*]/g, '')
      .replaceAll(/\*+/g, '.*')}$`,
  ).test('Bash');

/** Modes in which nobody is asked, or what is allowed is denied all the same. */
const ASKS_NOBODY: ReadonlySet<PermissionMode> = new Set(['dontAsk', 'plan']);
/** Modes in which a pattern holds: what it does not recognize is denied. */
const PATTERNS_HOLD: ReadonlySet<PermissionMode> = new Set(['default', 'acceptEdits']);

/**
 * Finds out why rules would not hold in a run, as measured with the pinned `claude`.
 * @param asked the rules, each without a mistake, and whether Claude may ask questions.
 * @param allow the rules of `allowedTools` and of the settings of claude.
 * @returns a sentence without a subject; undefined if they hold.
 */
export function conflictOf(
  { rules, askQuestions = false }: { readonly rules: readonly string[]; readonly askQuestions?: boolean },
  mode: PermissionMode,
  allow: readonly string[],
): string | undefined {
  const isAsked = rules.length > 0 || askQuestions;
  if (isAsked && ASKS_NOBODY.has(mode))
    return `cannot be used with permissionMode ${mode}, in which claude asks nobody`;
  const pattern = rules.find(hasPattern);
  if (pattern === undefined) return undefined;
  if (!PATTERNS_HOLD.has(mode)) {
    return `has the pattern ${pattern}, which does not hold with permissionMode ${mode}: other spellings of the command go by it. Use "Bash", or permissionMode default or acceptEdits`;
  }
  const allowed = allow.find(namesBash);
  return allowed === undefined
    ? undefined
    : `has the pattern ${pattern}, which does not hold while ${allowed} is allowed: other spellings of the command go by it. Use "Bash", or allow no Bash`;
}

/** Whether a rule names Bash as a whole or in part. */
export const concernsBash = (rules: readonly string[]): boolean => rules.some((rule) => nameOf(rule) === 'Bash');

/** Whether a rule has a pattern, so that it depends on the input of a tool. */
export const dependsOnInput = hasPattern;
