import { z } from 'zod';
import { component, type Sent } from './component.ts';

const TITLE_CHARS = 256;
/** GitHub takes 65,536 characters, Azure DevOps 4,000, to which the agent cuts. */
const BODY_CHARS = 60_000;

const object = 'an object with the `url` of a repository';
const url = 'the https URL of a repository, such as "https://github.com/acme/shop"';
const name = 'the name of a branch or a tag, or the full id of a commit';
const branch = 'the name of a branch';
const flag = 'true or false';
const pullRequest = 'an object with the `title` of a pull request';
const title = `a string of 1 to ${TITLE_CHARS} characters in one line`;
const body = `a string of at most ${BODY_CHARS} characters`;

const shape = {
  url: z
    .string(url)
    .max(2048, url)
    .meta({ description: 'The repository. The agent must allow it.', examples: ['https://github.com/acme/shop'] }),
  ref: z
    .string(name)
    .describe('The branch, tag or full commit id to start from. Default: the default branch.')
    .optional(),
  branch: z
    .string(branch)
    .describe(
      'The branch that Claude works on. If the host has it, the run starts from it, otherwise it is new. Default: `claude/` and the first part of the id of the run.',
    )
    .optional(),
  push: z
    .boolean(flag)
    .describe('Whether the agent pushes the commits of the branch when the run has succeeded. Never by force.')
    .optional(),
  commit: z
    .boolean(flag)
    .describe('With `push`: whether the agent commits what Claude changed and did not commit.')
    .optional(),
  trustRepository: z
    .boolean(flag)
    .describe(
      'Whether Claude gets the `CLAUDE.md` of the repository with the prompt. Hooks, settings and `.mcp.json` of a repository never count.',
    )
    .optional(),
};

const pullRequestShape = {
  title: z
    .string(title)
    .min(1, title)
    .max(TITLE_CHARS, title)
    .regex(/^\P{Cc}*$/u, title)
    .regex(/\S/, title),
  base: z
    .string(branch)
    .describe('The branch that is to get the changes. Default: `ref` if it is a branch, otherwise the default branch.')
    .optional(),
  draft: z.boolean(flag).optional(),
};

/** The field `git` of a run: the repository that it works on. */
export const gitRequest = component(
  'GitRequest',
  z.strictObject(
    {
      ...shape,
      pullRequest: z
        .strictObject(
          {
            ...pullRequestShape,
            body: z.string(body).max(BODY_CHARS, body).describe("Default: Claude's answer.").optional(),
          },
          pullRequest,
        )
        .describe('With `push`: the pull request to open. If one of the same branches is open, it stays as it is.')
        .optional(),
    },
    object,
  ),
);

/** The same in the record of a run. */
export const gitEcho = z.object({ ...shape, pullRequest: z.object(pullRequestShape).optional() });

const count = z.int().min(0);

/** What became of the repository of a run. */
export const gitResult = component(
  'GitResult',
  z.object({
    url: z.string().describe('The repository.'),
    ref: z.string().describe('The branch, tag or commit that the request named, or the default branch.'),
    base: z.string().describe('The id of the commit that the run started from.').optional(),
    branch: z.string().describe('The branch that Claude worked on.'),
    commit: z.string().describe('The id of the last commit of the run.').optional(),
    ahead: count.describe('How many commits the run added.').optional(),
    diffStat: z
      .object({ files: count, insertions: count, deletions: count })
      .describe('What these commits change in total; binary files count no lines.')
      .optional(),
    pushed: z.boolean().describe('Whether the host has the commits.'),
    branchUrl: z
      .string()
      .describe('The branch for a browser, if it was pushed. Hosts of type plain have none.')
      .optional(),
    pullRequestUrl: z.string().describe('The pull request, if one was asked for.').optional(),
  }),
);

/** The repository that a run works on, checked. */
export type GitRequest = Sent<typeof gitRequest>;
/** What became of it. */
export type GitResult = Sent<typeof gitResult>;

/** The response of `POST /git/check`. */
export const gitCheck = component(
  'GitCheck',
  z.object({
    hosts: z
      .array(
        component(
          'GitHost',
          z.object({
            name: z.string().describe('The first of its `repositories`.'),
            ok: z.boolean().describe('Whether it was reached and took the credential.'),
            detail: z.string().describe('A sentence; with what to do if `ok` is false.'),
          }),
        ),
      )
      .describe('In the order of the configuration.'),
  }),
);

export type GitCheck = Sent<typeof gitCheck>;
