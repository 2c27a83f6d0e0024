import type { Handler } from 'hono';
import type { GitHosts } from '../../git/hosts.ts';
import type { GitCheck } from '../api/git.ts';

const TIMEOUT_MS = 20_000;

/** `POST /git/check`: whether the git hosts take their credentials. Responds with 200 whatever they answer. */
export function checkGit(hosts: GitHosts): Handler {
  return async (c) => {
    const signal = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    return c.json({ hosts: await hosts.check(signal) } satisfies GitCheck);
  };
}
