import { execa } from 'execa';

/**
 * Whether a process is there.
 * @param program It has to be of this one: the system gives an id that is free again to any other. Node.js goes by
 * other names.
 */
export async function isRunning(pid: number, program = ''): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's process.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
  }
  const { stdout, failed } = await execa('ps', ['-p', String(pid), '-o', 'stat=,comm='], { reject: false });
  // Z: it was killed, and nobody has asked yet how it ended.
  return failed || (stdout.includes(program) && !stdout.startsWith('Z'));
}
