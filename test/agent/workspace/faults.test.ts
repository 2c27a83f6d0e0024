import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Step } from '../../doubles/claude/script.ts';
import { Agent, until } from '../../support/agent.ts';

let agent: Agent;
let outside: string;
const inWorkspace = (...parts: string[]) => path.join(agent.workspaceDir, ...parts);

/** An agent whose runs execute the command of their prompt in their folder. */
async function start(commands: Readonly<Record<string, string>> = {}, env: Record<string, string> = {}) {
  const steps = (command: string): Step[] => [
    { do: 'shell', command },
    { do: 'result', text: 'done' },
  ];
  const prompts = Object.fromEntries(Object.entries(commands).map(([prompt, command]) => [prompt, steps(command)]));
  agent = await Agent.start({ prompts, env });
}

const foldersOf = (prompt: string) =>
  agent.claude.journal().flatMap((entry) => (entry.what === 'began' && entry.prompt === prompt ? [entry.cwd] : []));

beforeEach(() => {
  outside = mkdtempSync(path.join(tmpdir(), 'outside-'));
  writeFileSync(path.join(outside, 'precious'), '');
});
afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  expect(readdirSync(outside)).toEqual(['precious']);
  rmSync(outside, { recursive: true });
});

describe('the folder of a waiting run', () => {
  const changed = async (change: () => void) => {
    await start({ first: 'until [ -e go ]; do sleep 0.02; done' });
    mkdirSync(inWorkspace('project'));
    const first = agent.run('first');
    await until(() => agent.claude.begun().includes('first'));
    const second = agent.run('second', { workdir: inWorkspace('project') });
    await until(async () => (await agent.health()).queued === 1);
    change();
    writeFileSync(inWorkspace('go'), '');
    expect(await first).toMatchObject({ success: true });
    return second;
  };

  it('is not followed out of the workspace if a link replaces it', async () => {
    const answer = await changed(() => {
      renameSync(inWorkspace('project'), inWorkspace('moved'));
      symlinkSync(outside, inWorkspace('project'));
    });
    const error = `The working directory ${inWorkspace('project')} points outside the workspace ${agent.workspaceDir}, to ${outside}. The run was not started.`;
    expect(answer).toMatchObject({ success: false, outcome: 'failed', error });
    expect(agent.claude.begun()).toEqual(['first']);
  });

  it('is named if it no longer exists', async () => {
    const answer = await changed(() => rmSync(inWorkspace('project'), { recursive: true }));
    const error = `The working directory ${inWorkspace('project')} no longer exists. The run was not started.`;
    expect(answer).toMatchObject({ outcome: 'failed', error });
  });

  it('is named if it is now a file', async () => {
    const answer = await changed(() => {
      rmSync(inWorkspace('project'), { recursive: true });
      writeFileSync(inWorkspace('project'), '');
    });
    expect(answer.error).toBe(
      `The working directory ${inWorkspace('project')} is no longer a folder. The run was not started.`,
    );
  });
});

describe('a workspace', () => {
  it('that a run removed is created again for the next run, and for a waiting one', async () => {
    await start({ removes: 'rm -rf "$PWD"' });
    const answers = await Promise.all(['removes', 'waits'].map((prompt) => agent.run(prompt)));
    expect(answers.map(({ success }) => success)).toEqual([true, true]);
    expect(await agent.run('removes')).toMatchObject({ success: true });
    expect(await agent.run('next', { workdir: agent.workspaceDir })).toMatchObject({ success: true });
    expect(foldersOf('next')).toEqual([agent.workspaceDir]);
  });

  it('that a run replaced by a link is a folder again', async () => {
    await start({ replaces: `rm -rf "$PWD"; ln -s ${outside} "$PWD"` });
    await agent.run('replaces');
    expect(await agent.run('next')).toMatchObject({ success: true });
    expect(foldersOf('next')).toEqual([agent.workspaceDir]);
    expect(lstatSync(agent.workspaceDir).isDirectory()).toBe(true);
    expect((await agent.post({ prompt: 'x', workdir: outside })).status).toBe(400);
  });

  it('that a run made inaccessible for its owner is accessible again', async () => {
    await start({ closes: 'chmod 0 .' });
    await agent.run('closes');
    await agent.run('next');
    expect(lstatSync(agent.workspaceDir).mode & 0o700).toBe(0o700);
  });

  it('that was removed while nothing ran is created again for the next run and the login check', async () => {
    await start({}, { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-test' });
    await until(() => agent.claude.started().length === 1, 'one process waits');
    rmSync(agent.workspaceDir, { recursive: true });
    expect(await (await agent.fetch('/auth/check', { method: 'POST' })).json()).toMatchObject({ state: 'ok' });
    rmSync(agent.workspaceDir, { recursive: true });
    expect(await agent.run('next')).toMatchObject({ success: true, output: 'echo: next' });
    expect(foldersOf('next')).toEqual([agent.workspaceDir]);
  });

  it('that cannot be created again is reported with the reason', async () => {
    await start();
    const parent = inWorkspace('..', 'parent');
    await agent.end('SIGTERM');
    agent.env['AGENT_WORKSPACE_DIR'] = path.join(parent, 'workspace');
    await agent.start();
    rmSync(parent, { recursive: true });
    symlinkSync(outside, parent);
    const response = await agent.post({ prompt: 'x' });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      type: 'urn:claude-code-agent:problem:workspace-unusable',
      detail: `The workspace ${path.join(parent, 'workspace')} cannot be used: ${parent} now points to ${outside}. The run was not accepted.`,
    });
  });
});

describe('the folder that is empty for every run', () => {
  it.each(['run', '.removed'])('is not emptied through a link that a run put in the place of %s', async (folder) => {
    await start(
      { replaces: `touch left; cd ..; rm -rf ${folder}; ln -s ${outside} ${folder}` },
      { AGENT_WORKSPACE_LIFETIME: 'run' },
    );
    await agent.run('replaces');
    expect(await agent.run('next')).toMatchObject({ success: true });
    expect(foldersOf('next')).toEqual([inWorkspace('run')]);
    await until(() => !existsSync(inWorkspace('.removed')), 'all that was left is gone');
    expect(lstatSync(inWorkspace('run')).isDirectory()).toBe(true);
  });
});
