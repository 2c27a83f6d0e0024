import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

/** The settings of an agent in a pod, with a home folder of its own. */
function realAgent(api: AnthropicDouble, env: Record<string, string>): Agent {
  return new Agent({
    env: {
      ...REAL_CLAUDE,
      AGENT_AUTH_MODE: 'apiKey',
      ANTHROPIC_API_KEY: 'sk-ant-api03-test',
      ANTHROPIC_BASE_URL: api.url,

      ...env,
    },
  });
}

describe('a workspace', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  const inWorkspace = (...parts: string[]) => path.join(agent.workspaceDir, ...parts);
  const start = async (env: Record<string, string>) => {
    agent = realAgent(api, env);
    await agent.start();
  };
  const metric = async (name: string) => {
    const text = await (await agent.fetch('/metrics')).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  const record = async (id: string) =>
    (await (await agent.fetch(`/runs/${id}`)).json()) as { request: { workdir: string } };

  beforeEach(async () => {
    api = await startAnthropicDouble();
  });
  afterEach(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  it('with lifetime keep has the files of earlier runs', async () => {
    await start({});
    const { runId } = await agent.run('[[bash:touch left]] x');
    expect((await agent.run('[[bash:ls]] x')).output).toContain('left');
    expect((await record(runId)).request.workdir).toBe(agent.workspaceDir);
  });

  it('with lifetime run is empty for each run, and keeps only folders that a run names', async () => {
    await start({ AGENT_WORKSPACE_LIFETIME: 'run', AGENT_WARM_START: 'on' });
    mkdirSync(inWorkspace('checkout'));
    const locked = 'mkdir -p a/locked/b && touch .hidden a/locked/b/c && chmod 500 a/locked/b a/locked';
    const first = await agent.run(`[[bash:pwd; ${locked}]] remember the heron`);
    expect(first.output).toContain(inWorkspace('run'));
    expect(await metric('claude_agent_warm_starts_total\\{result="hit"\\}')).toBe(1);
    expect((await record(first.runId)).request.workdir).toBe(inWorkspace('run'));
    expect((await agent.run('[[bash:ls -A]] x')).output).toBe('tool: (Bash completed with no output)');
    await agent.run('[[bash:touch kept]] x', { workdir: inWorkspace('checkout') });
    expect(readdirSync(inWorkspace('checkout'))).toEqual(['kept']);
    await until(() => !existsSync(inWorkspace('.removed')), 'all that was left is gone');

    const { success, sessionId } = await agent.run('which bird', { sessionId: first.sessionId });
    expect({ success, sessionId }).toEqual({ success: true, sessionId: first.sessionId });
    expect(JSON.stringify(api.messages().at(-1)?.body)).toContain('remember the heron');
  });

  it('with lifetime run is empty after a crash', async () => {
    await start({ AGENT_WORKSPACE_LIFETIME: 'run' });
    const run = agent.run('[[bash:touch left; sleep 60]] x').catch((error: unknown) => error);
    await until(() => existsSync(inWorkspace('run/left')), 'the run is at work');
    await agent.crash();
    await run;
    expect((await agent.run('[[bash:ls -A]] x')).output).toBe('tool: (Bash completed with no output)');
    await until(() => !existsSync(inWorkspace('.removed')), 'all that was left is gone');
  });

  it('over its limit accepts no runs, lists what fills it, and accepts runs again when there is space', async () => {
    await start({ AGENT_WORKSPACE_MEGABYTES: '20' });
    mkdirSync(inWorkspace('big'));
    await agent.run('[[bash:dd if=/dev/zero of=big/file bs=1M count=30 status=none]] x');
    await until(async () => (await metric('claude_agent_workspace_bytes')) > 30 * 1_048_576, 'it is looked at');
    expect(await metric('claude_agent_workspace_limit_bytes')).toBe(20 * 1_048_576);
    const refused = await agent.post({ prompt: 'refused' });
    expect(refused.status).toBe(507);
    expect(await refused.json()).toMatchObject({
      type: 'urn:claude-code-agent:problem:workspace-full',
      detail: expect.stringMatching(
        `The workspace ${agent.workspaceDir} uses 3\\d MB of disk, more than its limit of 20 MB. Delete .* ${inWorkspace('big')} \\(3\\d MB\\)`,
      ) as string,
    });
    expect(api.messages().map(({ prompt }) => prompt)).not.toContain('refused');

    rmSync(inWorkspace('big'), { recursive: true });
    await until(async () => (await agent.post({ prompt: 'accepted' })).status === 200, 'there is room');
  });

  it('that a run fills over its limit ends the run', async () => {
    await start({ AGENT_WORKSPACE_MEGABYTES: '20', AGENT_WORKSPACE_LIFETIME: 'run' });
    const answer = await agent.run('[[bash:dd if=/dev/zero of=file bs=1M count=30 status=none; sleep 60]] x');
    expect(answer).toMatchObject({ success: false, outcome: 'failed' });
    expect(answer.error).toContain('exceeded its size limit');
    expect(answer.duration).toBeLessThan(50_000);
    await until(async () => (await agent.post({ prompt: 'next' })).status === 200, 'there is room again');
  }, 60_000);
});
