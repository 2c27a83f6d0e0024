import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { Agent, isAlive, until } from '../support/agent.ts';
import { closedPort } from '../support/closed-port.ts';
import { needs, unless } from '../support/needs.ts';

const prompts = { hang: [{ do: 'setsid' }, { do: 'hang' }] } as const;
const NPM_START = ['npm', 'start'] as const;
/** Gives a program a terminal. */
const TERMINAL_PROGRAM = ['/usr/bin/script'].find((file) => process.platform === 'linux' && existsSync(file));

let agent: Agent;
afterEach(async () => {
  for (const pid of programs()) process.kill(pid, 'SIGKILL');
  await agent[Symbol.asyncDispose]();
});

/** The agent's own processes, without the programs that started them. */
function programs(): number[] {
  const read = (pid: number, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
    } catch {
      return [];
    }
  };
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && read(pid, 'cmdline').includes('agent/main.ts'))
    .filter((pid) => read(pid, 'cmdline')[0]?.endsWith('node'))
    .filter((pid) => read(pid, 'environ').includes(`AGENT_STATE_DIR=${agent.stateDir}`));
}

const begun = () => until(() => agent.claude.begun().length === 1);
describe('npm start', needs(unless(process.platform === 'linux', 'It reads /proc, which only Linux has.')), () => {
  it('drains the agent on SIGTERM, and exits after it', async () => {
    agent = new Agent({ prompts, command: NPM_START, env: { AGENT_GRACE_SECONDS: '1' } });
    await agent.start();
    const answer = agent.run('hang');
    await begun();
    await agent.end('SIGTERM');
    expect(programs()).toEqual([]);
    expect(await answer).toMatchObject({ outcome: 'interrupted' });
    expect(agent.claude.journal().some(({ pid }) => isAlive(pid))).toBe(false);
  });
});

describe(
  'an agent',
  needs(unless(TERMINAL_PROGRAM !== undefined, 'There is no /usr/bin/script (bsdutils of util-linux).')),
  () => {
    it('drains when its terminal is closed, although nobody reads its log', async () => {
      const url = await closedPort();
      agent = new Agent({ prompts, env: { AGENT_GRACE_SECONDS: '1', AGENT_PORT: new URL(url).port } });
      const env = { ...agent.environment, SHELL: '/bin/sh' };
      const command = `'${process.execPath}' agent/main.ts`;
      const terminal = spawn(TERMINAL_PROGRAM ?? '', ['--command', command, '/dev/null'], { env });
      agent.url = url;
      await until(() => agent.health().then(Boolean, () => false), 'it listens');
      const answer = agent.run('hang');
      await begun();
      terminal.kill('SIGKILL');
      expect(await answer).toMatchObject({ outcome: 'interrupted' });
      await until(() => programs().length === 0, 'it ended');
      expect(agent.claude.journal().some(({ pid }) => isAlive(pid))).toBe(false);
    });
  },
);

describe("Node's inspector", () => {
  it('is refused by every script that starts a program with a secret', () => {
    const starts = Object.values(packageJson.scripts).filter((script) =>
      /\bnode (--\S+ )*(agent|watchdog|stack)\//.test(script),
    );
    expect(starts.length).toBeGreaterThan(10);
    expect(starts.filter((script) => !script.includes('node --disable-sigusr1 '))).toEqual([]);
  });

  it.each([
    ['npm start', NPM_START],
    ['node agent/main.ts', undefined],
  ])('is not opened by SIGUSR1 to an agent of %s', async (_, command) => {
    agent = await Agent.start({ ...(command && { command }) });
    for (const pid of programs()) process.kill(pid, 'SIGUSR1');
    expect(await agent.run('x')).toMatchObject({ success: true });
    // Until it has become `claude`, a process that the agent starts looks like the agent.
    await until(() => programs().length === 1, 'only the agent is left');
    expect(agent.lines.filter((line) => /inspector|debugger/i.test(line))).toEqual([]);
  });
});
