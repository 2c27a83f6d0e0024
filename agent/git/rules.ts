/**
 * What the list of git hosts may look like, for the agent and the stack.
 * @module
 */

/** What a host offers besides git. GitHub Enterprise is `github`; `plain` has no pull requests. */
export const GIT_HOST_TYPES = ['github', 'azureDevOps', 'plain'] as const;

/** One of {@link GIT_HOST_TYPES}. */
export type GitHostType = (typeof GIT_HOST_TYPES)[number];
