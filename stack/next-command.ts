/** The stack of whoever names none. */
export const USUAL_STACK = 'dev';

/** What a suggested command needs so that it is about the stack of this process; empty where it needs nothing. */
let suffix = '';

/**
 * Says once which stack this process works on, so that every command that it suggests names it.
 * @param usual What a command without `--stack` would take: {@link USUAL_STACK}, or what PULUMI_STACK says.
 */
export function suggestFor(stack: string, usual: string = USUAL_STACK): void {
  suffix = stack === USUAL_STACK && usual === USUAL_STACK ? '' : ` --stack ${stack}`;
}

/**
 * A command to try next, as it is typed: `npm run rollback -- 12 --stack prod`.
 * @param name Of the script in package.json.
 * @param args What goes on after `--`, quoted for a shell.
 */
export function npmRun(name: string, args = ''): string {
  const all = [args, suffix.trim()].filter(Boolean).join(' ');
  return `npm run ${name}${all === '' ? '' : ` -- ${all}`}`;
}

/** Commands one after the other, as a shell takes them: each as {@link npmRun} takes it. */
export const npmRunAll = (...commands: readonly (string | readonly [string, string])[]): string =>
  commands.map((command) => (typeof command === 'string' ? npmRun(command) : npmRun(...command))).join(' && ');
