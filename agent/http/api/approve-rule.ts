import { APPROVE_RULE } from '../../contract.ts';
import { denyRuleMistake } from './deny-rule.ts';

/**
 * Finds out why a rule would not have a person asked: the CLI silently ignores rules that it does not understand.
 * @returns a clause whose subject is the rule; undefined for a rule that works.
 */
export function approveRuleMistake(rule: string): string | undefined {
  if (/^AskUserQuestion\b/.test(rule)) return 'is not for rules: set askQuestions to have its questions answered';
  if (rule.includes('*') && !rule.includes('(')) return 'has a *, with which claude asks nobody; name each tool';
  const mistake = denyRuleMistake(rule);
  if (mistake !== undefined) return mistake;
  if (!APPROVE_RULE.test(rule)) return 'has a pattern, which holds only for Bash; name the whole tool';
  return /^mcp__(?!.+__.)/.test(rule) ? 'is a server, not a tool; a tool is mcp__SERVER__TOOL' : undefined;
}
