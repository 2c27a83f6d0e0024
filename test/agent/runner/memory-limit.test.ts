import { describe, expect, it } from 'vitest';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram, runnersAt } from '../../support/runner.ts';

const bytes = (mebibytes: number) => mebibytes * 1_048_576;

/** What the kernel shows of a container with 1,000 MiB: cgroup v2, and v1. `clean.test.ts` has a real group of v1. */
const CGROUPS = [
  {
    version: 'v2',
    folder: '/sys/fs/cgroup',
    limit: 'memory.max',
    used: 'memory.current',
    stat: `anon 1\ninactive_file ${bytes(50)}\nactive_file ${bytes(20)}\n`,
  },
  {
    version: 'v1',
    folder: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    stat: `inactive_file 1\ntotal_inactive_file ${bytes(50)}\ntotal_active_file ${bytes(20)}\n`,
  },
];

/** A runner to which these files are its cgroup. */
const startIn = (folder: string, files: Readonly<Record<string, string>>) =>
  RunnerProgram.start({
    before: [
      'mkdir "$1/cgroup"',
      ...Object.entries(files).map(
        ([name, text]) => `printf '${text.replaceAll('\n', String.raw`\n`)}' > "$1/cgroup/${name}"`,
      ),
      `mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir -p ${folder} && mount --bind "$1/cgroup" ${folder}`,
    ].join('\n'),
  });

describe('the memory of the container', needs(NO_CONTAINER), () => {
  it.each(CGROUPS)(
    'in cgroup $version ends a run that takes nine tenths of it, without the file cache',
    async ({ folder, limit, used, stat }) => {
      await using runner = await startIn(folder, {
        [limit]: String(bytes(1000)),
        [used]: String(bytes(969)),
        'memory.stat': stat,
      });
      await using host = await runnersAt([runner.address]);
      const more = `sleep 0.3; echo ${bytes(971)} > "${runner.path('cgroup', used)}"; sleep 300`;
      expect(await host.resultOf(more)).toMatchObject({
        outcome: 'failed',
        error: expect.stringContaining('It used 901 of the 1,000 MiB of memory that its container has.') as string,
      });
      await host.until('ready');
    },
  );

  it('ends no run if the container has no limit', async () => {
    await using runner = await startIn('/sys/fs/cgroup', {
      'memory.max': 'max\n',
      'memory.current': String(bytes(1000)),
    });
    await using host = await runnersAt([runner.address]);
    const shell = host.shell('sleep 0.3');
    expect(await shell.exit).toEqual({ code: 0 });
  });
});
