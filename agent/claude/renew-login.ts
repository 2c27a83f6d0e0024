import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const LONGEST_MS = 30_000;

/**
 * Has the CLI renew its login by `claude auth status`: it renews a login that ends within five minutes, and sends no prompt.
 * @param environment its whole environment; it says where the login is.
 * @returns when the CLI has ended; only the login file tells whether it is new.
 * @throws if the CLI cannot be started or takes longer than half a minute. Its output is not part of the error.
 */
export async function renewLogin(claudePath: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const started = promisify(execFile)(claudePath, ['auth', 'status'], {
    env: environment,
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  started.child.stdin?.end();
  await started.catch((error: unknown) => {
    const { code, killed = false } = error as { readonly code?: string | number; readonly killed?: boolean };
    // Without a login the CLI ends with another exit code than 0.
    if (typeof code === 'number') return;
    throw new Error(killed ? 'claude auth status took too long' : `claude cannot be started: ${code ?? 'unknown'}`);
  });
}
