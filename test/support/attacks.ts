import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { Finding } from '../doubles/attacks/finding.ts';

const FOLDER = path.join(import.meta.dirname, '..', 'doubles', 'attacks');

/** A command of `sh` that starts an attack, here or where {@link unpack} has put them. */
export function attack(name: string, args: readonly string[] = [], node = process.execPath, folder = FOLDER): string {
  return [node, path.join(folder, `${name}.ts`), ...args].map((word) => `'${word}'`).join(' ');
}

/** A command of `sh` that puts all attacks into a new folder, where nothing of this machine can be reached. */
export function unpack(folder: string): string {
  const packed = execFileSync('tar', ['--create', '--gzip', '--directory', FOLDER, '.']).toString('base64');
  return `mkdir ${folder} && echo ${packed} | base64 --decode | tar --extract --gzip --directory ${folder}`;
}

/** An argument of the attack that looks for secrets. */
export const secret = (name: string, value: string): string => `${name}=${Array.from(value).reverse().join('')}`;

/** What attacks have printed, among anything else. */
export function findingsIn(output: string): Finding[] {
  return output.split('\n').flatMap((line) => (line.startsWith('{"attack":') ? [JSON.parse(line) as Finding] : []));
}

/** What attacks got, as `attack: target: detail`. */
export const foundIn = (output: string): string[] =>
  findingsIn(output)
    .filter(({ result }) => result === 'found')
    .map((finding) => `${finding.attack}: ${finding.target}: ${finding.detail}`);
