import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attackFromHere, foundIn } from '../../support/attacks.ts';
import { attacksHere } from '../../support/attacks-here.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram, runnersAt } from '../../support/runner.ts';

attacksHere('real');

const FOLDERS = ['home', 'workspace', 'tmp'];
/** The run can fill them. */
const SMALL = FOLDERS.map((name) => `mount -t tmpfs -o size=8m,uid=10001,gid=10001 tmpfs "$1/${name}"`).join('\n');
const SOON = { pingMs: 20, silenceMs: 500 };

/** What an attack does, how its run ends, and what the record says. */
const OVERLOADS = [
  ['stop', 'interrupted', /^The agent lost the connection to the runner/],
  ['output', 'failed', /^claude wrote a line that is too long to be an event/],
  ['disk', 'failed', /^claude ended without a result .* 3 line/],
  ['processes', 'failed', /^claude ended without a result .* 1 line/],
] as const;

describe.each(OVERLOADS)('a run that overloads its runner (%s)', needs(NO_CONTAINER), (kind, outcome, error) => {
  let runner: RunnerProgram;
  let other: RunnerProgram;
  beforeEach(async () => {
    [runner, other] = await Promise.all([RunnerProgram.start({ asUser: true, before: SMALL }), RunnerProgram.start()]);
  });
  afterEach(() => Promise.all([runner, other].map((each) => each[Symbol.asyncDispose]())));

  it('ends with a reason, others go on, and the next one finds nothing of it', async () => {
    await using host = await runnersAt([runner.address], kind === 'stop' ? SOON : {});
    await using elsewhere = await runnersAt([other.address]);
    const untouched = elsewhere.shell('cat');
    expect(await host.resultOf(attackFromHere('overload', kind, '1e9'))).toMatchObject({
      outcome,
      error: expect.stringMatching(error) as string,
    });
    untouched.write('goes on');
    untouched.closeStdin();
    expect(await untouched.exit).toEqual({ code: 0 });
    expect(untouched.said.stdout).toBe('goes on');

    if (kind === 'stop') process.kill(runner.pid, 'SIGCONT');
    await host.until('ready');
    const roots = FOLDERS.flatMap((name) => ['--root', runner.path(name)]);
    const next = host.shell(attackFromHere('traces', ...roots));
    expect(await next.exit).toEqual({ code: 0 });
    expect(next.said.stdout).toContain('"attack":"traces"');
    expect(foundIn(next.said.stdout)).toEqual([]);
  });
});
