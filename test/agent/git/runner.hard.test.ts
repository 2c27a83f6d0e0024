import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { until } from '../../support/agent.ts';
import { attack, foundIn, promptFor, secret } from '../../support/attacks.ts';
import { AS_ROOT } from '../../support/claude.ts';
import { closedPort } from '../../support/closed-port.ts';
import { gitOutput } from '../../support/git.ts';
import { GIT_SECRET, holdTheClone, startGitAgent, type GitAgent } from '../../support/git-agent.ts';
import { needs } from '../../support/needs.ts';
import { KEY, NO_CONTAINER, RunnerProgram } from '../../support/runner.ts';

const API_KEY = 'sk-ant-api03-the-agents-own';

describe('the real CLI on a runner, with a repository', needs(NO_CONTAINER), () => {
  let api: AnthropicDouble;
  let runner: RunnerProgram;
  let own: GitAgent;
  beforeAll(async () => {
    api = await startAnthropicDouble();
    runner = await RunnerProgram.start({ env: { HTTPS_PROXY: await closedPort(), ...AS_ROOT } });
    const keyFile = path.join(runner.folder, 'key.pem');
    writeFileSync(keyFile, KEY.export({ format: 'pem', type: 'pkcs8' }));
    const { port } = new URL(await closedPort());
    own = await startGitAgent({
      env: {
        AGENT_CLAUDE_PATH: undefined,
        ANTHROPIC_BASE_URL: api.url,
        AGENT_AUTH_MODE: 'apiKey',
        ANTHROPIC_API_KEY: API_KEY,
        AGENT_RUNNERS: `http://127.0.0.1:${runner.address.port}`,
        AGENT_GATEWAY_PORT: port,
        AGENT_GATEWAY_URL: `http://127.0.0.1:${port}`,
        AGENT_RUNNER_KEY_FILE: keyFile,
        ...AS_ROOT,
      },
    });
  });
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    await runner[Symbol.asyncDispose]();
    await api.close();
  });

  it('commits with its Bash tool, and the agent pushes', async () => {
    const prompt = '[[bash:echo mine > mine.md; git add .; git commit -qm mine; git fetch -q && echo fetched]]';
    const answer = await own.agent.run(prompt, { git: { url: own.url, branch: 'mine', push: true } });
    expect(answer).toMatchObject({
      outcome: 'succeeded',
      git: { branch: 'mine', commit: await own.tip('mine'), ahead: 1, pushed: true },
    });
    expect(answer.output).toContain('fetched');
    expect(await gitOutput(own.bare, 'show', 'mine:mine.md')).toBe('mine');
  });

  it('finds no credential of the host in the clone, in files, processes and memory', async () => {
    const roots = ['home', 'workspace', 'tmp'].flatMap((name) => ['--root', runner.path(name)]);
    const secrets = Object.entries({ git: GIT_SECRET, key: API_KEY }).map(([name, value]) => secret(name, value));
    const prompt = promptFor(['git fetch -q && echo fetched', attack('secrets', ...roots, ...secrets)]);
    const answer = await own.agent.run(prompt, { git: { url: own.url } });
    expect(answer.output).toContain('fetched');
    const found = foundIn(answer.output);
    expect(found).toContainEqual(expect.stringMatching(/^secrets: \/proc\/\d+\/mem: the token of this run$/));
    expect(found.filter((line) => !line.endsWith(': the token of this run'))).toEqual([]);
    expect(JSON.stringify(api.messages().map(({ body }) => body))).not.toContain(GIT_SECRET);
  });

  it('continues the conversation in a new clone', async () => {
    const first = await own.agent.run('remember the heron', { git: { url: own.url } });
    const prompt = '[[bash:ls mine.md]] which bird';
    const second = await own.agent.run(prompt, { git: { url: own.url, branch: 'mine' }, sessionId: first.sessionId });
    expect(second).toMatchObject({ outcome: 'succeeded', sessionId: first.sessionId });
    expect(second.output).toContain('mine.md');
    expect(JSON.stringify(api.messages().at(-1)?.body)).toContain('remember the heron');
  });

  // The last test: it has no runner from then on.
  it('ends as unavailable if its runner is lost while it clones, and asks Claude nothing', async () => {
    const asked = api.messages().length;
    holdTheClone(own);
    const id = await own.agent.submit('x', { git: { url: own.url, branch: 'lost', push: true } });
    await until(() => own.host.failures.length === 0, 'it clones');
    await runner[Symbol.asyncDispose]();
    let run: RunResource | undefined;
    await until(async () => {
      run = (await (await own.agent.fetch(`/runs/${id}`)).json()) as RunResource;
      return run.state === 'ended';
    }, 'it ended');
    expect(run).toMatchObject({
      outcome: 'unavailable',
      error: 'The connection to the runner was lost. Send the run again.',
      git: { branch: 'lost', pushed: false },
    });
    expect(api.messages()).toHaveLength(asked);
    expect(await own.tip('lost')).toBeUndefined();
  });
});
