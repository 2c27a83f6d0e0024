import { proxyPath } from './proxy.ts';
import type { GitRepository } from './hosts.ts';

/**
 * Variables that make `git` reach a repository through a proxy alone, whatever the machine's configuration says.
 * @param proxyUrl without a path.
 * @param token for the proxy.
 */
export function proxiedGit(repository: GitRepository, proxyUrl: string, token: string): Record<string, string> {
  const config: readonly (readonly [key: string, value: string])[] = [
    [`url.${proxyUrl}${proxyPath(repository)}.insteadOf`, repository.url],
    [`http.${proxyUrl}/.extraHeader`, `Authorization: Bearer ${token}`],
    [`http.${proxyUrl}/.proxy`, ''],
    [`http.${proxyUrl}/.followRedirects`, 'false'],
    [`credential.${proxyUrl}.helper`, ''],
  ];
  return {
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${i}`, key],
        [`GIT_CONFIG_VALUE_${i}`, value],
      ]),
    ),
  };
}
