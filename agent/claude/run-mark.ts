import { createHash } from 'node:crypto';

/** The environment variable that names the run of a process: `<instance>/<run id>`. Children inherit it. */
export const RUN_MARK = 'CLAUDE_AGENT_RUN';

const DIGITS = 9;
/** How many digits the lock limit of a run's processes has. */
export const LOCK_LIMIT_DIGITS = 2 * DIGITS;

/**
 * The limit on file locks that marks the processes of a run, as decimal digits: nine for the instance, nine for the run.
 *
 * Linux has not enforced RLIMIT_LOCKS since 2.4, keeps it across fork, exec and setsid whatever becomes of the
 * environment, and lets a process without CAP_SYS_RESOURCE lower a hard limit but never raise it (getrlimit(2)).
 * @param mark a value of {@link RUN_MARK}, or `<instance>/` for the digits that all runs of an instance begin with.
 */
export function lockLimitOf(mark: string): string {
  const [instance = '', run = ''] = mark.split('/');
  return run === '' ? digitsOf(instance) : digitsOf(instance) + digitsOf(run);
}

/**
 * What to start in place of `file`, so that the process and all its descendants have the lock limit of the run. The shell
 * that sets the limit becomes `file`. Where it cannot be set (a kernel without it, an agent that has a lower one) the
 * process starts without.
 */
export function withLockLimit(file: string, args: readonly string[], mark: string): [string, readonly string[]] {
  if (process.platform !== 'linux') return [file, args];
  // The option is -w in dash and BusyBox, -x in bash, zsh and ksh.
  const script = '{ ulimit -w "$0" || ulimit -x "$0"; } >/dev/null 2>&1; exec "$@"';
  return ['/bin/sh', ['-c', script, lockLimitOf(mark), file, ...args]];
}

/** Nine digits, the first of which is not 0. */
function digitsOf(text: string): string {
  const number = createHash('sha256').update(text).digest().readUIntBE(0, 6);
  return String(10 ** (DIGITS - 1) + (number % (9 * 10 ** (DIGITS - 1))));
}
