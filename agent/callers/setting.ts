import { z } from 'zod';
import { AGENT_ENV, OPERATOR } from '../contract.ts';
import { jsonOf } from '../json.ts';
import { CALLERS_ALLOWED, mistakesInCallers, type CallerSetting } from './rules.ts';

/** The setting with the callers, as JSON. What an issue says completes "it must be". */
export const callersSetting = z
  .string()
  .default('[]')
  .transform((text, context): readonly CallerSetting[] => {
    const value = jsonOf(text);
    const mistakes = mistakesInCallers(value);
    if (mistakes.length === 0) {
      return (value as CallerSetting[]).map((each) => ({
        ...each,
        sha256: each.sha256.map((hash) => hash.toLowerCase()),
      }));
    }
    const details = Array.isArray(value) ? `; in it: ${mistakes.join('; ')}` : '';
    context.addIssue(`${CALLERS_ALLOWED}${details}`);
    return z.NEVER;
  });

/**
 * Hashes that belong to two callers, one of which has a setting of its own; a sentence for each.
 * @param given SHA-256 in hex of the API tokens and of the watchdog's token, as far as they are set.
 */
export function sharedHashes(
  callers: readonly CallerSetting[],
  { operator, watchdog }: { readonly operator: readonly string[]; readonly watchdog: string | undefined },
): string[] {
  const twice = (names: string) => `${names} have the same token. Make one of their own for each.`;
  const owner = (hash: string) => callers.find(({ sha256 }) => sha256.includes(hash));
  const clash = (hash: string, whose: string) => {
    const caller = owner(hash);
    return caller ? [`${AGENT_ENV.callers}: ${twice(`${caller.name} and ${whose}`)}`] : [];
  };
  return [
    ...operator.flatMap((hash) => clash(hash, OPERATOR)),
    ...(watchdog === undefined ? [] : clash(watchdog, 'the watchdog')),
    ...(watchdog !== undefined && operator.includes(watchdog)
      ? [`${AGENT_ENV.watchdogTokenSha256}: ${twice(`${OPERATOR} and the watchdog`)}`]
      : []),
    ...(new Set(operator).size < operator.length
      ? [`${AGENT_ENV.earlierTokenSha256} is the hash of the current API token. Remove it.`]
      : []),
  ];
}
