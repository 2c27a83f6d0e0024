import type { Settings } from './settings.ts';

/** The code of what only some agents do; undefined for what the settings leave off. */
export interface Features {
  readonly git: typeof import('./compose-git.ts') | undefined;
  readonly runners: typeof import('./compose-runners.ts') | undefined;
  readonly tracing: typeof import('./compose-tracing.ts') | undefined;
}

/** Loads what the settings turn on. What is off costs neither time at the start nor memory. */
export async function loadFeatures({ gitHosts, runners, tracing }: Settings): Promise<Features> {
  return {
    git: gitHosts.length > 0 ? await import('./compose-git.ts') : undefined,
    runners: runners && (await import('./compose-runners.ts')),
    tracing: tracing && (await import('./compose-tracing.ts')),
  };
}
