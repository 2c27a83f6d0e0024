import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startGitHost } from '../doubles/git-host/server.ts';
import type { GitHost } from '../doubles/git-host/server.ts';
import { attack, foundIn, promptFor, secret } from '../support/attacks.ts';
import { gitOutput, Repositories } from '../support/git.ts';
import { needs } from '../support/needs.ts';
import { Checkout, DOUBLE } from './checkout.ts';
import { agentPod, call, control, kubectl, run, takeDown, until } from './cluster.ts';
import { startDouble } from './doubles.ts';
import { missingRequirement } from './requirements.ts';

const IN = ['--namespace', 'claude-agent'];
/** The name under which the pods reach the git host, which is a program of the test on the node. */
const HOST = { name: 'git-host', host: `git-host.${DOUBLE.namespace}.svc` };
const TOKENS = ['ghp_e2e-git-1-canary', 'ghp_e2e-git-2-canary'] as const;
const COMMITS = '[[bash:echo more >> README.md && git commit -qam "Say more"]]';

let checkout: Checkout;
let repositories: Repositories;
let host: GitHost;
let bare: string;
const up = async () => {
  const { exitCode, output } = await checkout.npm('up', '--skip-preview', '--yes', '--non-interactive');
  expect(exitCode, output).toBe(0);
};
const setCredential = (token: string) => checkout.setSecret('gitCredentials.acme', token);
const accept = (token: string) => {
  host.accounts.clear();
  host.accounts.set(token, { repositories: ['acme/shop'], may: 'write' });
};
const url = () => `${host.url}/acme/shop`;
const work = async (prompt: string, git: object = {}) =>
  (await run(checkout.token(), { prompt, git: { url: url(), ...git } })).answer;
const tip = (branch: string) => gitOutput(bare, 'rev-parse', '--verify', '--quiet', branch).catch(() => undefined);

/** A Service that leads to the program on the node. */
const leadToHost = async (address: string) => {
  const { port } = new URL(host.url);
  const metadata = { name: HOST.name, namespace: DOUBLE.namespace };
  const items = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: DOUBLE.namespace } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'https', port: Number(port) }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': HOST.name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address] }],
      ports: [{ name: 'https', port: Number(port) }],
    },
  ];
  await kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
};

describe('a repository in the cluster, by the real CLI on a runner', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    const node = await kubectl(['get', 'nodes', '--output', 'jsonpath={.items[0].status.addresses[0].address}']);
    repositories = new Repositories();
    bare = await repositories.make('acme/shop');
    host = await startGitHost({ root: repositories.root, name: HOST.host, host: node });
    accept(TOKENS[0]);
    await leadToHost(node);
    const port = Number(new URL(host.url).port);
    checkout = new Checkout({
      settings: {
        runners: '1',
        gitHosts: [{ repositories: [`${host.url}/acme/*`], type: 'github', tokenFile: 'acme' }],
        extraCertificates: readFileSync(host.caFile, 'utf8'),
        extraEgress: [
          { namespace: DOUBLE.namespace, port: DOUBLE.port, for: 'agent' },
          { cidr: `${node}/32`, port, for: 'agent' },
        ],
      },
    });
    await checkout.fill();
    checkout.logIn(1);
  });

  afterAll(async () => {
    await takeDown(checkout);
    await host[Symbol.asyncDispose]();
    repositories[Symbol.dispose]();
  });

  test('is refused until its credential is set, from standard input', async () => {
    const without = await checkout.npm('up', '--skip-preview', '--yes', '--non-interactive');
    expect(without.exitCode).not.toBe(0);
    expect(without.output).toContain('gitHosts[0].tokenFile is "acme"; it must be the name of one of gitCredentials');
    await setCredential(TOKENS[0]);
    await up();
    await startDouble((await checkout.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim());
  });

  test('is cloned, changed and pushed, and gets a pull request', async () => {
    const main = await tip('main');
    const answer = await work(`${COMMITS} [[say:Done.]]`, {
      branch: 'claude/more',
      push: true,
      pullRequest: { title: 'Say more' },
    });
    expect(answer).toMatchObject({
      outcome: 'succeeded',
      git: {
        base: main,
        branch: 'claude/more',
        commit: await tip('claude/more'),
        ahead: 1,
        pushed: true,
        pullRequestUrl: `${url()}/pull/1`,
      },
    });
    expect(await gitOutput(bare, 'log', '--format=%s', 'main..claude/more')).toBe('Say more');
    expect(host.pulls).toMatchObject([{ head: 'claude/more', base: 'main', title: 'Say more', body: 'Done.' }]);
  });

  test('is not pushed to by Claude, and its credential is nowhere where a run is', async () => {
    const push = 'git fetch -q && echo fetched; git push -q origin HEAD:refs/heads/direct || echo refused';
    const answer = await work(`[[bash:${push}; cat .git/config; env]]`);
    expect(answer).toMatchObject({ outcome: 'succeeded' });
    for (const word of ['fetched', 'refused']) expect(answer['output']).toContain(word);
    expect(await tip('direct')).toBeUndefined();
    const looked = await work(promptFor([attack('secrets', secret('git', TOKENS[0]))]));
    const found = foundIn(String(looked['output']));
    expect(found.filter((line) => !line.endsWith(': the token of this run'))).toEqual([]);
    expect(found).not.toEqual([]);
    const asked = JSON.stringify(await control('GET', '/requests'));
    const logs = await kubectl(['logs', ...IN, 'deployment/claude-code-agent']);
    for (const text of [asked, logs, JSON.stringify([answer, looked])]) expect(text).not.toContain('e2e-git-1');
  });

  test('is published once when the agent is killed before the pull request is open', async () => {
    host.failures.push({ path: '/pulls', status: 503 }, { path: '/pulls', status: 503 });
    const before = await agentPod();
    const body = {
      prompt: COMMITS,
      git: { url: url(), branch: 'killed', push: true, pullRequest: { title: 'Killed' } },
    };
    const { status, answer } = await call(checkout.token(), '/runs', { method: 'POST', body });
    expect(status, JSON.stringify(answer)).toBe(202);
    await until('the push', async () => ((await tip('killed')) === undefined ? undefined : true));
    await kubectl(['delete', 'pod', ...IN, before.name, '--grace-period=0', '--force']);
    const ended = await until('the end', async () => {
      const { answer: record } = await call(checkout.token(), `/runs/${String(answer['id'])}`);
      return record['state'] === 'ended' ? record : undefined;
    });
    expect(ended).toMatchObject({ outcome: 'succeeded', git: { pushed: true, commit: await tip('killed') } });
    expect(host.pulls.filter(({ head }) => head === 'killed')).toHaveLength(1);
    expect(await gitOutput(bare, 'rev-list', '--count', 'main..killed')).toBe('1');
  });

  test('follows a new credential, and the doctor says whether it works', async () => {
    accept(TOKENS[1]);
    const finding = async () => {
      const { output } = await checkout.npm('doctor', '--quick', '--json');
      const { findings } = JSON.parse(output.slice(output.indexOf('{'))) as {
        findings: { check: string; state: string; detail: string }[];
      };
      return findings.find(({ check }) => check === 'git hosts');
    };
    expect(await work('with the old token')).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('refused the credential') as string,
    });
    expect(await finding()).toMatchObject({ state: 'broken' });
    await setCredential(TOKENS[1]);
    await up();
    expect(await work('with the new token')).toMatchObject({ outcome: 'succeeded' });
    expect(await finding()).toMatchObject({ state: 'ok' });
    const drift = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(drift.exitCode, drift.output).toBe(0);
  });
});
