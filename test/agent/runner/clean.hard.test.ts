import { afterEach, describe, expect, it } from 'vitest';
import { SILENCE_MS } from '../../../agent/runner/protocol.ts';
import { processIds } from '../../../agent/claude/proc.ts';
import { until } from '../../support/agent.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram, runnersAt } from '../../support/runner.ts';
import { RawAgent } from './raw-agent.ts';

describe('a runner', needs(NO_CONTAINER), () => {
  it('is clean after each of many runs that fork, flood, and fill', async () => {
    await using runner = await RunnerProgram.start();
    await using host = await runnersAt([runner.address]);
    const fork = `i=0; while [ $i -lt 2000 ]; do setsid sleep 300 & i=$((i + 1)); done; echo forked`;
    const fill = 'for i in 1 2 3 4; do (yes > "$HOME/$i" &) ; done; yes | head -c 50000000 > /dev/shm/x; echo filled';
    for (const script of [fork, fill, ...Array<string>(100).fill('setsid sleep 300 & echo once')]) {
      await host.until('ready');
      const shell = host.shell(script);
      await until(() => shell.said.stdout !== '', 'it has done it');
      await shell.sweep();
      const left = host.counts.busy;
      expect(left).toBe(0);
    }
    await host.until('ready');
    const last = host.shell('ls -A "$HOME" "$TMPDIR" . /dev/shm | grep -v ":$"; set -- /proc/[0-9]*; echo $#');
    await last.outputEnd;
    // PID 1, the runner, and the shell.
    expect(last.said.stdout.trim()).toBe('3');
    await last.sweep();
  });

  it('ends the run of an agent that says nothing any more', async () => {
    await using runner = await RunnerProgram.start();
    const silent = new RawAgent(runner.address);
    const before = performance.now();
    await silent.start('sleep 12345');
    await silent.closed;
    expect(performance.now() - before).toBeGreaterThan(SILENCE_MS - 2000);
    await using next = await runnersAt([runner.address]);
    expect(next.counts.ready).toBe(1);
    expect(processIds()).not.toEqual([]);
  });
});

/** Commands that change the runner, which is the parent of the shell; what the log says; the exit code. */
const CHANGES: readonly (readonly [what: string, command: string, code: number])[] = [
  ['Max open files', 'prlimit --pid $PPID --nofile=500:600', 4],
  ['replaced', 'mv "$HOME" "$HOME-old" && mkdir "$HOME"', 3],
  ['nice', 'renice -n 5 -p $PPID', 4],
  ['CPU affinity', 'taskset -p -c 0 $PPID', 4],
  ['I/O priority', 'ionice -c 3 -p $PPID', 4],
  ['scheduler', 'chrt --batch -p 0 $PPID', 4],
  ['oom_score_adj', '(echo 500 > /proc/$PPID/oom_score_adj)', 4],
];

describe.each(CHANGES)('a run that changes its runner (%s)', needs(NO_CONTAINER), (what, command, code) => {
  let runner: RunnerProgram;
  afterEach(() => runner[Symbol.asyncDispose]());

  it('is its last: it says what was changed, and exits', async () => {
    runner = await RunnerProgram.start();
    await using host = await runnersAt([runner.address]);
    const shell = host.shell(`${command} > /dev/null`);
    expect(await shell.exit).toEqual({ code: 0 });
    await shell.sweep();
    expect(await runner.exit).toBe(code);
    expect(runner.lines.join('\n')).toContain(what);
  });
});
