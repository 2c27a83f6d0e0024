import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/agent.ts';
import { needs } from '../../support/needs.ts';
import { ProcessShapes } from '../../support/process-shapes.ts';
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

describe('a runner as in the image', needs(NO_CONTAINER), () => {
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

  it('lets a run find no file, no memory, no queue and no semaphore of the last one', async () => {
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
    // The user of this one is root, whose processes can always be inspected.
    expect(runner.lines.join('\n')).toContain('a run can take over this program or PID 1');
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
    await using group = {
      dir: `${parent}/runner-test-${process.pid}`,
      [Symbol.asyncDispose]: () => until(() => isRemoved(group.dir), 'the group is empty'),
    };
    const before = `mkdir ${group.dir} && echo 200M > ${group.dir}/memory.limit_in_bytes && echo 0 > ${group.dir}/cgroup.procs
      mount --bind ${group.dir} ${parent}`;
    await using runner = await RunnerProgram.start({ before });
    await using host = await runnersAt([runner.address]);
    const eat = `perl -e 'push @a, chr(65 + $n++ % 26) x 4e6 and select(undef, undef, undef, 0.02) while 1'`;
    const { outcome, error } = await host.resultOf(`head -c 130000000 /dev/zero > file; cat file > /dev/null; ${eat}`);
    expect(outcome).toBe('failed');
    expect(error).toMatch(
      /^The run was ended by its runner\. It used (1[89]\d|20\d) of the 200 MiB of memory that its container has\. At 90 % a run is ended\.$/,
    );
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
