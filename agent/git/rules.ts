/**
 * What the list of git hosts may look like, for the agent and the stack.
 * @module
 */
import { createPrivateKey } from 'node:crypto';
import { isObject, mistakesInList, shown } from '../rule-values.ts';
import { parseAddress, type GitAddress } from './address.ts';
import { azureRepository } from './azure-path.ts';

/** What a host offers besides git. GitHub Enterprise is `github`; `plain` has no pull requests. */
export const GIT_HOST_TYPES = ['github', 'azureDevOps', 'plain'] as const;

/** One of {@link GIT_HOST_TYPES}. */
export type GitHostType = (typeof GIT_HOST_TYPES)[number];

/** Whether upper and lower case in the path of a repository make another one. GitHub and Azure DevOps ignore case. */
export function isCaseSensitive(type: GitHostType): boolean {
  return type === 'plain';
}

/** Author or committer of a commit. */
export interface GitIdentity {
  readonly name: string;
  readonly email: string;
}

/** An entry of the list of git hosts: repositories of one host, and the credential for them. */
export interface GitHostSetting {
  /** URLs of repositories, in which `*` means any characters of one part of the path. All have the same host. */
  readonly repositories: readonly string[];
  readonly type: GitHostType;
  /** The id or client id of a GitHub App, with its private key in PEM in a file. */
  readonly appId?: string | number;
  readonly privateKeyFile?: string;
  /** A file with a token, instead of a GitHub App. With neither, there is no credential. */
  readonly tokenFile?: string;
  /** The user that a host of type `plain` wants with the token; default `git`. */
  readonly username?: string;
  /** Branches that are never pushed to, besides the default branch: names, with `*`. Default: `main` and `master`. */
  readonly protectedBranches?: readonly string[];
  /** Author and committer of commits. */
  readonly author?: GitIdentity;
}

/** How many entries there may be, and how many patterns in each. */
const MAX_ENTRIES = 50;
const MAX_PATTERNS = 100;
const KEYS = [
  'repositories',
  'type',
  'appId',
  'privateKeyFile',
  'tokenFile',
  'username',
  'protectedBranches',
  'author',
];
/** What git removes from a name or an address, or what would end it. */
const NOT_IN_IDENTITY = /[<>\p{Cc}]/u;
const EMAIL = /^[^\s@<>]+@[^\s@<>]+$/u;
const BRANCH_PATTERN = /^(?!-)[^\s~^:?[\\]{1,250}$/u;

/** What a list of git hosts looks like. */
export const GIT_HOSTS_ALLOWED =
  'a list of git hosts, such as [{"repositories": ["https://github.com/acme/*"], "type": "github", "tokenFile": "/path"}]';

type Entry = Readonly<Record<string, unknown>>;

/** Everything that is wrong with a list of git hosts, a clause each that begins with the place. */
export function mistakesInGitHosts(value: unknown): string[] {
  return mistakesInList(value, { allowed: GIT_HOSTS_ALLOWED, most: MAX_ENTRIES, keys: KEYS }, mistakesInEntry);
}

function mistakesInEntry(entry: Entry, at: string): string[] {
  const { type, protectedBranches = [], author } = entry;
  const types: readonly unknown[] = GIT_HOST_TYPES;
  const isBranchList = Array.isArray(protectedBranches) && protectedBranches.every(isBranchPattern);
  return [
    ...(types.includes(type)
      ? mistakesInRepositories(entry['repositories'], type as GitHostType, `${at}.repositories`)
      : [`${at}.type is ${shown(type)}; it must be one of ${GIT_HOST_TYPES.join(', ')}`]),
    ...mistakesInCredential(entry, at),
    ...(isBranchList
      ? []
      : [`${at}.protectedBranches is ${shown(protectedBranches)}; it must be a list of branches, such as release/*`]),
    ...(author === undefined || isIdentity(author)
      ? []
      : [
          `${at}.author is ${shown(author)}; it must have a name and an email, both without '<', '>' and control characters`,
        ]),
    ...Object.keys(entry)
      .filter((key) => !KEYS.includes(key))
      .map((key) => `${at}.${key} is unknown; a git host has ${KEYS.join(', ')}`),
  ];
}

function mistakesInRepositories(value: unknown, type: GitHostType, at: string): string[] {
  const patterns: readonly unknown[] = Array.isArray(value) ? value : [];
  if (patterns.length === 0 || patterns.length > MAX_PATTERNS) {
    return [
      `${at} is ${shown(value)}; it must be a list of 1 to ${MAX_PATTERNS} patterns, such as https://github.com/acme/*`,
    ];
  }
  const hosts = new Set<string>();
  const mistakes = patterns.flatMap((pattern, i) => {
    const { address, mistake } =
      typeof pattern === 'string' ? parseAddress(pattern) : { mistake: 'must be a URL', address: undefined };
    if (address) hosts.add(address.host);
    const wrong = mistake ?? (address.host.includes('*') ? "must have a host without '*'" : pathMistake(address, type));
    return wrong === undefined ? [] : [`${at}[${i}] is ${withoutUser(pattern)}; it ${wrong}`];
  });
  return hosts.size > 1
    ? [...mistakes, `${at} has ${[...hosts].join(' and ')}; a credential is for one host, so make an entry for each`]
    : mistakes;
}

/** A pattern in a message. What is before an `@` may be a password. */
const withoutUser = (pattern: unknown) =>
  shown(typeof pattern === 'string' ? pattern.replace(/^.*@/su, '…@') : pattern);

/** Why an address or a pattern is that of no repository of a type of host, as the end of a sentence. */
export function pathMistake(address: GitAddress, type: GitHostType): string | undefined {
  if (type === 'github' && address.path.length !== 2) {
    return 'must have the owner and the name of a repository, such as https://github.com/acme/shop';
  }
  if (type === 'azureDevOps' && !azureRepository(address)) {
    return 'must have organization, project and repository, such as https://dev.azure.com/acme/web/_git/shop';
  }
  return undefined;
}

function mistakesInCredential(entry: Entry, at: string): string[] {
  const { type, appId, privateKeyFile, tokenFile, username } = entry;
  const isId = appId === undefined || (typeof appId === 'string' ? /^[\w.-]{1,100}$/u.test(appId) : isWhole(appId));
  const hasApp = appId !== undefined || privateKeyFile !== undefined;
  return [
    ...(isId ? [] : [`${at}.appId is ${shown(appId)}; it must be the id or the client id of a GitHub App`]),
    ...Object.entries({ privateKeyFile, tokenFile }).flatMap(([key, file]) =>
      file === undefined || (typeof file === 'string' && file !== '')
        ? []
        : [`${at}.${key} is ${shown(file)}; it must be the path of a file`],
    ),
    ...((appId === undefined) === (privateKeyFile === undefined)
      ? []
      : [`${at} has only one of appId and privateKeyFile; a GitHub App needs both`]),
    ...(hasApp && type !== 'github' ? [`${at}.appId is for type github only; use tokenFile`] : []),
    ...(hasApp && tokenFile !== undefined ? [`${at} has a GitHub App and a tokenFile; remove one of them`] : []),
    ...(username === undefined ||
    (type === 'plain' && typeof username === 'string' && /^[\x21-\x39\x3b-\x7e]{1,100}$/u.test(username))
      ? []
      : [`${at}.username is ${shown(username)}; it is for type plain only, and must be visible ASCII without ':'`]),
  ];
}

const isWhole = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
const isBranchPattern = (value: unknown) => typeof value === 'string' && BRANCH_PATTERN.test(value);

function isIdentity(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { name, email, ...others } = value;
  const isText = (text: unknown): text is string =>
    typeof text === 'string' && text.trim() !== '' && text.length <= 200 && !NOT_IN_IDENTITY.test(text);
  return isText(name) && isText(email) && EMAIL.test(email) && Object.keys(others).length === 0;
}

/** Whether the content of a file is a private RSA key in PEM. */
export function isRsaKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}

/** Whether the content of a file is a token, with white space around it. */
export function isToken(content: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/u.test(content.trim());
}
