import type { GitAddress } from './address.ts';

/** A repository of Azure DevOps. */
export interface AzureRepository {
  /** The path of the organization or collection, empty for `*.visualstudio.com`. */
  readonly collection: readonly string[];
  readonly project: string;
  readonly name: string;
}

/**
 * The parts of an address: `organization/project/_git/name`, or `organization/_git/name` for the repository that has the name of
 * its project. The organization is in the host for `*.visualstudio.com`, and Azure DevOps Server has a longer path.
 * @returns undefined if it is no such address.
 */
export function azureRepository({ host, path }: GitAddress): AzureRepository | undefined {
  const [marker, name] = path.slice(-2);
  if (marker !== '_git' || name === undefined) return undefined;
  const before = path.slice(0, -2);
  const organizationParts = host.endsWith('.visualstudio.com') ? 0 : 1;
  if (before.length < organizationParts) return undefined;
  const hasProject = before.length > organizationParts;
  return {
    collection: hasProject ? before.slice(0, -1) : before,
    project: hasProject ? (before.at(-1) ?? name) : name,
    name,
  };
}
