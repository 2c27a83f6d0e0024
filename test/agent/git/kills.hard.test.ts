import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { until } from '../../support/agent.ts';
import { gitOutput } from '../../support/git.ts';
import { holdTheClone, startGitAgent, type GitAgent } from '../../support/git-agent.ts';

/** When the agent is killed. */
interface Kill {
  readonly when: string;
  /** Whether the moment has come. */
  readonly has: (own: GitAgent) => boolean | Promise<boolean>;
  /** Before the run. */
  readonly first?: (own: GitAgent) => void;
}

const saw = (method: string, part: string) => (own: GitAgent) =>
  own.host.seen.some((each) => each.method === method && each.path.includes(part));

/** From the first step on in which the agent has the commits. */
const KILLS: readonly Kill[] = [
  { when: 'when it asks to push', has: saw('GET', 'git-receive-pack') },
  { when: 'while it pushes', has: saw('POST', 'git-receive-pack') },
  { when: 'when the host has the commits', has: async (own) => (await own.tip('mine')) !== undefined },
  { when: 'while it opens the pull request', has: saw('POST', '/pulls') },
  { when: 'when the pull request is open', has: ({ host }) => host.pulls.length > 0 },
  {
    when: 'while the host does not take the push',
    has: saw('GET', 'git-receive-pack'),
    first: ({ host }) => void host.failures.push({ path: 'git-receive-pack', status: 503 }),
  },
  {
    when: 'when the answer about the pull request is lost',
    has: ({ host }) => host.pulls.length > 0,
    first: ({ host }) => void host.failures.push({ path: '/pulls', status: 502, after: true }),
  },
];

const PROMPTS = {
  commits: [
    { do: 'shell', command: 'echo mine > mine.md && git add . && git commit -qm mine' },
    { do: 'result', text: 'It is done.' },
  ],
  hangs: [{ do: 'hang' }],
  // git waits for whoever writes to the object.
  'cannot be packed': [
    {
      do: 'shell',
      command: `echo mine > mine.md && git add . && git commit -qm mine
        object=.git/objects/$(git rev-parse HEAD:mine.md | sed 's:^..:&/:') && rm -f $object && mkfifo $object`,
    },
    { do: 'result', text: 'It is done.' },
  ],
} as const;

const start = () => startGitAgent({ prompts: PROMPTS });

async function ended({ agent }: GitAgent, id: string): Promise<RunResource & { state: 'ended' }> {
  let run: RunResource | undefined;
  await until(async () => {
    run = (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
    return run.state === 'ended';
  }, 'it ended');
  return run as RunResource & { state: 'ended' };
}

/** Ends the agent while it tries to push to a host that takes nothing, which then takes everything. @returns the run. */
async function endWhilePushing(own: GitAgent, signal: NodeJS.Signals): Promise<string> {
  for (let times = 0; times < 4; times += 1) own.host.failures.push({ path: 'git-receive-pack', status: 503 });
  const id = await own.agent.submit('commits', { git: { url: own.url, branch: 'mine', push: true } });
  await until(() => saw('GET', 'git-receive-pack')(own), 'it pushes');
  await own.agent.end(signal);
  own.host.failures.length = 0;
  return id;
}

async function nothingLeft(own: GitAgent): Promise<void> {
  expect(await own.tip('mine')).toBeUndefined();
  expect(readdirSync(own.agent.workspaceDir)).toEqual([]);
  expect(readdirSync(path.join(own.agent.stateDir, 'git'))).toEqual([]);
}

describe('work on a repository', () => {
  it.each(KILLS)('is pushed and proposed once by an agent that is killed $when', async ({ has, first }) => {
    await using own = await start();
    first?.(own);
    const git = { url: own.url, branch: 'mine', push: true, pullRequest: { title: 'Mine' } };
    const id = await own.agent.submit('commits', { git });
    await until(() => has(own), 'the moment has come');
    await own.agent.crash();
    const run = await ended(own, id);
    const commit = await own.tip('mine');
    expect(run).toMatchObject({
      outcome: 'succeeded',
      output: 'It is done.',
      git: { branch: 'mine', commit, ahead: 1, pushed: true, pullRequestUrl: expect.any(String) as string },
    });
    expect(await gitOutput(own.bare, 'rev-list', '--count', 'main..mine')).toBe('1');
    expect(own.host.pulls).toMatchObject([{ head: 'mine', base: 'main', title: 'Mine' }]);
    expect(own.agent.claude.begun()).toEqual(['commits']);
    await until(() => readdirSync(path.join(own.agent.stateDir, 'git')).length === 0, 'its repository is removed');
  });

  it('is not pushed if the agent is killed before Claude has ended, and nothing of it is left', async () => {
    await using own = await start();
    const id = await own.agent.submit('hangs', { git: { url: own.url, branch: 'mine', push: true } });
    await until(() => own.agent.claude.begun().length === 1, 'Claude has begun');
    await own.agent.crash();
    expect(await ended(own, id)).toMatchObject({ outcome: 'interrupted' });
    await nothingLeft(own);
  });

  it('is not begun if the agent is killed while it clones, and nothing of it is left', async () => {
    await using own = await start();
    holdTheClone(own);
    const id = await own.agent.submit('commits', { git: { url: own.url, branch: 'mine', push: true } });
    await until(() => own.host.failures.length === 0, 'it clones');
    await own.agent.crash();
    expect(await ended(own, id)).toMatchObject({ outcome: 'interrupted' });
    await nothingLeft(own);
    expect(own.agent.claude.begun()).toEqual([]);
  });

  it('is not pushed if the agent is killed while it takes the commits, and nothing of it is left', async () => {
    await using own = await start();
    const id = await own.agent.submit('cannot be packed', { git: { url: own.url, branch: 'mine', push: true } });
    await until(() => existsSync(path.join(own.agent.stateDir, 'git', id, 'commits.pack')), 'it takes the commits');
    await own.agent.crash();
    expect(await ended(own, id)).toMatchObject({ outcome: 'interrupted' });
    await nothingLeft(own);
    expect(own.agent.claude.begun()).toEqual(['cannot be packed']);
  });

  it('fails with a reason if the agent has lost the commits meanwhile', async () => {
    await using own = await startGitAgent({ prompts: PROMPTS, env: { AGENT_GRACE_SECONDS: '0' } });
    const id = await endWhilePushing(own, 'SIGKILL');
    rmSync(path.join(own.agent.stateDir, 'git', id), { recursive: true });
    await own.agent.start();
    expect(await ended(own, id)).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('Send the run again') as string,
    });
    expect(await own.tip('mine')).toBeUndefined();
  });

  it('goes on after a shutdown', async () => {
    await using own = await startGitAgent({ prompts: PROMPTS, env: { AGENT_GRACE_SECONDS: '0' } });
    const id = await endWhilePushing(own, 'SIGTERM');
    await own.agent.start();
    expect(await ended(own, id)).toMatchObject({ outcome: 'succeeded', git: { pushed: true } });
  });
});
