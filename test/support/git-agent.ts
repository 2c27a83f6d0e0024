import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { GitHostSetting } from '../../agent/git/rules.ts';
import type { Step } from '../doubles/claude/script.ts';
import { startGitHost, type GitHost } from '../doubles/git-host/server.ts';
import { Agent } from './agent.ts';
import { gitOutput, Repositories } from './git.ts';

/** The credential of the agent at the host. */
export const GIT_SECRET = 'ghp_the-token-of-the-host';

/** An agent, and a git host that it may use. */
export interface GitAgent extends AsyncDisposable {
  readonly agent: Agent;
  readonly host: GitHost;
  readonly repositories: Repositories;
  /** The repository `acme/shop`, bare. */
  readonly bare: string;
  /** Its URL. */
  readonly url: string;
  /** The id of the commit of a branch there; undefined without. */
  tip(branch: string): Promise<string | undefined>;
}

/** Starts both. The host has `acme/shop`, with one commit on `main`. */
export async function startGitAgent(
  options: {
    readonly files?: Readonly<Record<string, string>>;
    readonly prompts?: Readonly<Record<string, readonly Step[]>>;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly setting?: Partial<GitHostSetting>;
  } = {},
): Promise<GitAgent> {
  await using opened = new AsyncDisposableStack();
  const repositories = opened.use(new Repositories());
  const bare = await repositories.make('acme/shop', options.files);
  const host = opened.use(await startGitHost({ root: repositories.root }));
  host.accounts.set(GIT_SECRET, { repositories: ['acme/shop', 'acme/none'], may: 'write' });
  const agent = opened.use(new Agent({ ...(options.prompts && { prompts: options.prompts }) }));
  const tokenFile = path.join(agent.folder, 'token');
  writeFileSync(tokenFile, `${GIT_SECRET}\n`);
  const setting = { repositories: [`${host.url}/acme/*`], type: 'github', tokenFile, ...options.setting };
  Object.assign(agent.env, {
    AGENT_GIT_HOSTS: JSON.stringify([setting]),
    NODE_EXTRA_CA_CERTS: host.caFile,
    ...options.env,
  });
  await agent.start();
  const held = opened.move();
  return {
    agent,
    host,
    repositories,
    bare,
    url: `${host.url}/acme/shop`,
    tip: (branch) => gitOutput(bare, 'rev-parse', '--verify', `refs/heads/${branch}`).catch(() => undefined),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
