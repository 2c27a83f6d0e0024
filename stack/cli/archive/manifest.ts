import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

import { CliError } from '../system/terminal.ts';

/** Version of the layout inside the archive. A restore refuses any other. */
export const FORMAT = 1;

/** Where each part is, relative to the folder in the archive. */
export const PLACES = {
  manifest: 'manifest.json',
  state: 'state.json',
  /** From `.local`: passphrase, API token, login. */
  local: 'local',
  /** The stack file, under its own name. */
  stackFile: 'stack',
  /** Objects of the cluster, one file each. */
  objects: 'objects',
  /** From the agent's volume: run records, current login, conversations. */
  volume: 'volume',
} as const;

/** Describes a backup, in `manifest.json`. */
export interface Manifest {
  readonly format: number;
  readonly project: string;
  readonly stack: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What each part has, for people. */
  readonly contents: Readonly<Record<string, string>>;
  /** A sentence for each part that is missing. */
  readonly missing: readonly string[];
  /** Every other file, by its path relative to the folder. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** Everything below a folder except folders, as sorted relative paths with slashes. */
export function namesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .sort();
}

/** The files below a folder, with their checksums. @throws CliError for anything that is not a regular file. */
export function filesOf(folder: string): Manifest['files'] {
  const names = namesBelow(folder).filter((name) => name !== PLACES.manifest);
  return Object.fromEntries(
    names.map((name) => {
      const content = path.join(folder, name);
      if (!fs.lstatSync(content).isFile()) throw new CliError(`${name} in the backup is not a regular file.`);
      return [name, { bytes: fs.statSync(content).size, sha256: sha256Of(content) }];
    }),
  );
}

/**
 * Reads the manifest of an unpacked backup and checks every file against it.
 * @param name Of the backup, for messages.
 * @param stack The stack that the backup must be of.
 * @throws CliError that says what is wrong.
 */
export function checkedManifest(folder: string, name: string, project: string, stack: string): Manifest {
  const manifest = readManifest(path.join(folder, PLACES.manifest), name);
  if (manifest.project !== project) {
    throw new CliError(`${name} is a backup of the project ${manifest.project}, not of ${project}.`);
  }
  if (manifest.stack !== stack) {
    throw new CliError(
      `${name} is a backup of the stack ${manifest.stack}, not of ${stack}: npm run restore -- ${name} --stack ${manifest.stack}`,
    );
  }
  const there = filesOf(folder);
  const wrong = [
    ...Object.keys(manifest.files).filter((file) => there[file]?.sha256 !== manifest.files[file]?.sha256),
    ...Object.keys(there).filter((file) => manifest.files[file] === undefined),
  ];
  if (wrong.length > 0) {
    throw new CliError(`${name} is damaged: ${wrong.join(', ')} differ from its manifest. Use another backup.`);
  }
  return manifest;
}

function readManifest(file: string, name: string): Manifest {
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<Manifest> | null;
  } catch (cause) {
    throw new CliError(`${name} is not a backup of this system: it has no readable ${PLACES.manifest}.`, {
      cause,
    });
  }
  if (manifest?.format !== FORMAT) {
    throw new CliError(
      `${name} has the format ${String(manifest?.format)}; this version reads ${FORMAT}. Restore it with the version that made it: ${JSON.stringify(manifest?.versions ?? {})}.`,
    );
  }
  return manifest as Manifest;
}

function sha256Of(file: string): string {
  const hash = createHash('sha256');
  const handle = fs.openSync(file, 'r');
  try {
    const chunk = Buffer.alloc(1_048_576);
    for (let read = fs.readSync(handle, chunk); read > 0; read = fs.readSync(handle, chunk)) {
      hash.update(chunk.subarray(0, read));
    }
  } finally {
    fs.closeSync(handle);
  }
  return hash.digest('hex');
}
