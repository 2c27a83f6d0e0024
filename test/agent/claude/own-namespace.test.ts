import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { Agent } from '../../support/agent.ts';
import { ProcessShapes } from '../../support/process-shapes.ts';
import { needs } from '../../support/needs.ts';

const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
/** The command with which the image starts the agent. Only a host that is the agent itself has the namespace to itself. */
const CONTAINER = [...NAMESPACE, 'tini', '--', process.execPath, 'agent/main.ts'];

function missing(): string | undefined {
  try {
    execFileSync(CONTAINER[0] ?? '', [...NAMESPACE.slice(1), 'tini', '--version'], { stdio: 'ignore' });
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'It needs root, unshare and nsenter of util-linux, and tini.';
  }
}

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

describe('a container of its own', needs(missing()), () => {
  it("keeps an operator's processes, and kills those of a run, whatever they did to their marks", async () => {
    ofRun = new ProcessShapes({
      'in a session without environment': 'env -i setsid ./stay &',
      'forked twice without environment': '(setsid sh -c "env -i setsid ./stay & exit" & exit)',
      'without environment, with a lower limit': '({ ulimit -w 5 || ulimit -x 5; }; env -i setsid ./stay &)',
      'without environment, with the lowest limit': '({ ulimit -w 0 || ulimit -x 0; }; env -i setsid ./stay &)',
    });
    ofOperator = new ProcessShapes({ 'in the background': './stay &', 'in a session': 'setsid ./stay &' });
    agent = await Agent.start({
      command: CONTAINER,
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
