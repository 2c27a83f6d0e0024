import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Finding } from '../doubles/attacks/finding.ts';

const FOLDER = path.join(import.meta.dirname, '..', 'doubles', 'attacks');
/** Where a run has the attacks, in its working directory. */
const AT_RUN = 'attacks';

/** A command of `sh` that starts an attack in a run that has been given all of them. */
export const attack = (name: string, ...args: readonly string[]): string => command(AT_RUN, name, args);

/** The same where the test's own files can be reached. */
export const attackFromHere = (name: string, ...args: readonly string[]): string => command(FOLDER, name, args);

const command = (folder: string, name: string, args: readonly string[]) =>
  ['node', path.join(folder, `${name}.ts`), ...args].map((word) => `'${word}'`).join(' ');

/** A prompt for the double of the API that has the real CLI run attacks. */
export const promptFor = (attacks: readonly string[]): string =>
  commandsFor(attacks)
    .map((each) => `[[bash:${each}]]`)
    .join('');

/**
 * Commands of `sh`, one after the other, that run attacks. The CLI refuses complex commands even without permissions, so
 * the attacks are a script, and everything that they need comes with them.
 */
export function commandsFor(attacks: readonly string[]): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'attacks-'));
  try {
    cpSync(FOLDER, folder, { recursive: true });
    writeFileSync(path.join(folder, 'all.sh'), attacks.join('\n'));
    const packed = execFileSync('tar', ['--create', '--gzip', '--directory', folder, '.']).toString('base64');
    const unpack = `echo ${packed} | base64 --decode | tar --extract --gzip --directory ${AT_RUN}`;
    return [`mkdir ${AT_RUN}`, unpack, `sh ${AT_RUN}/all.sh`];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An argument of the attack that looks for secrets. */
export const secret = (name: string, value: string): string => `${name}=${Array.from(value).reverse().join('')}`;

/** What attacks have printed, among anything else. */
export function findingsIn(output: string): Finding[] {
  return output.split('\n').flatMap((line) => {
    const start = line.indexOf('{"attack":');
    return start < 0 ? [] : [JSON.parse(line.slice(start)) as Finding];
  });
}

/** What attacks got, as `attack: target: detail`. */
export const foundIn = (output: string): string[] =>
  findingsIn(output)
    .filter(({ result }) => result === 'found')
    .map((finding) => `${finding.attack}: ${finding.target}: ${finding.detail}`);
