import { createHash } from 'node:crypto';

/** The environment variable that identifies the run of a process: `<instance>/<run id>`. Children inherit it. */
export const RUN_MARK = 'CLAUDE_AGENT_RUN';

const DIGITS = 9;
/** The number of digits of the lock limit of a run's processes. */
export const LOCK_LIMIT_DIGITS = 2 * DIGITS;

/**
 * The limit on file locks that marks the processes of a run, as decimal digits: nine for the instance, nine for the run.
 *
 * Linux has not enforced RLIMIT_LOCKS since 2.4. It keeps the limit across fork, exec and setsid, even if the environment
 * is cleared. A process without CAP_SYS_RESOURCE can lower a hard limit but never raise it (getrlimit(2)).
 * @param mark a value of {@link RUN_MARK}, or `<instance>/` for the leading digits that all runs of an instance share.
 */
export function lockLimitOf(mark: string): string {
  const [instance = '', run = ''] = mark.split('/');
  return run === '' ? digitsOf(instance) : digitsOf(instance) + digitsOf(run);
}

/**
 * What to start instead of `file`, so that the process and all its descendants have the lock limit of the run. A shell sets
 * the limit and then becomes `file`. If the limit cannot be set (the kernel lacks it, or the agent has a lower one), the
 * process starts without it.
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
