/**
 * Runs in the agent's container, next to the agent: writes what the volume holds as a tar.gz to its output.
 * Its arguments are the state folder, and how many megabytes of conversations to take, the newest first.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { scratchIn } from './scratch.ts';
import { checkSnapshot, takeSnapshot, type RecordCount, type Snapshot } from './snapshot.ts';
import { SNAPSHOT_FILE } from './snapshot-server.ts';
import { chooseConversations, runFiles, sessionFiles, type ConversationChoice } from './volume-files.ts';

/** What was taken; it is in the archive as `volume.json`. */
export interface VolumeReport {
  /** Or why there are none, in a sentence. */
  readonly records: RecordCount | string;
  readonly conversations: Omit<ConversationChoice, 'paths'>;
  /** Of runs. Agents of earlier versions have none. */
  readonly files?: { readonly count: number; readonly bytes: number };
}

const [stateDir = '/data', megabytes = '0'] = process.argv.slice(2);

using disposables = new DisposableStack();
const { paths, ...conversations } = chooseConversations(stateDir, Number(megabytes) * 1_048_576);
let snapshot: Snapshot | undefined;
let records: VolumeReport['records'];
try {
  snapshot = disposables.use(await takeSnapshot(stateDir));
  records = checkSnapshot(snapshot);
} catch (error) {
  snapshot = undefined;
  records = (error as Error).message;
}
// After the snapshot: every content that its records name is there, unless it was removed meanwhile.
const files = runFiles(stateDir);
const scratch = disposables.adopt(scratchIn(tmpdir()), (folder) => rmSync(folder, { recursive: true, force: true }));
const report: VolumeReport = { records, conversations, files: { count: files.paths.length, bytes: files.bytes } };
writeFileSync(path.join(scratch, 'volume.json'), `${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = writeArchive([...sessionFiles(stateDir), ...paths, ...files.paths]);

/** A file that is removed or written while tar reads it does not end the archive: tar reports it and exits with 1. */
function writeArchive(files: readonly string[]): number {
  const taken = [
    ...(snapshot === undefined ? [] : ['--directory', snapshot.folder, SNAPSHOT_FILE]),
    ...['--directory', scratch, 'volume.json', '--directory', stateDir, '--null', '--files-from', '-'],
  ];
  const { status, error } = spawnSync('tar', ['--create', '--gzip', '--ignore-failed-read', ...taken], {
    input: files.map((file) => `${file}\0`).join(''),
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  if (error) throw error;
  if (snapshot !== undefined && !existsSync(path.join(snapshot.folder, SNAPSHOT_FILE))) {
    // tar does not fail if it was gone before tar read it.
    process.stderr.write('the agent stopped during the backup and removed its snapshot; run the backup again\n');
    return 1;
  }
  return status === 1 ? 0 : (status ?? 1);
}
