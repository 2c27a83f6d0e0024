import type { ChildProcess } from 'node:child_process';

import { execa } from 'execa';

/** Kills a process and all below it at once, so that none can end in good order. */
export async function cutOff(process_: Pick<ChildProcess, 'pid'>): Promise<void> {
  const { stdout } = await execa('ps', ['-eo', 'pid=,ppid=']);
  const parents = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const below = (pid: number): number[] => [
    pid,
    ...parents.filter(([, parent]) => parent === pid).flatMap(([child = 0]) => below(child)),
  ];
  for (const pid of process_.pid === undefined ? [] : below(process_.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // ESRCH: it ended meanwhile.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
