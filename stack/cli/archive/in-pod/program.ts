import * as fs from 'node:fs';

/** A command for `kubectl exec` that runs one of this folder's programs, whatever version of the image the pod has. */
export function program(name: 'take-volume' | 'put-volume', argument: object): string[] {
  const text = fs.readFileSync(new URL(`./${name}.ts`, import.meta.url), 'utf8');
  return ['node', '--disable-sigusr1', '--input-type=module-typescript', '-e', text, JSON.stringify(argument)];
}
