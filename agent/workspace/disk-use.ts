import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a folder takes on disk, in bytes. */
export interface DiskUse {
  readonly bytes: number;
  /** The folders in it, largest first. */
  readonly largest: readonly { readonly folder: string; readonly bytes: number }[];
}

const run = promisify(execFile);
const LONGEST_MS = 120_000;

/**
 * Counts as the kubelet does: blocks on disk, and nothing of other file systems. In a process of its own and behind all
 * others, for the folder may hold millions of files.
 * @throws when nothing can be counted within two minutes.
 */
export async function diskUse(dir: string): Promise<DiskUse> {
  const { stdout } = await run('nice', ['-n', '19', 'du', '-kx', '-d', '1', dir], {
    timeout: LONGEST_MS,
    maxBuffer: 16_777_216,
  }).catch(withWhatWasCounted);
  const folders = stdout.split('\n').flatMap((line) => {
    const [, kibibytes, folder] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    return folder === undefined ? [] : [{ folder, bytes: Number(kibibytes) * 1024 }];
  });
  const whole = folders.find(({ folder }) => folder === dir);
  if (!whole) throw new Error(`du reported nothing about ${dir}.`);
  const rest = folders.filter((each) => each !== whole);
  return { bytes: whole.bytes, largest: rest.sort((a, b) => b.bytes - a.bytes) };
}

/** A file that goes away meanwhile makes `du` fail, with everything else counted. */
function withWhatWasCounted(error: unknown): { stdout: string } {
  const { stdout, killed } = error as { stdout?: string; killed?: boolean };
  if (stdout === undefined || killed) throw error;
  return { stdout };
}
