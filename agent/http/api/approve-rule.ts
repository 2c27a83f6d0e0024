import { denyRuleMistake } from './deny-rule.ts';

/** A tool by its name, without a pattern. */
const WHOLE_TOOL = /^[^\s(),*]+$/;
const BASH_PATTERN = /^Bash\(\S(.*\S)?\)$/s;

/**
 * Finds out why a rule would not have a person asked: the CLI silently ignores rules that it does not understand.
 * @returns a clause whose subject is the rule; undefined for a rule that works.
 */
export function approveRuleMistake(rule: string): string | undefined {
  if (/^AskUserQuestion\b/.test(rule)) return 'is not for rules: set askQuestions to have its questions answered';
  if (rule.includes('*') && !rule.includes('(')) return 'has a *, with which claude asks nobody; name each tool';
  const mistake = denyRuleMistake(rule);
  if (mistake !== undefined) return mistake;
  if (WHOLE_TOOL.test(rule)) {
    return /^mcp__(?!.+__.)/.test(rule) ? 'is a server, not a tool; a tool is mcp__SERVER__TOOL' : undefined;
  }
  return BASH_PATTERN.test(rule) ? undefined : 'has a pattern, which holds only for Bash; name the whole tool';
}
