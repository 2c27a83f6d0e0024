import { readFileSync } from 'node:fs';
import { jsonOf, objectOf } from '../json.ts';

/** What settings of claude say about permissions. */
export interface ClaudePermissions {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Whether they check the input of tools in another way: with hooks, or with limits on paths. */
  readonly otherChecks: boolean;
}

/** Hooks that may deny a call or change its input. */
const CHECKING_HOOKS = ['PreToolUse', 'PermissionRequest'];

/** Everything that these settings files say about permissions. A file that is missing or unreadable says nothing. */
export function permissionsIn(files: readonly string[]): ClaudePermissions {
  const all = files.map(settingsIn);
  const permissions = all.map(({ permissions: each }) => objectOf(each));
  return {
    allow: permissions.flatMap(({ allow }) => textsOf(allow)),
    deny: permissions.flatMap(({ deny }) => textsOf(deny)),
    otherChecks:
      permissions.some((each) => Object.keys(each).some((key) => key.startsWith('block'))) ||
      all.some(({ hooks }) => CHECKING_HOOKS.some((name) => name in objectOf(hooks))),
  };
}

/** The settings in a file; none if the file is missing or no JSON object, in which case claude has none either. */
function settingsIn(file: string): Record<string, unknown> {
  try {
    return objectOf(jsonOf(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) return {};
    throw error;
  }
}

/** The strings in a list; none if it is no list. */
export const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
