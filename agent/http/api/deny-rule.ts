import { CLAUDE_TOOLS, FORMER_TOOLS } from './claude-tools.ts';
import { didYouMean, KnownNames } from '../../did-you-mean.ts';

const names = [...CLAUDE_TOOLS, ...FORMER_TOOLS];
const known = new KnownNames(names);

/** `claude` ignores patterns of these tools and checks those of the other tool. */
const PATTERN_OF: Readonly<Record<string, string>> = {
  Write: 'Edit',
  NotebookEdit: 'Edit',
  MultiEdit: 'Edit',
  Glob: 'Read',
};

/**
 * Finds out why a rule of `claude --disallowedTools` would have no effect: the CLI silently ignores rules that it does not
 * understand.
 * @returns a clause whose subject is the rule; undefined for a rule that works.
 */
export function denyRuleMistake(rule: string): string | undefined {
  const [, name, pattern] = /^([^\s(),]{1,100})(\(.*\))?$/s.exec(rule) ?? [];
  if (name === undefined) return 'is not a rule; a rule is NAME or NAME(PATTERN), one per string';
  if (name.startsWith('mcp__'))
    return pattern === undefined ? undefined : 'has a pattern, which MCP tools do not support';
  if (name.includes('*')) {
    if (pattern !== undefined) return 'has a pattern, which a name with * does not support';
    return names.some((tool) => matches(name, tool)) ? undefined : 'matches no tool of claude';
  }
  if (!names.includes(name)) return `is not a tool of claude.${didYouMean(known.nearest(name))}`;
  const other = PATTERN_OF[name];
  if (pattern === undefined || other === undefined) return undefined;
  return `is a rule that claude ignores: for files it checks ${other}${pattern.slice(0, 100)}`;
}

function matches(glob: string, tool: string): boolean {
  return /^[\w*]+$/.test(glob) && new RegExp(`^${glob.replaceAll(/\*+/g, '.*')}$`).test(tool);
}
