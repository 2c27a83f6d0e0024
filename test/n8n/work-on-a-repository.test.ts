import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunPage } from '../../agent/http/api/run.ts';
import { gitOutput } from '../support/git.ts';
import { GIT_SECRET, startShop, type Shop } from '../support/git-agent.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { eventually, outputOf, runsOf } from './author.ts';
import { endOf } from './end-of.ts';
import { behindProxy, Site } from './site.ts';
import { readWorkflow, type WorkflowNode } from './workflow-file.ts';

const FILE = 'work-on-a-repository';
const TITLE = 'The total of an empty cart is NaN';
const COMMITS = '[[bash:echo more >> README.md && git commit -qam "Add a line"]]';

/** Waits for a second, where the workflow waits longer. */
const impatient = (node: WorkflowNode): WorkflowNode =>
  ['Wait', 'Try later'].includes(node.name) ? { ...node, parameters: { amount: 1 } } : node;

describe('Work on a repository', needs(missingN8n), () => {
  let shop: Shop;
  let site: Site;
  beforeAll(async () => {
    shop = await startShop({ setting: { protectedBranches: ['claude/issue-13'] } });
    site = await Site.real(shop.env, behindProxy('haproxy'));
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await shop[Symbol.asyncDispose]();
  });

  const make = (input: object, edit = impatient) =>
    site.author.make(FILE, { ...site.input, repositoryUrl: shop.url, title: TITLE, ...input }, edit);
  const execute = async (input: object) => (await make(input)).execute();
  const runs = async () => ((await (await site.agent.fetch('/runs')).json()) as RunPage).runs;

  it('as it was imported, opens one pull request for an issue, however often it is executed', async () => {
    const main = await shop.tip('main');
    const workflow = await make({ issue: '42', body: `${COMMITS} [[say:Fixed.]]` }, (node) => node);
    const first = await workflow.execute();
    const branch = 'claude/issue-42';
    const opened = {
      pullRequestUrl: `${shop.url}/pull/1`,
      branch,
      branchUrl: `${shop.url}/tree/${branch}`,
      files: 1,
      insertions: 1,
      deletions: 0,
      answer: 'Fixed.',
      costUsd: expect.any(Number) as number,
    };
    expect(endOf(first)).toEqual({ status: 'success', node: 'Pull request' });
    expect(outputOf(first, 'Pull request')).toEqual([{ ...opened, commit: await shop.tip(branch) }]);
    expect(await gitOutput(shop.bare, 'log', '--format=%s', `main..${branch}`)).toBe('Add a line');
    expect((await runs())[0]?.labels).toEqual({
      workflow: workflow.id,
      workflowName: readWorkflow(FILE).name,
      execution: first.id,
    });

    const second = await workflow.execute();
    expect(outputOf(second, 'Pull request')).toEqual([{ ...opened, commit: await shop.tip(branch) }]);
    expect(await gitOutput(shop.bare, 'rev-list', '--count', `main..${branch}`)).toBe('2');
    expect(shop.host.pulls).toMatchObject([{ head: branch, base: 'main', title: TITLE, body: 'Fixed.', draft: true }]);
    const asked = JSON.stringify(site.api?.messages()[0]?.body);
    for (const part of ['Solve issue 42', TITLE, 'Fixes #42']) expect(asked).toContain(part);
    expect(await shop.tip('main')).toBe(main);
    expect(JSON.stringify([first, second])).not.toContain(GIT_SECRET);
  });

  it('commits what Claude left, with the title of the issue', async () => {
    const execution = await execute({ issue: 'SHOP-7', body: '[[bash:echo "a new file" > new.md]]' });
    expect(outputOf(execution, 'Pull request')).toMatchObject([{ branch: 'claude/issue-SHOP-7', files: 1 }]);
    expect(await gitOutput(shop.bare, 'log', '-1', '--format=%s', 'claude/issue-SHOP-7')).toBe(TITLE);
  });

  it('ends with the answer if nothing has changed', async () => {
    const execution = await execute({ issue: '43', body: '[[say:It is solved already.]]' });
    expect(endOf(execution)).toEqual({ status: 'success', node: 'Nothing changed' });
    expect(outputOf(execution, 'Nothing changed')).toMatchObject([
      { branch: 'claude/issue-43', answer: 'It is solved already.' },
    ]);
    expect(await shop.tip('claude/issue-43')).toBeUndefined();
  });

  it("stops with the agent's message if the repository is not allowed, or its branch is protected", async () => {
    const before = await runs();
    const [other, isProtected] = await Promise.all([
      execute({ repositoryUrl: 'https://github.com/acme/other', body: COMMITS }),
      execute({ issue: '13', body: COMMITS }),
    ]);
    const refused = (says: RegExp) => ({
      status: 'error',
      node: 'Send',
      message: 'Bad request - please check your parameters',
      description: expect.stringMatching(says) as string,
    });
    expect(endOf(other)).toEqual(refused(/^Invalid request: `git\.url` .*is not allowed/));
    expect(endOf(isProtected)).toEqual(refused(/^Invalid request: `git\.branch` .* not protected; .*claude\/issue-13/));
    expect(await runs()).toEqual(before);
  });

  it('stops with the reason if the repository does not exist', async () => {
    const execution = await execute({ repositoryUrl: `${shop.host.url}/acme/none`, body: COMMITS });
    const [run] = await runs();
    expect(endOf(execution)).toMatchObject({ status: 'error', node: 'Failed' });
    expect(endOf(execution).message).toMatch(new RegExp(`^Claude: failed in run ${run?.id}\\. .*does not exist`));
  });

  it('stops with the branch if it was pushed and the pull request could not be opened', async () => {
    shop.host.failures.push({ path: '/pulls', status: 403, body: { message: 'Resource not accessible' } });
    const execution = await execute({ issue: '46', body: COMMITS });
    const { node, message } = endOf(execution);
    expect(node).toBe('Failed');
    expect(message).toContain(`The branch is pushed: ${shop.url}/tree/claude/issue-46`);
    expect(runsOf(execution, 'Send')).toBe(1);
    expect(await shop.tip('claude/issue-46')).toBeDefined();
  });

  it('opens the pull request with a new run if the host took the branch and limited requests then', async () => {
    shop.host.failures.push({ path: '/pulls', status: 429, headers: { 'retry-after': '300' } });
    const body = '[[bash:test -e done.md || { touch done.md && git add . && git commit -qm "Do it"; }]]';
    const execution = await execute({ issue: '48', body });
    expect(endOf(execution)).toEqual({ status: 'success', node: 'Pull request' });
    expect(runsOf(execution, 'Send')).toBe(2);
    expect(await gitOutput(shop.bare, 'rev-list', '--count', 'main..claude/issue-48')).toBe('1');
    expect(shop.host.pulls.filter(({ head }) => head === 'claude/issue-48')).toHaveLength(1);
  });

  it('starts again when the host was unavailable, with a new run', async () => {
    shop.host.failures.push({ path: '/info/refs', status: 503 });
    const execution = await execute({ issue: '44', body: COMMITS });
    expect(endOf(execution)).toEqual({ status: 'success', node: 'Pull request' });
    expect([runsOf(execution, 'Send'), runsOf(execution, 'Try later')]).toEqual([2, 1]);
    expect((await runs()).slice(0, 2)).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'unavailable' }]);
  });

  it('starts again when the agent was restarted, and nothing is done twice', async () => {
    const flag = path.join(shop.repositories.root, 'interrupted');
    const body = `[[bash:test -e ${flag} || { touch ${flag}; sleep 60; }]] ${COMMITS}`;
    const workflow = await make({ issue: '47', body });
    const id = await workflow.start();
    await eventually(() => Promise.resolve(existsSync(flag) || undefined), 'the command of Claude');
    await site.agent.crash();
    const execution = await workflow.ended(id);
    expect(endOf(execution)).toEqual({ status: 'success', node: 'Pull request' });
    expect((await runs()).slice(0, 2)).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'interrupted' }]);
    expect(await gitOutput(shop.bare, 'rev-list', '--count', 'main..claude/issue-47')).toBe('1');
  });

  it('stops after three attempts', async () => {
    for (let times = 0; times < 3; times += 1) shop.host.failures.push({ path: '/info/refs', status: 503 });
    const execution = await execute({ issue: '45', body: COMMITS });
    expect(endOf(execution)).toMatchObject({
      status: 'error',
      node: 'Failed',
      message: expect.stringMatching(/^Claude: unavailable in run .* answered 503/) as string,
    });
    expect(runsOf(execution, 'Send')).toBe(3);
    expect(shop.host.failures).toEqual([]);
  });
});
