import { readFileSync } from 'node:fs';

import { execa } from 'execa';

/** Why the end-to-end tests can't run here, or undefined where they can. */
export async function missingRequirement(): Promise<string | undefined> {
  if ((process.env['E2E_REGISTRY'] ?? '') === '') {
    return 'E2E_REGISTRY is not set: name a registry that Docker pushes to and the cluster pulls from, such as 127.0.0.1:5000';
  }
  const works = async (program: string, ...args: string[]): Promise<boolean> =>
    !(await execa(program, args, { reject: false, timeout: 30_000 })).failed;
  if (!(await works('docker', 'info'))) return 'there is no Docker daemon (docker info fails)';
  if (!(await works('pulumi', 'version'))) return 'there is no Pulumi engine on the PATH';
  const plugins = await missingPlugin();
  if (plugins !== undefined) return plugins;
  if (!(await works('kubectl', 'get', 'nodes'))) return 'there is no cluster (kubectl get nodes fails)';
  if (await works('kubectl', 'get', 'namespace', 'claude-agent')) {
    return 'the cluster has a namespace claude-agent already, which these tests would take over; remove it or use another cluster';
  }
  return undefined;
}

/** The engine would download a plugin that is not there; a test must not hang on that. */
async function missingPlugin(): Promise<string | undefined> {
  const { stdout } = await execa('pulumi', ['plugin', 'ls', '--json']);
  const installed = JSON.parse(stdout) as { name: string; kind: string; version: string }[];
  for (const name of ['docker', 'kubernetes']) {
    const { version } = JSON.parse(readFileSync(`node_modules/@pulumi/${name}/package.json`, 'utf8')) as {
      version: string;
    };
    if (!installed.some((plugin) => plugin.name === name && plugin.version === version)) {
      return `Pulumi's plugin ${name} ${version} is not installed (pulumi plugin install resource ${name} ${version})`;
    }
  }
  return undefined;
}
