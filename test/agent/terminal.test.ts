import { execa } from 'execa';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

/** Starts the agent in an empty folder, where it would write its state. */
async function start(...args: string[]) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'agent-arguments-'));
  const main = path.resolve('agent/main.ts');
  const env = { PATH: process.env['PATH'], HOME: cwd };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [main, ...args], {
    cwd,
    env,
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr, left: readdirSync(cwd) };
}

describe('the arguments of the agent', () => {
  it.each(['--help', '-h'])('%s prints where settings are described, and starts nothing', async (help) => {
    const { exitCode, stdout, stderr, left } = await start(help);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('docs/configuration.md');
    expect(stdout).toContain('AGENT_PORT=8080 npm start');
    expect(stderr).toBe('');
    expect(left).toEqual([]);
  });

  it.each([[['--port', '80']], [['8080']]])('%j are refused, and nothing is started', async (args) => {
    const { exitCode, stderr, left } = await start(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`Unexpected argument '${args[0] ?? ''}'.`);
    expect(stderr).toContain('Settings are environment variables');
    expect(left).toEqual([]);
  });
});
