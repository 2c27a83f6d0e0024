import { isRsaKey, isToken, mistakesInGitHosts } from '../../agent/git/rules.ts';
import type { GitHostSetting } from '../../agent/git/rules.ts';
import { isObject } from '../../agent/rule-values.ts';
import { jsonIn } from '../json.ts';
import type { ConfigReader } from './reader.ts';
import { ENCRYPTED } from './value-text.ts';

const ALLOWED =
  'a list of git hosts, such as [{"repositories": ["https://github.com/acme/*"], "type": "github", "tokenFile": "acme"}]';
const FILES = {
  privateKeyFile: { isFit: isRsaKey, words: 'the private RSA key of a GitHub App in PEM' },
  tokenFile: { isFit: isToken, words: 'a token of visible ASCII characters' },
};

/** A list of git hosts. Their files are names of {@link StackConfig.gitCredentials}. */
export type GitHostsConfig = readonly GitHostSetting[];

/**
 * Reads which repositories runs may use. The agent checks the same when it starts.
 * @param credentials the value of gitCredentials, possibly with placeholders; undefined if it is not set.
 */
export function readGitHosts(read: ConfigReader, credentials: string | undefined): GitHostsConfig {
  const known = jsonIn(credentials ?? '{}');
  // Where secrets cannot be decrypted, an empty object stands for all of them.
  const isOpaque = credentials !== undefined && isObject(known) && Object.keys(known).length === 0;
  const mistakesIn = (items: readonly unknown[]) => [
    ...mistakesInGitHosts(items),
    ...(isOpaque || !isObject(known) ? [] : items.flatMap((item, at) => mistakesInFiles(item, `[${at}]`, known))),
  ];
  return read.checkedList('gitHosts', ALLOWED, mistakesIn) as GitHostsConfig;
}

/** The names of the credentials that git hosts use. */
export function credentialsOf(hosts: GitHostsConfig): string[] {
  const names = hosts.flatMap(({ privateKeyFile, tokenFile }) => privateKeyFile ?? tokenFile ?? []);
  return [...new Set(names)];
}

function mistakesInFiles(item: unknown, at: string, known: Readonly<Record<string, unknown>>): string[] {
  if (!isObject(item)) return [];
  return Object.entries(FILES).flatMap(([key, { isFit, words }]) => {
    const name = item[key];
    if (typeof name !== 'string' || name === '') return [];
    const content = Object.hasOwn(known, name) ? known[name] : undefined;
    if (typeof content !== 'string') {
      const names = Object.keys(known).join(', ') || 'none';
      return [`${at}.${key} is ${JSON.stringify(name)}; it must be the name of one of gitCredentials (${names})`];
    }
    return content === ENCRYPTED || isFit(content)
      ? []
      : [`${at}.${key} is ${JSON.stringify(name)}, but this one of gitCredentials (not shown) is not ${words}`];
  });
}
