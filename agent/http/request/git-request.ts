import type { z } from 'zod';
import { AGENT_ENV } from '../../contract.ts';
import type { GitHosts, GitRepository } from '../../git/hosts.ts';
import { branchMistake, refMistake } from '../../git/ref.ts';
import type { GitRequest } from '../api/git.ts';
import type { FieldError } from '../api/problem.ts';
import { describe } from './json-body.ts';

/** An error of the shape of the field `git`. @param value of the whole field. */
export function gitIssue(
  { path: [, ...inside], message, code, ...issue }: z.core.$ZodIssue,
  value: unknown,
): FieldError {
  const field = ['git', ...inside.map(String)].join('.');
  if (code === 'unrecognized_keys') {
    const { keys } = issue as { readonly keys: readonly string[] };
    return { field, message: `\`${field}\` must not have the field ${JSON.stringify(keys[0])}.` };
  }
  const found = inside.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
  // A URL may contain a password.
  const said = field === 'git.url' && typeof found === 'string' ? `a string of ${found.length}` : describe(found);
  return { field, message: `\`${field}\` must be ${message}; it is ${said}.` };
}

/** Checks the field `git` beyond its shape. @param workdir the field of this name. */
export function gitErrors(git: GitRequest | undefined, workdir: unknown, hosts: GitHosts): FieldError[] {
  if (!git) return [];
  const setting = `${AGENT_ENV.gitHosts} (config gitHosts of the stack)`;
  if (hosts.none) {
    const message = `\`git\` must be omitted: this agent has no git hosts. ${setting} lists the allowed repositories.`;
    return [{ field: 'git', message }];
  }
  const { repository, mistake } = hosts.find(git.url);
  return [
    ...(repository ? protectionErrors(git, repository, hosts) : [error('git.url', mistake)]),
    ...(workdir === undefined
      ? []
      : [error('workdir', 'must be omitted with `git`: the run works in the clone of the repository')]),
    ...nameErrors(git),
    ...(repository ? proposalErrors(git, repository, hosts) : []),
    ...pushErrors(git),
  ];
}

/** The default branch is not known yet. */
function protectionErrors({ branch, push }: GitRequest, repository: GitRepository, hosts: GitHosts): FieldError[] {
  return push && branch !== undefined && hosts.isProtected(repository, branch, '')
    ? [error('git.branch', `must be a branch that is not protected; ${describe(branch)} is. Name another one`)]
    : [];
}

function proposalErrors({ pullRequest }: GitRequest, repository: GitRepository, hosts: GitHosts): FieldError[] {
  if (!pullRequest) return [];
  const { title, body = '' } = pullRequest;
  const mistake = hosts.pullRequestMistake(repository, { title, body });
  return mistake === undefined ? [] : [error('git.pullRequest', mistake)];
}

function nameErrors({ ref, branch, pullRequest }: GitRequest): FieldError[] {
  const names = { 'git.ref': ref, 'git.branch': branch, 'git.pullRequest.base': pullRequest?.base };
  return Object.entries(names).flatMap(([field, name]) => {
    if (name === undefined) return [];
    const mistake = field === 'git.ref' ? refMistake(name) : branchMistake(name);
    return mistake === undefined ? [] : [error(field, `${mistake}; it is ${describe(name)}`)];
  });
}

function pushErrors({ push, commit, branch, pullRequest }: GitRequest): FieldError[] {
  const fields = { 'git.commit': commit, 'git.pullRequest': pullRequest };
  const withoutPush = push
    ? []
    : Object.entries(fields).flatMap(([field, asked]) => (asked ? [error(field, 'needs `git.push: true`')] : []));
  const isSame = pullRequest?.base !== undefined && pullRequest.base === branch;
  return [
    ...withoutPush,
    ...(isSame ? [error('git.pullRequest.base', 'must be another branch than `git.branch`')] : []),
  ];
}

const error = (field: string, mistake: string): FieldError => ({ field, message: `\`${field}\` ${mistake}.` });
