import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import type { Log } from '../log.ts';
import type { RunStore } from '../store/store.ts';
import { makeScratch, removeScratches } from './scratch.ts';

/** The socket in the state folder. */
export const SNAPSHOT_SOCKET = 'snapshot.sock';
/** The file in the folder of a {@link SnapshotReply}. */
export const SNAPSHOT_FILE = 'runs.db';

/** The one line that the server sends: the folder with the snapshot, or why there is none. */
export type SnapshotReply = { readonly folder: string } | { readonly problem: string };

/** Makes snapshots until it is stopped. */
export interface SnapshotServer {
  /**
   * Cancels unfinished snapshots and removes all of them. The store must stay open until then: SQLite copies it in another
   * thread.
   */
  stop(): Promise<void>;
}

/**
 * Makes a snapshot of the run records for each connection to a socket in the state folder. The snapshot exists as long as
 * the connection, so nothing is left behind when the backup is killed. The socket has no token: anyone who can open it can
 * read the records themselves. If the folder does not support sockets (a long path, some network file systems), the agent
 * runs without it.
 */
export function serveSnapshots(store: RunStore, stateDir: string, log: Log): SnapshotServer {
  const socket = path.join(stateDir, SNAPSHOT_SOCKET);
  const served = new Map<Socket, Promise<void>>();
  const server = createServer((connection) => {
    const end = serve(connection)
      .catch((error: unknown) => log.error({ err: error }, 'a snapshot of the run records failed'))
      .finally(() => served.delete(connection));
    served.set(connection, end);
  });

  async function serve(connection: Socket): Promise<void> {
    const closed = new AbortController();
    connection.on('error', () => undefined);
    // Not `once` of node:events, which rejects when the backup ends before it has read the reply (ECONNRESET).
    const close = new Promise((resolve) => connection.once('close', resolve));
    void close.then(() => closed.abort());
    connection.resume();
    let folder: string | undefined;
    try {
      folder = makeScratch(stateDir, path.join(stateDir, SNAPSHOT_FILE));
      await store.snapshot(path.join(folder, SNAPSHOT_FILE), closed.signal);
      send(connection, { folder });
    } catch (error) {
      if (closed.signal.aborted) return;
      log.error({ err: error }, 'a snapshot of the run records failed');
      send(connection, { problem: (error as Error).message });
    } finally {
      await close;
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }

  server.on('error', (error) => log.warn({ err: error }, 'the agent cannot provide snapshots for backups'));
  try {
    // Snapshots of an agent that was killed.
    removeScratches(stateDir);
    // A killed agent leaves its socket, and a prompt can put a folder in its place.
    rmSync(socket, { recursive: true, force: true });
  } catch (error) {
    log.warn({ err: error }, 'leftovers of backups cannot be removed');
  }
  server.listen(socket, () => chmodSync(socket, 0o600));
  server.unref();
  return {
    stop: async () => {
      server.close();
      for (const connection of served.keys()) connection.destroy();
      await Promise.all(served.values());
    },
  };
}

function send(connection: Socket, reply: SnapshotReply): void {
  connection.write(`${JSON.stringify(reply)}\n`);
}
