import { readFile } from 'node:fs/promises';
import { GitError } from './errors.ts';
import type { GitRepository } from './hosts.ts';
import { isToken } from './rules.ts';

/** The credential for the repositories of an entry of the configuration. */
export interface GitCredential {
  /**
   * A token that is valid now; a secret. Undefined if none is configured.
   * @throws {GitError} if there is no valid one.
   */
  token(repository: GitRepository): Promise<string | undefined>;
  /** Call when the host refused a token, so that the next one is another one if the agent can make one. */
  refused(token: string): void;
}

/** Nothing is sent. */
export const NO_CREDENTIAL: GitCredential = {
  token: () => Promise.resolve(undefined),
  refused: () => undefined,
};

/** A token in a file, which is read for each request: a rotated one needs no restart. */
export function fileCredential(file: string): GitCredential {
  return {
    async token() {
      const content = await readFile(file, 'utf8').catch((cause: unknown) => {
        const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
        throw new GitError('credential', `The token in ${file} cannot be read (${code}).`, {
          cause,
        });
      });
      if (!isToken(content)) throw new GitError('credential', `${file} has no token of visible ASCII characters.`);
      return content.trim();
    },
    refused: () => undefined,
  };
}

/** The `Authorization` header for git: hosts take a token as the password of a user. */
export function basic(username: string, token: string): string {
  return `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`;
}
