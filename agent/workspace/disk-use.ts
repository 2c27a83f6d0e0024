import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The disk use of a folder, in bytes. */
export interface DiskUse {
  readonly bytes: number;
  /** Its subfolders, largest first. */
  readonly largest: readonly { readonly folder: string; readonly bytes: number }[];
}

const run = promisify(execFile);
const LONGEST_MS = 120_000;

/**
 * Measures disk use as the kubelet does: blocks on disk, without other file systems. Uses a separate process with low
 * priority, because the folder may contain millions of files.
 * @throws if there is no result within two minutes.
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

/** If a file is removed meanwhile, `du` fails but still counts everything else. */
function withWhatWasCounted(error: unknown): { stdout: string } {
  const { stdout, killed } = error as { stdout?: string; killed?: boolean };
  if (stdout === undefined || killed) throw error;
  return { stdout };
}
