import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { AS_ROOT, BYPASS, Claude } from '../support/claude.ts';
import { makeHome, type Home } from '../support/home.ts';
import '../support/two-at-a-time.ts';
import { needs, unless } from '../support/needs.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const options = (home: Home, env: Record<string, string> = {}) => ({
  home,
  args: BYPASS,
  env: { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test', ...AS_ROOT, ...env },
});
const readAll = (home: Home, name: string) => readFile(join(home.path, name), 'utf8');

/** Waits for the process id that a tool writes to a file. */
const pidIn = (home: Home, name: string) =>
  vi.waitFor(
    async () =>
      z.coerce
        .number()
        .int()
        .min(2)
        .parse(await readAll(home, name)),
    { timeout: 20_000 },
  );

/** Field 6 of /proc/PID/stat, counted after the name, which may contain anything. */
async function sessionOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe(
  'the processes of a run',
  { concurrent: true, ...needs(unless(process.platform === 'linux', 'It reads /proc, which only Linux has.')) },
  () => {
    it('run tools in sessions of their own, which end with SIGTERM to the CLI', async () => {
      await using home = await makeHome();
      await using claude = new Claude(options(home));
      claude.send('[[bash:echo $$ > tool.pid; tail -f /dev/null]] run');
      const tool = await pidIn(home, 'tool.pid');
      expect(await sessionOf(tool)).toBe(tool);
      expect(await sessionOf(claude.pid)).not.toBe(tool);
      claude.kill('SIGTERM');
      expect((await claude.exited).code).toBe(143);
      await vi.waitFor(() => expect(isAlive(tool)).toBe(false), { timeout: 10_000 });
    });

    it('outlive even a successful run if a tool starts them with setsid, and have the mark in their environment', async () => {
      await using home = await makeHome();
      const mark = `CONTRACT_MARK=${randomUUID()}`;
      const prompt = '[[bash:setsid tail -f /dev/null > /dev/null 2>&1 & echo $! > child.pid]] run';
      const [name = '', value = ''] = mark.split('=');
      const { code } = await ask(prompt, options(home, { [name]: value }));
      const child = await pidIn(home, 'child.pid');
      try {
        expect(code).toBe(0);
        const environment = await readFile(`/proc/${child}/environ`, 'utf8');
        expect(environment.split('\0')).toContain(mark);
      } finally {
        process.kill(child, 'SIGKILL');
      }
    });

    it("see the CLI's API key, but not its OAuth token", async () => {
      await using home = await makeHome();
      const prompt = '[[bash:env > tool.env]] run';
      await ask(prompt, options(home));
      expect(await readAll(home, 'tool.env')).toContain('sk-ant-api03-test');
      await ask(prompt, options(home, { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-test' }));
      expect(await readAll(home, 'tool.env')).toContain('CLAUDECODE=1');
      expect(await readAll(home, 'tool.env')).not.toContain('sk-ant-oat01-test');
    });
  },
);

describe('root', needs(unless(process.getuid?.() === 0, 'It needs root.')), () => {
  it('may not bypass permissions unless IS_SANDBOX is set', async () => {
    await using home = await makeHome();
    const { events, stderr, code } = await ask('hello', options(home, { IS_SANDBOX: '' }));
    expect(stderr).toContain('cannot be used with root/sudo privileges');
    expect({ events, code }).toEqual({ events: [], code: 1 });
    const { result } = await ask('hello', options(home, { IS_SANDBOX: '1' }));
    expect(result.result).toBe('echo: hello');
  });
});
