import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import * as pulumi from '@pulumi/pulumi';

import type { RunAttempt } from '../exec.ts';
import type { Target } from './target.ts';

/**
 * What `kubectl` prints about the cluster, or why it fails. Unknown in a preview while the cluster does not exist.
 * @param access How the provider reaches the cluster.
 * @param args What reads something that is not secret.
 */
export function askCluster(access: Target['access'], args: readonly string[]): pulumi.Output<RunAttempt> {
  const answer = pulumi.all([access.context, access.kubeconfig]).apply(async ([context, kubeconfig]) => {
    if (kubeconfig === undefined) return ask(args, context === undefined ? [] : ['--context', context]);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kubeconfig-')); // Readable only by its owner.
    try {
      const file = path.join(folder, 'config');
      fs.writeFileSync(file, kubeconfig);
      return await ask(args, ['--kubeconfig', file]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
  return pulumi.unsecret(answer);
}

async function ask(args: readonly string[], where: readonly string[]): Promise<RunAttempt> {
  const { run } = await import('../exec.ts'); // Loaded while the engine works, so as not to delay its start.
  return run('kubectl', [...args, '--request-timeout', '10s', ...where]);
}
