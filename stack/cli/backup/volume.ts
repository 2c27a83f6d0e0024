import * as fs from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';

import { SESSION_ENTRIES } from '../../../agent/contract.ts';
import { NAMES } from '../../names.ts';
import { stackIn } from '../system/kubectl.ts';
import { privateFolder } from '../system/local-files.ts';
import { program } from '../archive/in-pod/program.ts';
import type { VolumeReport, Wanted } from '../archive/in-pod/take-volume.ts';

/** Of a Claude configuration folder: the session, and what the CLI remembers beside it. */
const ENTRIES = [...SESSION_ENTRIES, '.claude.json'];

/** However large the volume is, a connection that says nothing more must end. */
const PATIENCE_MS = 3_600_000;

/**
 * Takes what the agent's volume holds, out of the running pod, into a folder.
 * @param context of the kubeconfig; empty for the current one.
 * @returns what was taken, or in a sentence why nothing was.
 */
export async function takeVolume(
  context: string,
  conversationMegabytes: number,
  folder: string,
): Promise<VolumeReport | string> {
  privateFolder(folder);
  const wanted: Wanted = { entries: ENTRIES, conversationMegabytes };
  const exec = ['exec', `deploy/${NAMES.deployment}`, '--pod-running-timeout=10s', '--'];
  const archive = `${folder}.tar.gz`;
  fs.writeFileSync(archive, '', { mode: 0o600 });
  try {
    const got = await execa('kubectl', [...stackIn(context), ...exec, ...program('take-volume', wanted)], {
      stdin: 'ignore',
      stdout: { file: archive },
      reject: false,
      timeout: PATIENCE_MS,
    });
    if (got.failed) return lastLine(got.stderr, `kubectl exec ended with ${got.exitCode ?? 'a signal'}`);
    // A stream that was cut off is no whole gzip.
    const unpack = ['-xzf', archive, '--no-same-owner', '-C', folder];
    const unpacked = await execa('tar', unpack, { stdin: 'ignore', reject: false });
    if (unpacked.failed) return `what came from the pod is not whole: ${lastLine(unpacked.stderr, 'tar failed')}`;
  } finally {
    fs.rmSync(archive);
  }
  return JSON.parse(fs.readFileSync(path.join(folder, 'volume.json'), 'utf8')) as VolumeReport;
}

function lastLine(text: string, otherwise: string): string {
  const last = text.trim().split('\n').at(-1) ?? '';
  return last === '' ? otherwise : last;
}
