import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import type { Step } from '../../doubles/claude/script.ts';
import { until } from '../../support/agent.ts';
import { git, gitOutput } from '../../support/git.ts';
import { GIT_SECRET, startGitAgent, type GitAgent } from '../../support/git-agent.ts';

/** Works with a command of `sh`, and succeeds. */
const work = (command: string): readonly Step[] => [
  { do: 'shell', command },
  { do: 'result', text: 'It is done.' },
];
const RECURSIVE = { recursive: true } as const;
const EXECUTABLE = { mode: 0o755 } as const;
const COMMIT = 'echo more >> README.md && git commit -qam "Say more"';

const AZURE_SHOP = 'acme/My Web/_git/shop';
const AUTHOR = { name: 'Acme Agent', email: 'agent@acme.example' };

/** Those that git runs in what the agent does: the checkout, a commit and a push. */
const HOOKS = [
  'post-checkout',
  'post-index-change',
  'reference-transaction',
  'pre-commit',
  'prepare-commit-msg',
  'commit-msg',
  'post-commit',
  'pre-push',
];

describe('the repository of a run', () => {
  let own: GitAgent;
  beforeAll(async () => {
    own = await startGitAgent({
      files: { 'README.md': 'A shop.\n', '.gitattributes': '*.txt filter=evil\n', 'note.txt': 'A note.\n' },
      setting: { author: AUTHOR },
      env: { AGENT_RUNNERS: 'local:2', AGENT_GIT_MEGABYTES: '1' },
      prompts: {
        commits: work(COMMIT),
        changes: work('echo more >> note.txt && echo new > new.txt'),
        hooks: work(
          `mkdir .git/hooks; for hook in ${HOOKS.join(' ')}; do printf '#!/bin/sh\\n: > "%s"\\n' "$HOME/marks/own-$hook" > .git/hooks/$hook; chmod +x .git/hooks/$hook; done; echo new > hooked.txt`,
        ),
        'commits much': work('head -c 2000000 /dev/urandom > large && git add large && git commit -qm large'),
        merges: work('git fetch -q --unshallow && git merge -q --no-edit origin/main'),
        waits: work(`for i in $(seq 600); do [ -e "$HOME/go" ] && break; sleep 0.05; done; ${COMMIT}`),
      },
    });
    const repositories = ['acme/shop', 'acme/Shop', 'acme/large', AZURE_SHOP];
    own.host.accounts.set(GIT_SECRET, { repositories, may: 'write' });
  });
  afterAll(() => own[Symbol.asyncDispose]());

  const shown = async (id: string) => (await (await own.agent.fetch(`/runs/${id}`)).json()) as RunResource;
  const ended = async (id: string) => {
    let run: RunResource | undefined;
    await until(async () => (run = await shown(id)).state === 'ended', 'it ended');
    return run as RunResource & { state: 'ended' };
  };

  const nothingLeft = async () => {
    await until(() => own.agent.isIdle(), 'idle');
    expect(readdirSync(own.agent.workspaceDir)).toEqual([]);
    expect(readdirSync(path.join(own.agent.stateDir, 'git'))).toEqual([]);
  };

  it('is the same in upper and lower case, so that runs on one branch of it follow each other', async () => {
    symlinkSync(own.bare, path.join(own.repositories.root, 'acme', 'Shop.git'));
    const asked = { url: own.url, branch: 'one', push: true };
    const first = await own.agent.submit('waits', { git: asked });
    const second = await own.agent.submit('commits', { git: { ...asked, url: own.url.replace('shop', 'Shop') } });
    expect(await own.agent.run('commits', { git: { ...asked, branch: 'two' } })).toMatchObject({
      outcome: 'succeeded',
    });
    expect((await shown(second)).state).toBe('queued');
    writeFileSync(path.join(own.agent.folder, 'home', 'go'), '');
    const [before, after] = [await ended(first), await ended(second)];
    expect(before).toMatchObject({ outcome: 'succeeded', git: { ahead: 1, pushed: true } });
    expect(after).toMatchObject({ outcome: 'succeeded', git: { base: before.git?.commit, ahead: 1, pushed: true } });
    expect(Date.parse(after.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(before.endedAt));
  });

  it('is cloned, committed and pushed without any program of a configuration, a template or a hook', async () => {
    const home = path.join(own.agent.folder, 'home');
    const marks = path.join(home, 'marks');
    const template = path.join(home, 'template');
    for (const folder of [marks, path.join(home, 'hooks'), path.join(template, 'hooks')]) mkdirSync(folder, RECURSIVE);
    for (const name of HOOKS) {
      writeFileSync(path.join(home, 'hooks', name), `#!/bin/sh\n: > "${marks}/${name}"\n`, EXECUTABLE);
      writeFileSync(path.join(template, 'hooks', name), `#!/bin/sh\n: > "${marks}/template-${name}"\n`, EXECUTABLE);
    }
    const filter = (name: string) => `${name} = ": > '${marks}/${name}'; cat"`;
    writeFileSync(
      path.join(home, '.gitconfig'),
      `[filter "evil"]\n${filter('smudge')}\n${filter('clean')}\n[init]\ntemplateDir = ${template}\n[core]\nhooksPath = ${home}/hooks\n`,
    );
    const marked = () => readdirSync(marks).toSorted();
    const copy = path.join(home, 'copy');
    expect(await git(home, ['clone', '-q', own.bare, copy], { HOME: home })).toMatchObject({ ok: true });
    expect(marked()).toEqual(expect.arrayContaining(['post-checkout', 'smudge']));
    expect(readdirSync(path.join(copy, '.git', 'hooks'))).toContain('post-checkout');
    for (const name of marked()) rmSync(path.join(marks, name));

    for (const prompt of ['changes', 'hooks']) {
      const asked = { url: own.url, branch: prompt, push: true, commit: true };
      expect(await own.agent.run(prompt, { git: asked })).toMatchObject({
        outcome: 'succeeded',
        git: { pushed: true },
      });
      expect({ prompt, marked: marked() }).toEqual({ prompt, marked: [] });
    }
    rmSync(path.join(home, '.gitconfig'));
  });

  describe('with a ref', () => {
    let refs: Readonly<Record<'earlier' | 'release' | 'tagged', string>>;
    beforeAll(async () => {
      const earlier = await own.repositories.commit(own.bare, 'main', 'earlier.md');
      const release = await own.repositories.commit(own.bare, earlier, 'release.md');
      const tagged = await own.repositories.commit(own.bare, 'main', 'tagged.md');
      refs = { earlier, release, tagged };
      await gitOutput(own.bare, 'branch', 'release/1', release);
      await gitOutput(own.bare, 'tag', '-a', '-m', 'v1', 'v1', tagged);
    });

    it.each([
      { what: 'a branch', ref: () => 'release/1', from: 'release', base: 'release/1' },
      { what: 'a tag', ref: () => 'v1', from: 'tagged', base: 'main' },
      { what: 'a commit that no branch ends at', ref: () => refs.earlier, from: 'earlier', base: 'main' },
      { what: 'a tag, and a base', ref: () => 'v1', from: 'tagged', base: 'release/1', asked: { base: 'release/1' } },
    ] as const)('starts from $what', async ({ what, ref, from, base, asked = {} }) => {
      const branch = what.replaceAll(/\W+/gu, '-');
      const wanted = { url: own.url, ref: ref(), branch, push: true, pullRequest: { title: what, ...asked } };
      const { outcome, git: told } = await own.agent.run('commits', { git: wanted });
      expect({ outcome, ...told }).toMatchObject({
        outcome: 'succeeded',
        ref: ref(),
        base: refs[from],
        ahead: 1,
        diffStat: { files: 1, insertions: 1 },
        pushed: true,
        pullRequestUrl: expect.any(String) as string,
      });
      expect(own.host.pulls.at(-1)).toMatchObject({ head: branch, base, title: what });
      const [parent, ...people] = (
        await gitOutput(own.bare, 'log', '-1', '--format=%P%n%an <%ae>%n%cn <%ce>', branch)
      ).split('\n');
      expect(parent).toBe(refs[from]);
      expect(people).toEqual(Array(2).fill('Acme Agent <agent@acme.example>'));
    });
  });

  it('may be one of Azure DevOps', async () => {
    const bare = await own.repositories.make(AZURE_SHOP);
    const url = `${own.host.url}/${encodeURI(AZURE_SHOP)}`;
    const asked = { url, branch: 'fix/1', push: true, pullRequest: { title: 'Say more' } };
    const answer = await own.agent.run('commits', { git: asked });
    expect(answer).toMatchObject({
      outcome: 'succeeded',
      git: {
        url,
        ahead: 1,
        pushed: true,
        commit: await gitOutput(bare, 'rev-parse', 'fix/1'),
        branchUrl: `${url}?version=GBfix%2F1`,
        pullRequestUrl: expect.stringContaining(`${url}/pullrequest/`) as string,
      },
    });
    expect(await shown(answer.runId)).toMatchObject({ git: answer.git });
    expect(own.host.pulls.at(-1)).toMatchObject({
      repository: AZURE_SHOP,
      head: 'fix/1',
      base: 'main',
      body: 'It is done.',
    });
  });

  it.each([
    { host: 'a host', allowsFilters: true },
    { host: 'one without partial clones', allowsFilters: false },
  ])('gets a merge of the default branch, whose history was not cloned, at $host', async ({ allowsFilters }) => {
    own.host.allowsFilters = allowsFilters;
    const branch = `filter-${allowsFilters}`;
    const commit = (parent: string, file: string) => own.repositories.commit(own.bare, parent, file);
    const old = await commit('main', `${branch}-old.md`);
    const mine = await commit(old, `${branch}-mine.md`);
    const newer = await commit(await commit(old, `${branch}-newer.md`), `${branch}-newest.md`);
    await gitOutput(own.bare, 'update-ref', 'refs/heads/main', newer);
    await gitOutput(own.bare, 'update-ref', `refs/heads/${branch}`, mine);
    const { outcome, error, git: told } = await own.agent.run('merges', { git: { url: own.url, branch, push: true } });
    expect({ outcome, error, ...told }).toMatchObject({
      outcome: 'succeeded',
      base: mine,
      ahead: 3,
      diffStat: { files: 2, insertions: 2, deletions: 0 },
      pushed: true,
    });
    expect(await gitOutput(own.bare, 'rev-list', '--count', `main..${branch}`)).toBe('2');
  });

  it('may be too large', async () => {
    await own.repositories.make('acme/large', { large: randomBytes(2_000_000) });
    const url = `${own.host.url}/acme/large`;
    const begun = own.agent.claude.begun().length;
    const answer = await own.agent.run('commits', { git: { url, branch: 'mine', push: true } });
    expect(answer).toMatchObject({
      outcome: 'failed',
      error: `${url} needs more than 1 MiB. Use a smaller repository or ref, or raise AGENT_GIT_MEGABYTES.`,
      git: { url, ref: 'main', branch: 'mine', pushed: false },
    });
    expect(answer.git).not.toHaveProperty('base');
    expect(own.agent.claude.begun()).toHaveLength(begun);
    await nothingLeft();
  });

  it('gets no commits that are too large', async () => {
    const answer = await own.agent.run('commits much', { git: { url: own.url, branch: 'much', push: true } });
    expect(answer).toMatchObject({
      outcome: 'failed',
      output: 'It is done.',
      error:
        'The commits of the run need more than 1 MiB. Nothing was pushed. Have Claude commit less, or raise AGENT_GIT_MEGABYTES.',
      git: { branch: 'much', pushed: false },
    });
    expect(await own.tip('much')).toBeUndefined();
    await nothingLeft();
  });
});
