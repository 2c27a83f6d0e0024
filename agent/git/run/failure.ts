import { GitError, type GitErrorKind } from '../errors.ts';
import type { GitAccess } from '../hosts.ts';

const SHOWN_CHARS = 500;

/** What git says, where the host does not tell more. */
const SAID: readonly (readonly [pattern: RegExp, kind: GitErrorKind, what: string])[] = [
  [
    /Remote branch .* not found|couldn't find remote ref|not our ref|unadvertised object|no matching remote head/i,
    'unknownRef',
    'The repository has no such branch, tag or commit. Check `git.ref`.',
  ],
  [
    /protected branch|GH006|GH013|TF402455/i,
    'protected',
    'The host does not allow a push to this branch. Name another `git.branch`.',
  ],
  [
    /non-fast-forward|fetch first|stale info|cannot lock ref|incorrect old value|reference already exists|failed to update ref/i,
    'conflict',
    'The branch of the host has changed meanwhile, and nothing is pushed by force. Send the run again: it starts from the branch as it is now.',
  ],
  [/exceeds maximum allowed size|pack exceeds/i, 'tooLarge', 'There is more data than the agent takes.'],
  [
    /Permission denied|returned error: 403|not permitted|TF401027/i,
    'forbidden',
    'The credential of the agent lacks a right for this.',
  ],
  [
    /Could not resolve host|Failed to connect|Connection (refused|reset)|timed out|early EOF|hung up|The requested URL returned error: 5/i,
    'hostDown',
    'The host of the repository cannot be reached. Send the run again later.',
  ],
];

/**
 * Why git failed: what the host said to the proxy, or else what git says itself.
 * @param access with which it asked the host; undefined if it did not.
 */
export function gitFailure(command: string, stderr: string, access?: Pick<GitAccess, 'failure'>): GitError {
  if (access?.failure) return access.failure;
  const shown = stderr.slice(-SHOWN_CHARS);
  const [, kind = 'refused', what = ''] = SAID.find(([pattern]) => pattern.test(stderr)) ?? [];
  const begin = what === '' ? '' : `${what} `;
  return new GitError(kind, `${begin}${command} failed: ${shown === '' ? 'it said nothing' : shown}`);
}
