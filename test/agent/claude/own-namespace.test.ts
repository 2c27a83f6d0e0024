import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostedProcess } from '../../../agent/claude/host.ts';
import { clockTicks } from '../../../agent/claude/proc.ts';
import { PipeHost, PROGRAM } from '../../doubles/process-host/client.ts';
import { Agent, until } from '../../support/agent.ts';
import { ProcessShapes } from '../../support/process-shapes.ts';
import { needs } from '../../support/needs.ts';

const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
/** Starts a program as the image starts the agent. */
const inContainer = (...command: string[]) => [...NAMESPACE, 'tini', '--', ...command];

function missing(): string | undefined {
  try {
    execFileSync(NAMESPACE[0] ?? '', [...NAMESPACE.slice(1), 'tini', '--version'], { stdio: 'ignore' });
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'It needs root, unshare and nsenter of util-linux, and tini.';
  }
}

/** They can be found only because their limit is lower than any other. */
const LOWERED = {
  'without environment, with a lower limit': '({ ulimit -w 5 || ulimit -x 5; }; env -i setsid ./stay &)',
  'without environment, with the lowest limit': '({ ulimit -w 0 || ulimit -x 0; }; env -i setsid ./stay &)',
};

// Only on this machine: a host in another program does not share the namespace with the agent alone.
describe('a container of its own', needs(missing()), () => {
  let agent: Agent;
  let ofRun: ProcessShapes;
  let ofOperator: ProcessShapes;
  afterEach(async () => {
    await agent[Symbol.asyncDispose]();
    for (const shapes of [ofRun, ofOperator]) shapes[Symbol.dispose]();
  });

  /** Runs a command in the namespace, as `kubectl exec` does: it has no parent there. */
  function exec(command: string): void {
    const first = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, 'utf8').trim();
    execFileSync('nsenter', ['--target', first, '--pid', 'sh', '-c', command], { stdio: 'ignore', env: {} });
  }

  it("keeps an operator's processes, and kills those of a run, whatever they did to their marks", async () => {
    ofRun = new ProcessShapes({
      'in a session without environment': 'env -i setsid ./stay &',
      'forked twice without environment': '(setsid sh -c "env -i setsid ./stay & exit" & exit)',
      ...LOWERED,
    });
    ofOperator = new ProcessShapes({ 'in the background': './stay &', 'in a session': 'setsid ./stay &' });
    agent = await Agent.start({
      command: inContainer(process.execPath, 'agent/main.ts'),
      prompts: {
        leaves: [
          { do: 'shell', command: ofRun.command },
          { do: 'result', text: 'done' },
        ],
      },
    });
    exec(ofOperator.command);
    expect(await agent.run('leaves')).toMatchObject({ success: true });
    await agent.run('the next one');
    expect({ ofRun: ofRun.left, ofOperator: ofOperator.left.length }).toEqual({ ofRun: [], ofOperator: 2 });
    expect(ofRun.started).toBe(true);
  });
});

describe('processes at once in a container of their own', needs(missing()), () => {
  const instance = randomUUID();
  let host: PipeHost;
  let lowered: ProcessShapes;
  let ofOther: ProcessShapes;
  beforeEach(() => {
    host = new PipeHost(inContainer(...PROGRAM));
    lowered = new ProcessShapes(LOWERED);
    ofOther = new ProcessShapes({ 'in the group': './stay &', 'in a session': 'setsid ./stay &', ...LOWERED });
  });
  afterEach(async () => {
    await host[Symbol.asyncDispose]();
    for (const shapes of [lowered, ofOther]) shapes[Symbol.dispose]();
  });

  /** A process that obeys its stdin. */
  function shell(): HostedProcess {
    const mark = `${instance}/${randomUUID()}`;
    const env = { PATH: process.env['PATH'] ?? '', CLAUDE_AGENT_RUN: mark };
    const ignored = { stdout: () => undefined, stderr: () => undefined };
    return host.start({ file: 'sh', args: [], env, cwd: '/', mark }, ignored);
  }

  /** Has a process start others, and waits until they run. */
  async function leave(process: HostedProcess, shapes: ProcessShapes): Promise<readonly string[]> {
    process.write(`${shapes.command}\n`);
    await until(() => shapes.started, 'all have started');
    return shapes.left;
  }

  /** Linux counts the starts of processes in hundredths of a second. */
  async function nextTick(): Promise<void> {
    const now = clockTicks();
    await until(() => clockTicks() > now, 'the clock goes on');
  }

  const isAlive = async (process: HostedProcess) => (await process.residentBytes()) > 0;

  it('keep what they started, whatever it did to its marks, until they end themselves', async () => {
    const [one, other] = [shell(), shell()];
    const all = await leave(other, ofOther);
    await leave(one, lowered);
    await one.sweep();
    expect({ left: ofOther.left, other: await isAlive(other) }).toEqual({ left: all, other: true });
    await other.sweep();
    expect({ one: lowered.left, other: ofOther.left }).toEqual({ one: [], other: [] });
  });

  it('do not protect what started before they did', async () => {
    const one = shell();
    await leave(one, lowered);
    await nextTick();
    const other = shell();
    const all = await leave(other, ofOther);
    await one.sweep();
    expect({ one: lowered.left, other: ofOther.left }).toEqual({ one: [], other: all });
  });

  it('protect nothing while they wait for their first input', async () => {
    const [one, waiting] = [shell(), shell()];
    await leave(one, lowered);
    await one.sweep();
    expect({ left: lowered.left, waiting: await isAlive(waiting) }).toEqual({ left: [], waiting: true });
    expect(await leave(waiting, ofOther)).toHaveLength(4);
  });
});
