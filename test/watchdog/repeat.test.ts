import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { repeat } from '../../watchdog/repeat.ts';
import { COMPILE_CACHE } from '../support/compile-cache.ts';
import { agentDouble, auth, TOKEN, tokenFile } from './double.ts';

describe('work that is repeated', () => {
  /** Repeats until the work was done that many times, and returns what happened. */
  async function times(count: number, work: (turn: number) => Promise<unknown>): Promise<readonly string[]> {
    const stop = new AbortController();
    const events: string[] = [];
    let turn = 0;
    await repeat(
      {
        everyMs: 1,
        onError: (error) => events.push((error as Error).message),
        async work() {
          turn += 1;
          if (turn === count) stop.abort();
          events.push(`begin ${turn}`);
          await work(turn);
          events.push(`end ${turn}`);
        },
      },
      stop.signal,
    );
    return events;
  }

  test('is done at once and again, never two at a time, and what takes longer is not made up for', async () => {
    const slow = () => new Promise((resolve) => setTimeout(resolve, 20));
    expect(await times(3, slow)).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  test('goes on after a failure', async () => {
    const failing = (turn: number) => (turn === 1 ? Promise.reject(new Error('failed')) : Promise.resolve());
    expect(await times(2, failing)).toEqual(['begin 1', 'failed', 'begin 2', 'end 2']);
  });
});

describe('the watchdog with --every', () => {
  const start = (agentUrl: string, token = tokenFile()) =>
    execa(process.execPath, ['watchdog/main.ts', '--every', '1440'], {
      env: {
        ...COMPILE_CACHE,
        WATCHDOG_AGENT_URL: agentUrl,
        WATCHDOG_TOKEN_FILE: token,
        WATCHDOG_LEDGER_FILE: `${tokenFile()}.db`,
        WATCHDOG_DEPLOYMENT: 'compose',
      },
      extendEnv: false,
      reject: false,
    });

  test('makes a pass at once, waits for the next one whatever it found, and ends when it is told to', async () => {
    await using agent = await agentDouble(auth('auth_failed', { detail: 'revoked' }));
    const program = start(agent.url);
    const lines: string[] = [];
    for await (const line of createInterface({ input: program.stdout })) {
      lines.push(line);
      if (line.includes('no longer works')) program.kill('SIGTERM');
    }
    expect((await program).exitCode).toBe(0);
    expect(lines.join('\n')).toContain('A pass begins every 1440 minutes.');
    expect(lines.join('\n')).toContain('docker compose exec agent claude auth login');
    expect(lines.join('\n')).not.toContain('npm run');
    expect(agent.asked).toHaveLength(1);
  });

  test('ends a pass in progress first', async () => {
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<() => void>();
    await using agent = await agentDouble((request, response) => isAsked(() => auth('ok')(request, response)));
    const program = start(agent.url);
    const answer = await asked;
    program.kill('SIGTERM');
    setTimeout(answer, 200);
    const { exitCode, stdout } = await program;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Claude's login works");
  });

  test('does not begin with settings that are wrong', async () => {
    const program = start('http://127.0.0.1:1', '/nowhere/token');
    await once(program, 'exit');
    const { exitCode, stdout } = await program;
    expect(exitCode).toBe(1);
    expect(stdout).toContain("WATCHDOG_TOKEN_FILE: the file can't be read");
    expect(stdout).not.toContain(TOKEN);
  });
});
