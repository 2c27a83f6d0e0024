import type { Recorded } from '../../stack/plan/record.ts';

/** A resource of which the inputs are looked at. */
export type Resource = Pick<Recorded, 'type' | 'name' | 'inputs' | 'isProtected'>;

/** A rule of security that every resource is held to. */
export interface Rule {
  /** What must be, as a sentence. */
  readonly must: string;
  /** What is wrong with a resource; nothing where the rule is not about it. */
  readonly check: (resource: Resource, all: readonly Resource[]) => readonly string[];
}

/** What breaks a rule. */
export interface Violation {
  readonly must: string;
  readonly resource: string;
  readonly wrong: string;
}

/** Holds every resource to every rule. */
export function violationsOf(rules: readonly Rule[], resources: readonly Resource[]): Violation[] {
  return rules.flatMap(({ must, check }) =>
    resources.flatMap((resource) =>
      check(resource, resources).map((wrong) => ({ must, resource: `${resource.type} ${resource.name}`, wrong })),
    ),
  );
}

/** `wrong` as a list where `isWrong`. */
export const when = (isWrong: boolean, wrong: string): string[] => (isWrong ? [wrong] : []);
