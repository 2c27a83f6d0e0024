import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { until } from '../support/agent.ts';
import { ask } from '../support/ask.ts';
import { Claude } from '../support/claude.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const withKey = () => ({ ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test' });

/** Waits until a process reads its input. */
async function ready(claude: Claude): Promise<void> {
  claude.interrupt();
  await claude.event(({ type }) => type === 'control_response');
}

async function bodyOf(claude: Claude, prompt: string): Promise<string> {
  claude.send(prompt);
  await claude.result();
  return JSON.stringify(api.messages().find((request) => request.prompt === prompt)?.body);
}

describe.concurrent('a process that waits for its prompt', () => {
  it('sends no requests, and its session id stays free if it ends without a prompt', async () => {
    await using home = await makeHome();
    const sessionId = randomUUID();
    {
      await using claude = new Claude({ home, env: withKey(), args: ['--session-id', sessionId] });
      await ready(claude);
      claude.closeStdin();
      expect(await claude.exited).toEqual({ code: 0, signal: null, stderr: '' });
    }
    expect(existsSync(path.join(home.path, '.claude/projects'))).toBe(false);
    const { result } = await ask('free', { home, env: withKey(), args: ['--session-id', sessionId] });
    expect(result).toMatchObject({ session_id: sessionId, is_error: false });
    expect(api.messages().filter(({ prompt }) => prompt === '')).toEqual([]);
  });

  it('with --resume has read its conversation at its start, touches it then, and writes to it only when it exits', async () => {
    await using home = await makeHome();
    const sessionId = randomUUID();
    await ask('remember the grebe', { home, env: withKey(), args: ['--session-id', sessionId] });
    const projects = path.join(home.path, '.claude/projects');
    const [folder = ''] = readdirSync(projects);
    const file = path.join(projects, folder, `${sessionId}.jsonl`);
    const text = readFileSync(file, 'utf8');
    const old = new Date(1e12);
    const resume = async () => {
      utimesSync(file, old, old);
      const claude = new Claude({ home, env: withKey(), args: ['--resume', sessionId] });
      await until(() => statSync(file).mtimeMs > old.getTime(), 'it has read its conversation');
      return claude;
    };
    {
      await using killed = await resume();
      killed.kill('SIGKILL');
      await killed.exited;
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
    {
      await using closed = await resume();
      closed.closeStdin();
      expect(await closed.exited).toMatchObject({ code: 0 });
      expect(readFileSync(file, 'utf8')).toMatch(/"type":"cost-state"[^\n]*\n$/);
      expect(readFileSync(file, 'utf8').startsWith(text)).toBe(true);
    }
    await using claude = await resume();
    writeFileSync(file, text.replaceAll('grebe', 'snipe'));
    const sent = await bodyOf(claude, 'which bird waits');
    expect(sent).toContain('grebe');
    expect(sent).not.toContain('snipe');
  });

  it('uses the login from the time of the prompt', async () => {
    await using home = await makeHome();
    await home.logIn({ accessToken: 'sk-ant-oat01-before' });
    await using claude = new Claude({ home, env: { ANTHROPIC_BASE_URL: api.url } });
    await ready(claude);
    await home.logIn({ accessToken: 'sk-ant-oat01-after' });
    await bodyOf(claude, 'whose login');
    const asked = api.messages().find(({ prompt }) => prompt === 'whose login');
    expect(asked?.credential.value).toBe('sk-ant-oat01-after');
  });

  it('has looked at its git repository before the prompt: Claude does not learn of files that came later', async () => {
    await using home = await makeHome();
    execFileSync('git', ['init', '--quiet'], { cwd: home.path });
    const bin = path.join(home.path, 'bin');
    const calls = path.join(home.path, 'calls');
    mkdirSync(bin);
    const script = `#!/bin/sh\nPATH=\${PATH#*:} git "$@"; code=$?; echo "$*" >> '${calls}'; exit $code\n`;
    writeFileSync(path.join(bin, 'git'), script, { mode: 0o755 });
    await using claude = new Claude({ home, env: { ...withKey(), PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
    await until(() => existsSync(calls) && /\bstatus\b/.test(readFileSync(calls, 'utf8')), 'git status');
    writeFileSync(path.join(home.path, 'came-later.txt'), '');
    expect(await bodyOf(claude, 'which files')).not.toContain('came-later.txt');
  });

  it('has the settings and the memory from the time of its start', async () => {
    await using home = await makeHome();
    await using claude = new Claude({ home, env: withKey() });
    await ready(claude);
    mkdirSync(path.join(home.path, '.claude'), { recursive: true });
    writeFileSync(path.join(home.path, '.claude/CLAUDE.md'), 'memory-that-came-later');
    expect(await bodyOf(claude, 'which memory')).not.toContain('memory-that-came-later');
  });
});
