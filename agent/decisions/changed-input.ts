import { bounded } from '../claude/bounded.ts';
import { MAX_DECISION_INPUT_CHARS } from '../http/api/decision.ts';
import type { ClaudePermissions } from './claude-permissions.ts';
import { dependsOnInput } from './rules.ts';

/**
 * Why a person may not replace the input of a tool, in a sentence; undefined if that is possible. The CLI uses a replaced input
 * as it is: it checks neither deny rules nor hooks with it again.
 * @param deny the rules of `disallowedTools`.
 */
export function changedInputMistake(
  asked: Readonly<Record<string, unknown>>,
  changed: Readonly<Record<string, unknown>>,
  deny: readonly string[],
  permissions: ClaudePermissions,
): string | undefined {
  const other = Object.keys(changed).find((name) => !Object.hasOwn(asked, name));
  if (other !== undefined) {
    return `\`input\` may only have the names of the input that Claude chose, not ${JSON.stringify(other.slice(0, 100))}.`;
  }
  const fit = bounded(changed, MAX_DECISION_INPUT_CHARS);
  if ('problem' in fit) return `\`input\` is ${fit.problem}.`;
  const rule = [...deny, ...permissions.deny].find(dependsOnInput);
  if (rule !== undefined) {
    return `\`input\` cannot be changed in this run: claude would not check the rule that denies ${rule} again. Deny the call, and say what Claude should do instead.`;
  }
  return permissions.otherChecks
    ? '`input` cannot be changed in this run: claude would not check the hooks and limits of its settings again. Deny the call, and say what Claude should do instead.'
    : undefined;
}
