import type { GitHosts } from './hosts.ts';

/** The hosts of an agent that has none configured. */
export const NO_GIT_HOSTS: GitHosts = {
  none: true,
  find: () => ({ mistake: 'is not allowed: AGENT_GIT_HOSTS is not set' }),
  check: () => Promise.resolve([]),
  isProtected: neverFound,
  accessForRun: neverFound,
  accessForAgent: neverFound,
  pullRequestMistake: neverFound,
  openPullRequest: neverFound,
  openMissingPullRequest: neverFound,
};

/** These take a repository that {@link GitHosts.find} has found. */
function neverFound(): never {
  throw new Error('There are no git hosts.');
}
