import { once } from 'node:events';
import { copyFileSync, existsSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeScratch } from './scratch.ts';
import { SNAPSHOT_FILE, SNAPSHOT_SOCKET, type SnapshotReply } from './snapshot-server.ts';

const COPIES = 5;
/** The kernel takes the time of a change from a clock that ticks every few milliseconds. */
const QUIET_MS = 100;

/** A copy of the run records. Disposing removes it. */
export interface Snapshot extends Disposable {
  /** Holds `runs.db` and no other file that matters. */
  readonly folder: string;
}

/** How many runs a snapshot has. */
export interface RecordCount {
  readonly runs: number;
  /** Queued or running. */
  readonly unfinished: number;
}

/**
 * Gets a snapshot of the run records from the agent. If no agent has them open (it is starting, or waiting for its disk),
 * copies the files.
 * @throws if there is not enough disk space, or no snapshot can be made.
 */
export async function takeSnapshot(stateDir: string): Promise<Snapshot> {
  const database = path.join(stateDir, SNAPSHOT_FILE);
  if (!existsSync(database)) throw new Error(`there is no ${SNAPSHOT_FILE} on the volume`);
  return (await askAgent(path.join(stateDir, SNAPSHOT_SOCKET))) ?? copyOf(stateDir, database);
}

/** @returns undefined when no agent responds. */
async function askAgent(socket: string): Promise<Snapshot | undefined> {
  const connection = createConnection(socket);
  try {
    await once(connection, 'connect');
    for await (const line of createInterface({ input: connection })) {
      const reply = JSON.parse(line) as SnapshotReply;
      if ('problem' in reply) throw new SnapshotError(reply.problem);
      connection.on('error', () => undefined);
      const dispose = () => {
        rmSync(reply.folder, { recursive: true, force: true });
        connection.destroy();
      };
      return { folder: reply.folder, [Symbol.dispose]: dispose };
    }
  } catch (error) {
    connection.destroy();
    if (error instanceof SnapshotError) throw error;
  }
  return undefined;
}

class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/**
 * Copies the database and its write-ahead log. The files are not opened with SQLite: its lock would keep the agent from
 * starting, and it would clean up a damaged log that tells the agent about lost changes. A copy is valid if the files did
 * not change meanwhile.
 */
async function copyOf(stateDir: string, database: string): Promise<Snapshot> {
  const folder = makeScratch(stateDir, database);
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  try {
    for (let copies = 0; copies < COPIES; copies += 1) {
      const before = stampOf(database);
      if (before.newest < Date.now() - QUIET_MS) {
        for (const suffix of SUFFIXES) {
          rmSync(path.join(folder, SNAPSHOT_FILE + suffix), { force: true });
          if (existsSync(database + suffix)) copyFileSync(database + suffix, path.join(folder, SNAPSHOT_FILE + suffix));
        }
        if (stampOf(database).text === before.text) return { folder, [Symbol.dispose]: dispose };
      }
      await sleep(2 * QUIET_MS);
    }
    throw new Error('the agent gave no snapshot, and the files changed while they were copied; run the backup again');
  } catch (error) {
    dispose();
    throw error;
  }
}

const SUFFIXES = ['', '-wal'];

/** Changes whenever one of the files is written, made or removed. */
function stampOf(database: string): { text: string; newest: number } {
  const stats = SUFFIXES.map((suffix) => statSync(database + suffix, { bigint: true, throwIfNoEntry: false }));
  return {
    text: stats
      .map((each) => (each === undefined ? '' : `${each.ino}:${each.size}:${each.mtimeNs}:${each.ctimeNs}`))
      .join(),
    newest: Math.max(...stats.map((each) => Number(each?.ctimeMs ?? 0n))),
  };
}

/**
 * Checks a snapshot and makes it one file without a log.
 * @throws when SQLite finds it damaged.
 */
export function checkSnapshot({ folder }: Snapshot): RecordCount {
  const database = new DatabaseSync(path.join(folder, SNAPSHOT_FILE));
  try {
    database.exec('PRAGMA journal_mode = DELETE');
    const { integrity_check: found } = database.prepare('PRAGMA integrity_check(1)').get() as Record<string, string>;
    if (found !== 'ok') throw new Error(String(found));
    const count = `SELECT count(*) AS runs, coalesce(sum(state <> 'ended'), 0) AS unfinished FROM runs`;
    return { ...(database.prepare(count).get() as unknown as RecordCount) };
  } catch (error) {
    throw new Error(`${SNAPSHOT_FILE} is damaged: ${(error as Error).message}`, { cause: error });
  } finally {
    database.close();
  }
}
