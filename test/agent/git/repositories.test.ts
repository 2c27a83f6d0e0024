import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import type { Step } from '../../doubles/claude/script.ts';
import { until } from '../../support/agent.ts';
import { GIT_SECRET, startGitAgent, type GitAgent } from '../../support/git-agent.ts';

/** Works with a command of `sh`, and succeeds. */
const work = (command: string): readonly Step[] => [
  { do: 'shell', command },
  { do: 'result', text: 'It is done.' },
];
const COMMIT = 'echo more >> README.md && git commit -qam "Say more"';

describe('the repository of a run', () => {
  let own: GitAgent;
  beforeAll(async () => {
    own = await startGitAgent({
      env: { AGENT_RUNNERS: 'local:2' },
      prompts: {
        commits: work(COMMIT),
        waits: work(`for i in $(seq 600); do [ -e "$HOME/go" ] && break; sleep 0.05; done; ${COMMIT}`),
      },
    });
  });
  afterAll(() => own[Symbol.asyncDispose]());

  const shown = async (id: string) => (await (await own.agent.fetch(`/runs/${id}`)).json()) as RunResource;
  const ended = async (id: string) => {
    let run: RunResource | undefined;
    await until(async () => (run = await shown(id)).state === 'ended', 'it ended');
    return run as RunResource & { state: 'ended' };
  };

  it('is the same in upper and lower case, so that runs on one branch of it follow each other', async () => {
    symlinkSync(own.bare, path.join(own.repositories.root, 'acme', 'Shop.git'));
    own.host.accounts.set(GIT_SECRET, { repositories: ['acme/shop', 'acme/Shop'], may: 'write' });
    const git = { url: own.url, branch: 'one', push: true };
    const first = await own.agent.submit('waits', { git });
    const second = await own.agent.submit('commits', { git: { ...git, url: own.url.replace('shop', 'Shop') } });
    expect(await own.agent.run('commits', { git: { ...git, branch: 'two' } })).toMatchObject({ outcome: 'succeeded' });
    expect((await shown(second)).state).toBe('queued');
    writeFileSync(path.join(own.agent.folder, 'home', 'go'), '');
    const [before, after] = [await ended(first), await ended(second)];
    expect(before).toMatchObject({ outcome: 'succeeded', git: { ahead: 1, pushed: true } });
    expect(after).toMatchObject({ outcome: 'succeeded', git: { base: before.git?.commit, ahead: 1, pushed: true } });
    expect(Date.parse(after.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(before.endedAt));
  });
});
