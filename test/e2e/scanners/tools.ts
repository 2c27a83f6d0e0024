import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';

/** Where `.ci/run` puts the scanners. */
const CACHE = path.join(homedir(), '.cache', 'claude-code-agent-tools');

/** How each scanner can be had, for whoever sees that it was left out. */
const HOW = {
  'kube-score': 'go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0',
  kubeconform: 'go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0',
  checkov: 'pip install checkov==3.3.30',
} as const;

/** The name of a scanner's program. */
export type Scanner = keyof typeof HOW;

/** A scanner on the PATH or in the cache; else why it is left out. */
export async function find(scanner: Scanner): Promise<{ program: string } | { missing: string }> {
  const candidates = [scanner, path.join(CACHE, 'bin', scanner), path.join(CACHE, 'venv', 'bin', scanner)];
  for (const program of candidates.filter((candidate) => candidate === scanner || existsSync(candidate))) {
    const { exitCode } = await execa(program, ['-h'], { reject: false, timeout: 60_000 });
    if (exitCode !== undefined) return { program };
  }
  return { missing: `${scanner} is neither on the PATH nor in ${CACHE} (${HOW[scanner]})` };
}
