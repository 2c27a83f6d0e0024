import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import type { Step } from '../../doubles/claude/script.ts';
import { TOKEN, until } from '../../support/agent.ts';
import { gitOutput } from '../../support/git.ts';
import { GIT_SECRET, startGitAgent, type GitAgent } from '../../support/git-agent.ts';

/** Works with a command of `sh`, and succeeds. */
const work = (command: string): readonly Step[] => [
  { do: 'shell', command },
  { do: 'result', text: 'It is done.' },
];

/** A form of the status page. */
const SHOWN = {
  method: 'POST',
  headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/x-www-form-urlencoded' },
};

const FILES = {
  'README.md': 'A shop.\n',
  'CLAUDE.md': 'Use tabs.\n',
  '.mcp.json': '{"mcpServers":{"x":{"command":"touch","args":["/tmp/never"]}}}',
  '.gitattributes': '*.bin filter=lfs\n*.txt filter=evil\n',
  'large.bin': 'version https://git-lfs.github.com/spec/v1\n',
  'note.txt': 'A note.\n',
  '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = https://elsewhere.example/lib\n',
};

describe('a run on a repository', () => {
  let own: GitAgent;
  beforeAll(async () => {
    own = await startGitAgent({
      files: FILES,
      prompts: {
        commits: work(
          'echo more >> README.md && git add README.md && git commit -qm "Say more" && echo left > left.md',
        ),
        changes: work('echo new > new.md; echo more >> README.md'),
        moves: work(
          `echo mine > mine.md && git add . && git commit -qm mine && git -C "$(cat "$HOME/bare")" branch -f taken other`,
        ),
        rewrites: work('git commit -q --amend -m rewritten'),
        pushes: work(
          'git fetch -q origin && git push origin HEAD:refs/heads/direct; echo $? > pushed; git add . && git commit -qm x',
        ),
      },
    });
  });
  afterAll(() => own[Symbol.asyncDispose]());

  const request = (more: object = {}) => ({ git: { url: own.url, ...more } });

  it('clones it, pushes what Claude committed, and opens a pull request', async () => {
    const before = await own.tip('main');
    const answer = await own.agent.run('commits', {
      ...request({ branch: 'claude/more', push: true, pullRequest: { title: 'Say more', draft: true } }),
      labels: { workflow: 'issues' },
    });
    const commit = await own.tip('claude/more');
    expect(answer).toMatchObject({
      outcome: 'succeeded',
      output: 'It is done.',
      git: {
        url: own.url,
        ref: 'main',
        base: before,
        branch: 'claude/more',
        commit,
        ahead: 1,
        diffStat: { files: 1, insertions: 1, deletions: 0 },
        pushed: true,
        branchUrl: `${own.url}/tree/claude/more`,
        pullRequestUrl: expect.stringContaining('/acme/shop/pull/') as string,
      },
    });
    expect(answer.warnings).toEqual([
      'The repository has submodules. They are not cloned: their folders are empty.',
      'The repository has files in Git LFS. Only their pointers are cloned.',
      'The run left changes that it did not commit. They are not pushed; `git.commit: true` commits them.',
    ]);
    expect(own.host.pulls).toMatchObject([
      { head: 'claude/more', base: 'main', title: 'Say more', body: 'It is done.', draft: true },
    ]);
    expect(await gitOutput(own.bare, 'log', '-1', '--format=%an %s', 'claude/more')).toBe('claude-code-agent Say more');
    expect(await own.tip('main')).toBe(before);
    const record = (await (await own.agent.fetch(`/runs/${answer.runId}`)).json()) as RunResource;
    expect(record).toMatchObject({
      git: answer.git,
      request: { git: { url: own.url, branch: 'claude/more', push: true }, lane: `git:${own.url}#claude/more` },
    });
    const page = await (await fetch(`${own.agent.url}/`, { ...SHOWN, body: `action=show&run=${answer.runId}` })).text();
    for (const url of [own.url, answer.git?.branchUrl, answer.git?.pullRequestUrl])
      expect(page).toContain(`href="${url}"`);
    expect(await (await own.agent.fetch('/metrics')).text()).toContain(
      'claude_agent_git_runs_total{result="proposed"} 1',
    );
    await until(() => own.agent.isIdle(), 'idle');
    expect(readdirSync(own.agent.workspaceDir)).toEqual([]);
    expect(readdirSync(path.join(own.agent.stateDir, 'git'))).toEqual([]);
  });

  it('works on a branch that the host has, and finds its open pull request', async () => {
    const start = await own.tip('claude/more');
    const pulls = own.host.pulls.length;
    const git = { branch: 'claude/more', push: true, commit: true, pullRequest: { title: 'Say more' } };
    const answer = await own.agent.run('changes', request(git));
    expect(answer.git).toMatchObject({ base: start, ahead: 1, pushed: true, diffStat: { files: 2, insertions: 2 } });
    expect(answer.git?.commit).toBe(await own.tip('claude/more'));
    expect(own.host.pulls).toHaveLength(pulls);
    expect(await gitOutput(own.bare, 'log', '-1', '--format=%s', 'claude/more')).toBe('Say more');
  });

  it('gives Claude the CLAUDE.md only if the repository is trusted, and keeps the credential from all that it starts', async () => {
    const sent = async (trustRepository: boolean) => {
      const { outcome, git, sessionId } = await own.agent.run('ask', request({ trustRepository }));
      expect({ outcome, pushed: git?.pushed }).toEqual({ outcome: 'succeeded', pushed: false });
      const began = own.agent.claude.journal().findLast((entry) => entry.what === 'began');
      expect(began).toMatchObject({ cwd: path.join(own.agent.workspaceDir, `repository-${sessionId}`) });
      expect(JSON.stringify(began)).not.toContain(GIT_SECRET);
      return JSON.stringify(began?.what === 'began' && began.content);
    };
    expect(await sent(true)).toContain('Use tabs.');
    expect(await sent(false)).not.toContain('Use tabs.');
    expect(own.agent.lines.join('\n')).not.toContain(GIT_SECRET);
  });

  it('pushes nothing if there is nothing new', async () => {
    const answer = await own.agent.run('ask', request({ push: true, pullRequest: { title: 'Nothing' } }));
    expect(answer).toMatchObject({ outcome: 'succeeded', git: { ahead: 0, pushed: false } });
    expect(answer.warnings).toContain('The run has no new commits, so nothing was pushed.');
    expect(await own.tip(`claude/${answer.runId.slice(0, 8)}`)).toBeUndefined();
  });

  it('opens the pull request of a branch that an earlier run pushed without one, and only while there was none', async () => {
    const git = request({ branch: 'late', push: true, pullRequest: { title: 'Late' } });
    own.host.failures.push({ path: '/pulls', status: 403, body: { message: 'Resource not accessible' } });
    const first = await own.agent.run('commits', git);
    expect(first).toMatchObject({ outcome: 'failed', git: { pushed: true } });
    const pulls = () => own.host.pulls.filter(({ head }) => head === 'late');
    expect(pulls()).toEqual([]);
    const commit = await own.tip('late');
    const second = await own.agent.run('ask', git);
    expect(second).toMatchObject({ outcome: 'succeeded', git: { commit, ahead: 0, pushed: false } });
    expect(second.git?.branchUrl).toBe(`${own.url}/tree/late`);
    expect(second.warnings).toContain('The run has no new commits, so nothing was pushed.');
    expect(pulls()).toMatchObject([{ title: 'Late', state: 'open' }]);
    const third = await own.agent.run('ask', git);
    expect(third.git?.pullRequestUrl).toBe(second.git?.pullRequestUrl);
    pulls().forEach((pull) => (pull.state = 'closed'));
    const fourth = await own.agent.run('ask', git);
    expect(fourth).toMatchObject({ outcome: 'succeeded', git: { pushed: false } });
    expect(fourth.git).not.toHaveProperty('pullRequestUrl');
    expect(pulls()).toHaveLength(1);
  });

  it('opens no pull request for a branch that has nothing which its base has not', async () => {
    for (const [branch, start] of [
      ['same', 'main'],
      ['behind', 'main^'],
    ] as const) {
      if (branch === 'behind') {
        const next = await gitOutput(own.bare, 'commit-tree', 'main^{tree}', '-p', 'main', '-m', 'next');
        await gitOutput(own.bare, 'update-ref', 'refs/heads/main', next);
      }
      await gitOutput(own.bare, 'branch', branch, start);
      const answer = await own.agent.run('ask', request({ branch, push: true, pullRequest: { title: 'None' } }));
      expect(answer, branch).toMatchObject({ outcome: 'succeeded', git: { pushed: false } });
      expect(answer.git).not.toHaveProperty('pullRequestUrl');
      expect(own.host.pulls.filter(({ head }) => head === branch)).toEqual([]);
    }
  });

  it('fetches during the run, and cannot push itself', async () => {
    const answer = await own.agent.run('pushes', request({ branch: 'pushes', push: true }));
    expect(answer).toMatchObject({ outcome: 'succeeded', git: { pushed: true } });
    expect(await own.tip('direct')).toBeUndefined();
    expect(await gitOutput(own.bare, 'show', 'pushes:pushed')).not.toBe('0');
  });

  it.each([
    { what: 'has a branch that has moved meanwhile', prompt: 'moves', branch: 'taken', error: 'never pushes by force' },
    { what: 'has changed the commit that it started from', prompt: 'rewrites', branch: 'new', error: 'do not follow' },
  ])('$what fails, with its answer, and changes nothing', async ({ prompt, branch, error }) => {
    await gitOutput(own.bare, 'branch', '-f', 'taken', 'main');
    await gitOutput(own.bare, 'branch', '-f', 'other', 'claude/more');
    writeFileSync(path.join(own.agent.folder, 'home', 'bare'), own.bare);
    const answer = await own.agent.run(prompt, request({ branch, push: true, pullRequest: { title: 'x' } }));
    expect(answer).toMatchObject({ outcome: 'failed', output: 'It is done.', git: { branch, pushed: false } });
    expect(answer.error).toContain(error);
    expect(await own.tip(branch)).toBe(branch === 'taken' ? await own.tip('other') : undefined);
    expect(own.host.pulls.filter(({ head }) => head === branch)).toEqual([]);
  });

  it.each([
    { what: 'no such repository', git: { url: '/acme/none' }, outcome: 'failed', error: 'acme/none' },
    { what: 'no such ref', git: { ref: 'nowhere' }, outcome: 'failed', error: 'has no branch or tag nowhere' },
    { what: 'no such commit', git: { ref: 'a'.repeat(40) }, outcome: 'failed', error: 'no such branch, tag or commit' },
    {
      what: 'no such base',
      git: { push: true, pullRequest: { title: 'x', base: 'nowhere' } },
      outcome: 'failed',
      error: 'has no branch nowhere',
    },
    { what: 'a host that is down', status: 503, outcome: 'unavailable', error: '' },
    { what: 'a redirect', status: 302, outcome: 'failed', error: 'redirect' },
    { what: 'a right that is missing', status: 403, outcome: 'failed', error: '' },
  ])('ends before its prompt with $what', async ({ git = {}, status, outcome, error }) => {
    const begun = own.agent.claude.begun().length;
    if (status !== undefined) {
      const headers = { location: 'https://elsewhere.example/' };
      own.host.failures.push({ path: '/acme/shop/info/refs', status, headers });
    }
    const url = `${own.host.url}${(git as { url?: string }).url ?? '/acme/shop'}`;
    const answer = await own.agent.run('commits', request({ ...git, url }));
    expect(answer).toMatchObject({ outcome, success: false });
    expect(answer.error).toContain(error);
    expect(answer.error?.length).toBeGreaterThan(20);
    expect(own.agent.claude.begun()).toHaveLength(begun);
  });

  it('does not make the queue wait for Claude when its host is down', async () => {
    for (let times = 0; times < 3; times += 1) {
      own.host.failures.push({ path: '/acme/shop/info/refs', status: 503 });
      expect(await own.agent.run('commits', request())).toMatchObject({ outcome: 'unavailable' });
    }
    expect((await own.agent.health()).hold).toBeUndefined();
  });

  it.each([
    { git: 'x', says: '`git` must be an object' },
    { git: {}, says: '`git.url` must be the https URL of a repository' },
    { git: { url: 'file:///etc' }, says: 'must be an https URL' },
    { git: { url: 'ssh://git@github.com/a/b' }, says: 'must be an https URL' },
    { git: { url: 'https://me:password@github.com/a/b' }, says: 'must not have a user or a password' },
    { git: { url: 'https://github.com/a/b' }, says: 'is not allowed' },
    { git: { ref: '--upload-pack=touch' }, says: "`git.ref` must not begin with '-'" },
    { git: { branch: '-' }, says: '`git.branch`' },
    { git: { branch: '..' }, says: '`git.branch`' },
    { git: { branch: 'main', push: true }, says: 'must be a branch that is not protected' },
    { git: { pullRequest: { title: 'x' } }, says: '`git.pullRequest` needs `git.push: true`' },
    { git: { commit: true }, says: '`git.commit` needs `git.push: true`' },
    { git: { push: true, pullRequest: { title: '' } }, says: '`git.pullRequest.title`' },
    { git: { force: true }, says: '`git` must not have the field "force"' },
    { git: {}, workdir: '/tmp', says: '`workdir`' },
  ])('is refused with $git', async ({ git, says, ...more }) => {
    const whole =
      typeof git === 'string' || (Object.keys(git).length === 0 && !('workdir' in more))
        ? git
        : { url: own.url, ...git };
    const response = await own.agent.post({ prompt: 'commits', git: whole, ...more });
    const body = await response.text();
    expect(response.status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ detail: expect.stringContaining(says) as string });
    expect(body).not.toContain('password@');
  });
});
