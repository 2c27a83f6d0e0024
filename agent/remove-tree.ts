import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Removes a folder that a run could write to, and follows no link.
 * @throws if something of it cannot be removed.
 */
export async function removeTree(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(async () => {
    // rm handles paths that are longer than PATH_MAX; chmod is for folders that their owner may not write to.
    await promisify(execFile)('sh', ['-c', 'chmod -R u+rwX "$1"; rm -rf "$1"', 'sh', folder]);
  });
}
