import { CLAUDE_TOOLS, FORMER_TOOLS } from './claude-tools.ts';
import { didYouMean, KnownNames } from '../../did-you-mean.ts';

const names = [...CLAUDE_TOOLS, ...FORMER_TOOLS];
const known = new KnownNames(names);

/** Of these `claude` matches no pattern; it goes by that of the other tool. */
const PATTERN_OF: Readonly<Record<string, string>> = {
  Write: 'Edit',
  NotebookEdit: 'Edit',
  MultiEdit: 'Edit',
  Glob: 'Read',
};

/**
 * Why `claude --disallowedTools` would not hold to a rule: it leaves one out that it does not understand, and says
 * nothing.
 * @returns a clause whose subject is the rule; undefined for a rule that it holds to.
 */
export function denyRuleMistake(rule: string): string | undefined {
  const [, name, pattern] = /^([^\s(),]{1,100})(\(.*\))?$/s.exec(rule) ?? [];
  if (name === undefined) return 'is no rule, which is NAME or NAME(PATTERN), one in a string';
  if (name.startsWith('mcp__'))
    return pattern === undefined ? undefined : 'has a pattern, which a tool of MCP cannot have';
  if (name.includes('*')) {
    if (pattern !== undefined) return 'has a pattern, which a name with * cannot have';
    return names.some((tool) => matches(name, tool)) ? undefined : 'is like no tool that claude has';
  }
  if (!names.includes(name)) return `is no tool that claude has.${didYouMean(known.nearest(name))}`;
  const other = PATTERN_OF[name];
  if (pattern === undefined || other === undefined) return undefined;
  return `is a rule that claude does not look at: for files it goes by ${other}${pattern.slice(0, 100)}`;
}

function matches(glob: string, tool: string): boolean {
  return /^[\w*]+$/.test(glob) && new RegExp(`^${glob.replaceAll(/\*+/g, '.*')}$`).test(tool);
}
