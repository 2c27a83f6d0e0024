import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';

/** The folder where `.ci/run` installs them. */
const CACHE = path.join(homedir(), '.cache', 'claude-code-agent-tools');

/** How to install each tool, for the reason of a skipped test. */
const HOW = {
  'kube-score': 'go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0',
  kubeconform: 'go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0',
  checkov: 'pip install checkov==3.3.30',
  promtool: 'apt-get install prometheus',
  'docker-compose': 'apt-get install docker-compose-v2, or docker-compose-plugin of docker.com',
  actionlint: 'go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
  nginx: 'apt-get install nginx-light',
  haproxy: 'apt-get install haproxy',
  openssl: 'apt-get install openssl',
} as const;

/** The name of a program that tests need. */
export type Tool = keyof typeof HOW;

/** A tool on the PATH or in the cache; otherwise the reason to skip. */
export async function findTool(tool: Tool): Promise<{ program: string } | { missing: string }> {
  const candidates = [tool, path.join(CACHE, 'bin', tool), path.join(CACHE, 'venv', 'bin', tool), `/usr/sbin/${tool}`];
  for (const program of candidates.filter((candidate) => candidate === tool || existsSync(candidate))) {
    const { exitCode } = await execa(program, ['-h'], { reject: false, timeout: 60_000 });
    if (exitCode !== undefined) return { program };
  }
  return { missing: `${tool} is neither on the PATH nor in ${CACHE} (${HOW[tool]})` };
}
