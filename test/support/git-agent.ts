import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { GitHostSetting } from '../../agent/git/rules.ts';
import type { Step } from '../doubles/claude/script.ts';
import { startGitHost, type GitHost } from '../doubles/git-host/server.ts';
import { Agent } from './agent.ts';
import { gitOutput, Repositories } from './git.ts';

/** The credential of the agent at the host. */
export const GIT_SECRET = 'ghp_the-token-of-the-host';

/** A git host with one repository, and the settings of an agent that may use it. */
export interface Shop extends AsyncDisposable {
  readonly host: GitHost;
  readonly repositories: Repositories;
  /** The repository `acme/shop`, bare. */
  readonly bare: string;
  /** Its URL. */
  readonly url: string;
  /** The environment variables of the agent. */
  readonly env: Readonly<Record<string, string>>;
  /** The id of the commit of a branch there; undefined without. */
  tip(branch: string): Promise<string | undefined>;
}

/** An agent, and a git host that it may use. */
export interface GitAgent extends Shop {
  readonly agent: Agent;
}

interface ShopOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly setting?: Partial<GitHostSetting>;
}

/**
 * Starts a git host. It has `acme/shop` of GitHub, with one commit on `main`, and the agent may use repositories of Azure DevOps there.
 */
export async function startShop({ files, setting: more }: ShopOptions = {}): Promise<Shop> {
  await using opened = new AsyncDisposableStack();
  const repositories = opened.use(new Repositories());
  const bare = await repositories.make('acme/shop', files);
  const host = opened.use(await startGitHost({ root: repositories.root }));
  host.accounts.set(GIT_SECRET, { repositories: ['acme/shop', 'acme/none'], may: 'write' });
  const tokenFile = path.join(repositories.root, 'token');
  writeFileSync(tokenFile, `${GIT_SECRET}\n`);
  const settings = [
    { repositories: [`${host.url}/acme/*`], type: 'github', tokenFile, ...more },
    { repositories: [`${host.url}/acme/*/_git/*`], type: 'azureDevOps', tokenFile },
  ];
  const held = opened.move();
  return {
    host,
    repositories,
    bare,
    url: `${host.url}/acme/shop`,
    env: { AGENT_GIT_HOSTS: JSON.stringify(settings), NODE_EXTRA_CA_CERTS: host.caFile },
    tip: (branch) => gitOutput(bare, 'rev-parse', '--verify', `refs/heads/${branch}`).catch(() => undefined),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Starts both. */
export async function startGitAgent(
  options: ShopOptions & {
    readonly prompts?: Readonly<Record<string, readonly Step[]>>;
    readonly env?: Readonly<Record<string, string | undefined>>;
  } = {},
): Promise<GitAgent> {
  await using opened = new AsyncDisposableStack();
  const shop = opened.use(await startShop(options));
  const { prompts } = options;
  const agent = opened.use(new Agent({ env: { ...shop.env, ...options.env }, ...(prompts && { prompts }) }));
  await agent.start();
  const held = opened.move();
  return { ...shop, agent, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Makes the host answer what the agent asks it before the clone, and nothing of the clone's own. Its `failures` are empty then. */
export function holdTheClone({ host }: Shop): void {
  const path = '/info/refs?service=git-upload-pack';
  host.failures.push({ path, status: 200, after: true }, { path, status: 200, silent: true });
}
