import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/agent.ts';
import { needs } from '../../support/needs.ts';
import { ProcessShapes } from '../../support/process-shapes.ts';
import { slice } from '../../support/lane.ts';
import { NO_CONTAINER, RunnerProgram, runnersAt, TestRunnerHost, type Shell } from '../../support/runner.ts';

/** Lists what is in every place that a run can write to. */
const LOOK = `find "$HOME" "$TMPDIR" . /dev/shm /dev/mqueue -mindepth 1
cat /dev/termination-log
tail -q -n +2 /proc/sysvipc/*
stat -c %a "$HOME"`;

/** Writes to every place, in ways that make removal hard. */
const LEAVE = `set -e
for dir in "$HOME" "$TMPDIR" .; do
  (cd "$dir"; : > file; : > .hidden; ln -s /etc link; mkfifo fifo; mkdir -p locked/in; : > locked/in/file; chmod 0 locked/in locked)
done
perl -e 'for (1 .. 600) { mkdir "deep-deep-deep"; chdir "deep-deep-deep" or die }'
: > /dev/shm/memory; : > /dev/mqueue/queue; echo said > /dev/termination-log
ipcmk -M 100 -Q -S 1 > /dev/null
chmod 0 "$HOME"`;

async function done(shell: Shell): Promise<string> {
  await shell.exit;
  await shell.sweep();
  return shell.said.stdout + shell.said.stderr;
}

describe('after a run, on a runner without root', needs(NO_CONTAINER), () => {
  let runner: RunnerProgram;
  let host: TestRunnerHost;
  beforeAll(async () => {
    runner = await RunnerProgram.start({ asUser: true });
    host = await runnersAt([runner.address]);
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await runner[Symbol.asyncDispose]();
  });
  beforeEach(() => host.until('ready'));

  it('the next one finds no file, no memory, no queue and no semaphore of it', async () => {
    const before = await done(host.shell(LOOK));
    await host.until('ready');
    expect(await done(host.shell(LEAVE))).toBe('');
    await host.until('ready');
    expect(await done(host.shell(LOOK))).toBe(before);
  });
});

describe('after a run', needs(NO_CONTAINER), () => {
  it('none of its processes is left, whatever they did', async () => {
    await using runner = await RunnerProgram.start();
    await using host = await runnersAt([runner.address]);
    using shapes = new ProcessShapes({
      'in a session without environment': 'env -i setsid ./stay &',
      'forked twice without environment': '(setsid sh -c "env -i setsid ./stay & exit" & exit)',
      'that is stopped': './stay & until [ -e started ]; do sleep 0.02; done; kill -STOP $!',
      'that hops': 'env -i setsid ./hop &',
    });
    const shell = host.shell(shapes.command);
    expect(await shell.exit).toEqual({ code: 0 });
    expect(shapes.started).toBe(true);
    await shell.sweep();
    expect(shapes.left).toEqual([]);
    expect(runner.lines.filter((line) => line.includes('error'))).toEqual([]);
  });
});

describe('a workspace that stays', needs(NO_CONTAINER), () => {
  it('is left alone, and HOME is not', async () => {
    await using runner = await RunnerProgram.start({ env: { RUNNER_KEEP_WORKSPACE: 'true' } });
    await using host = await runnersAt([runner.address]);
    await done(host.shell(': > kept; : > "$HOME/removed"'));
    expect(existsSync(runner.path('workspace', 'kept'))).toBe(true);
    expect(readdirSync(runner.path('home'))).toEqual([]);
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
  ['oom_score_adj', 'echo 500 > /proc/$PPID/oom_score_adj', 4],
];

describe.each(slice(CHANGES, 2))('a run that changes its runner (%s)', needs(NO_CONTAINER), (what, command, code) => {
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

describe('a runner that is not alone', needs(NO_CONTAINER), () => {
  it('does not start, and says why', async () => {
    await expect(RunnerProgram.start({ before: 'sleep 300 &' })).rejects.toThrow(
      /exit code 2: The runner cannot start: there are other processes: \d+ \(sleep\)\. A runner kills all other processes/,
    );
  });
});

describe('memory', needs(NO_CONTAINER), () => {
  const parent = '/sys/fs/cgroup/memory';
  const missing = existsSync(`${parent}/memory.limit_in_bytes`) ? undefined : 'It needs cgroup v1 to make a group.';

  it('of a run that comes near the limit of the container ends it, with the figures', needs(missing), async () => {
    const group = `${parent}/runner-test-${process.pid}`;
    const before = `mkdir ${group} && echo 200M > ${group}/memory.limit_in_bytes && echo 0 > ${group}/cgroup.procs
      mount --bind ${group} ${parent}`;
    await using _ = { [Symbol.asyncDispose]: () => until(() => isRemoved(group), 'the group is empty') };
    await using runner = await RunnerProgram.start({ before });
    await using host = await runnersAt([runner.address]);
    const eat = `perl -e 'push @a, "x" x 4e6 and select(undef, undef, undef, 0.02) while 1'`;
    const shell = host.shell(`head -c 230000000 /dev/zero > file; cat file > /dev/null; echo read; ${eat}`);
    const { reason, signal } = await shell.exit;
    expect({ signal, said: shell.said.stdout }).toEqual({ signal: 'SIGKILL', said: 'read\n' });
    expect(reason).toMatch(
      /^It used (1[89]\d|20\d) of the 200 MiB of memory that its container has\. At 90 % a run is ended\.$/,
    );
    await shell.sweep();
    await host.until('ready');
  });
});

/** Removes a cgroup. The kernel refuses while a process in it has not quite ended. */
function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
