import * as fs from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';

import type { VolumeReport } from '../../../agent/backup/take.ts';
import { NAMES } from '../../names.ts';
import { npmRunAll } from '../../next-command.ts';
import { stackIn } from '../system/kubectl.ts';
import { privateFolder } from '../system/local-files.ts';
import { inPod, isProgramMissing } from '../archive/in-pod.ts';

/** Ends a connection that hangs; the program in the pod removes what it leaves after an hour. */
const TIMEOUT_MS = 3_600_000;

/**
 * Copies what the agent's volume holds from the running pod into a folder.
 * @param context of the kubeconfig; empty for the current one.
 * @returns what was copied, or why nothing was, in a sentence.
 */
export async function takeVolume(
  context: string,
  conversationMegabytes: number,
  folder: string,
): Promise<VolumeReport | string> {
  privateFolder(folder);
  const exec = ['exec', `deploy/${NAMES.deployment}`, '--pod-running-timeout=10s', '--'];
  const program = inPod('take', String(conversationMegabytes));
  const archive = `${folder}.tar.gz`;
  fs.writeFileSync(archive, '', { mode: 0o600 });
  try {
    const { failed, stderr, exitCode } = await execa('kubectl', [...stackIn(context), ...exec, ...program], {
      stdin: 'ignore',
      stdout: { file: archive },
      reject: false,
      timeout: TIMEOUT_MS,
    });
    if (failed && isProgramMissing(stderr)) {
      return `the pod runs an older version of the agent, which has no backup program. Update it and back up again: ${npmRunAll('up', 'backup')}`;
    }
    if (failed) return lastLine(stderr, `kubectl exec ended with ${exitCode ?? 'a signal'}`);
    // A gzip that was cut off is not valid.
    const unpack = ['-xzf', archive, '--no-same-owner', '-C', folder];
    const unpacked = await execa('tar', unpack, { stdin: 'ignore', reject: false });
    if (unpacked.failed) return `the archive from the pod is incomplete: ${lastLine(unpacked.stderr, 'tar failed')}`;
  } finally {
    fs.rmSync(archive);
  }
  return JSON.parse(fs.readFileSync(path.join(folder, 'volume.json'), 'utf8')) as VolumeReport;
}

function lastLine(text: string, otherwise: string): string {
  const last = text.trim().split('\n').at(-1) ?? '';
  return last === '' ? otherwise : last;
}
