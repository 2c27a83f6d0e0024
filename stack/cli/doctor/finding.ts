/** What a look at one part found. */
export interface Finding {
  /** `skipped`: not configured, or nothing can be seen before something else is mended. */
  readonly state: 'ok' | 'broken' | 'skipped';
  /** A sentence or less; never a secret. */
  readonly detail: string;
  /** The command to run next, or what to do; with `broken` only. */
  readonly next?: string;
}

/** A look at one part of the system. */
export interface Check {
  readonly name: string;
  /** Names of checks without which this one can see nothing. */
  readonly needs?: readonly string[];
  /** Asked when its turn comes; where it is false, nobody hears of this check. */
  readonly when?: () => boolean;
  readonly look: () => Promise<Finding>;
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail });
export const broken = (detail: string, next: string): Finding => ({ state: 'broken', detail, next });
export const skipped = (detail: string): Finding => ({ state: 'skipped', detail });

/** A finding and what it is of. */
export interface Named extends Finding {
  readonly check: string;
}

/**
 * Looks at one after the other; what can see nothing is skipped, and says what it waits for. A look that fails in a way
 * that nobody foresaw is a finding too: the others go on.
 */
export async function* examine(checks: readonly Check[]): AsyncGenerator<Named> {
  const states = new Map<string, Finding['state']>();
  for (const { name, needs = [], when, look } of checks) {
    if (when?.() === false) continue;
    const missing = needs.find((other) => states.get(other) !== 'ok');
    const finding = missing === undefined ? await lookedAt(look) : skipped(`can't be seen before ${missing} is well`);
    states.set(name, finding.state);
    yield { check: name, ...finding };
  }
}

async function lookedAt(look: Check['look']): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return broken(`it can't be looked at: ${(error as Error).message}`, 'look by hand: docs/troubleshooting.md');
  }
}
