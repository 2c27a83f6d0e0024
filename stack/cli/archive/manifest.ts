import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

import { CliError } from '../system/terminal.ts';

/** Of the folder inside the archive. A restore refuses any other. */
export const FORMAT = 1;

/** Where each part is, below the folder that the archive holds. */
export const PLACES = {
  manifest: 'manifest.json',
  state: 'state.json',
  /** What is in `.local`: passphrase, API token, login. */
  local: 'local',
  /** The stack's file, under its own name. */
  stackFile: 'stack',
  /** Objects of the cluster, a file each. */
  objects: 'objects',
  /** Of the agent's volume: run records, living session, conversations. */
  volume: 'volume',
} as const;

/** What a backup says of itself, in `manifest.json`. */
export interface Manifest {
  readonly format: number;
  readonly project: string;
  readonly stack: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly versions: Readonly<Record<string, string>>;
  /** For people, by part. */
  readonly contents: Readonly<Record<string, string>>;
  /** What could not be had, in a sentence each. */
  readonly missing: readonly string[];
  /** Every other file, by its path below the folder. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** What is below a folder and is none itself; paths are relative, with slashes, in order. */
export function namesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .sort();
}

/** The files below a folder by {@link namesBelow}, with their checksums. */
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
 * Reads the manifest of an unpacked backup, and holds every file to it.
 * @param name Of the backup, for messages.
 * @param stack It has to be of this one.
 * @throws CliError naming what is wrong.
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
