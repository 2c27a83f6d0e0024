import type { Recorded } from '../../stack/plan/record.ts';

/** A resource whose inputs are checked. */
export type Resource = Pick<Recorded, 'type' | 'name' | 'inputs' | 'isProtected'>;

/** A security rule that every resource must follow. */
export interface Rule {
  /** The requirement, as a sentence. */
  readonly must: string;
  /** What is wrong with a resource; empty if the rule does not apply to it. */
  readonly check: (resource: Resource, all: readonly Resource[]) => readonly string[];
}

/** What breaks a rule. */
export interface Violation {
  readonly must: string;
  readonly resource: string;
  readonly wrong: string;
}

/** Checks every resource against every rule. */
export function violationsOf(rules: readonly Rule[], resources: readonly Resource[]): Violation[] {
  return rules.flatMap(({ must, check }) =>
    resources.flatMap((resource) =>
      check(resource, resources).map((wrong) => ({ must, resource: `${resource.type} ${resource.name}`, wrong })),
    ),
  );
}

/** `wrong` as a list if `isWrong`. */
export const when = (isWrong: boolean, wrong: string): string[] => (isWrong ? [wrong] : []);
