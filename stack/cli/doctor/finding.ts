/** The result of a check. */
export interface Finding {
  /** `skipped`: not configured, or another check has to pass first. */
  readonly state: 'ok' | 'broken' | 'skipped';
  /** At most a sentence; never contains a secret. */
  readonly detail: string;
  /** The command to run next, or what to do; only for `broken`. */
  readonly next?: string;
}

/** A check of one part of the system. */
export interface Check {
  readonly name: string;
  /** Names of the checks that have to pass before this one. */
  readonly needs?: readonly string[];
  /** Evaluated right before the check; if false, the check is left out of the findings. */
  readonly when?: () => boolean;
  readonly look: () => Promise<Finding>;
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail });
export const broken = (detail: string, next: string): Finding => ({ state: 'broken', detail, next });
export const skipped = (detail: string): Finding => ({ state: 'skipped', detail });

/** A finding with the name of its check. */
export interface Named extends Finding {
  readonly check: string;
}

/**
 * Runs the checks one after the other. A check is skipped if one that it needs did not pass. A check that throws is
 * reported as broken, and the others still run.
 */
export async function* examine(checks: readonly Check[]): AsyncGenerator<Named> {
  const states = new Map<string, Finding['state']>();
  for (const { name, needs = [], when, look } of checks) {
    if (when?.() === false) continue;
    const missing = needs.find((other) => states.get(other) !== 'ok');
    const finding = missing === undefined ? await lookedAt(look) : skipped(`not checked: ${missing} has to pass first`);
    states.set(name, finding.state);
    yield { check: name, ...finding };
  }
}

async function lookedAt(look: Check['look']): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return broken(`the check failed: ${(error as Error).message}`, 'check it by hand: docs/troubleshooting.md');
  }
}
