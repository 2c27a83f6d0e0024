/** The stack of commands without `--stack`. */
export const USUAL_STACK = 'dev';

/** Appended to suggested commands so that they apply to the stack of this process; empty if not needed. */
let suffix = '';

/**
 * Sets the stack of this process, which all suggested commands then name.
 * @param usual The stack of a command without `--stack`: {@link USUAL_STACK}, or the value of PULUMI_STACK.
 */
export function suggestFor(stack: string, usual: string = USUAL_STACK): void {
  suffix = stack === USUAL_STACK && usual === USUAL_STACK ? '' : ` --stack ${stack}`;
}

/**
 * A command to run next, ready to copy: `npm run rollback -- 12 --stack prod`.
 * @param name The script in package.json.
 * @param args The arguments after `--`, quoted for a shell.
 */
export function npmRun(name: string, args = ''): string {
  const all = [args, suffix.trim()].filter(Boolean).join(' ');
  return `npm run ${name}${all === '' ? '' : ` -- ${all}`}`;
}

/** A sequence of commands for a shell, joined by `&&`. Each has the arguments of {@link npmRun}. */
export const npmRunAll = (...commands: readonly (string | readonly [string, string])[]): string =>
  commands.map((command) => (typeof command === 'string' ? npmRun(command) : npmRun(...command))).join(' && ');
