import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { jsonOf } from '../json.ts';
import { GIT_HOSTS_ALLOWED, isRsaKey, isToken, mistakesInGitHosts, type GitHostSetting } from './rules.ts';

/** The setting with the git hosts, as JSON. What an issue says completes "it must be". */
export const gitHostsSetting = z
  .string()
  .default('[]')
  .transform((text, context): readonly GitHostSetting[] => {
    const value = jsonOf(text);
    const mistakes = mistakesInGitHosts(value);
    const entries = mistakes.length === 0 ? (value as GitHostSetting[]) : [];
    mistakes.push(...entries.flatMap(mistakesInFiles));
    if (mistakes.length === 0) return entries;
    const details = Array.isArray(value) ? `; in it: ${mistakes.join('; ')}` : '';
    context.addIssue(`${GIT_HOSTS_ALLOWED}${details}`);
    return z.NEVER;
  });

function mistakesInFiles({ privateKeyFile, tokenFile }: GitHostSetting, at: number): string[] {
  const file = (key: string, name: string | undefined, what: string, check: (content: string) => boolean) =>
    name === undefined || holds(name, check) ? [] : [`[${at}].${key} is ${JSON.stringify(name)}; it must be ${what}`];
  return [
    ...file('privateKeyFile', privateKeyFile, 'a file with the private RSA key of a GitHub App in PEM', isRsaKey),
    ...file('tokenFile', tokenFile, 'a file with a token of visible ASCII characters', isToken),
  ];
}

/** Whether a file can be read and has what it should. */
function holds(file: string, check: (content: string) => boolean): boolean {
  try {
    return check(readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
}
