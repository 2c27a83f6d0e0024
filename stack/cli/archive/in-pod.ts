import { PATHS } from '../../names.ts';

/** A command for `kubectl exec` that runs one of the image's programs for backups, `agent/backup/*.ts`. */
export function inPod(program: 'take' | 'put', ...args: readonly string[]): string[] {
  return ['node', '--disable-sigusr1', `/app/agent/backup/${program}.ts`, PATHS.state, ...args];
}

/** Whether such a command failed because the image is older than these programs, by what Node.js wrote to stderr. */
export function isProgramMissing(stderr: string): boolean {
  return /Cannot find module '\/app\/agent\/backup\/\w+\.ts'/.test(stderr);
}
