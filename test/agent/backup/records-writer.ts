/**
 * An agent's store and its snapshot server, without the rest of the agent: accepts and ends runs without a pause until it
 * is killed. Prints a line with the id of each run once its end is on disk. Arguments: the state folder; the number of
 * characters of Claude's output in a run.
 * @module
 */
import { writeSync } from 'node:fs';
import * as path from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { serveSnapshots } from '../../../agent/backup/snapshot-server.ts';
import { openStore } from '../../../agent/store/sqlite.ts';

const [folder = '', characters = '0'] = process.argv.slice(2);
const store = openStore(path.join(folder, 'runs.db'));
const print = (_fields: object, message: string) => void process.stderr.write(`${message}\n`);
serveSnapshots(store, folder, { info: print, warn: print, error: print });
const output = 'x'.repeat(Number(characters));
for (;;) {
  const request = { prompt: 'p', options: {}, labels: {}, timeoutMs: 1000, workdir: '/workspace' };
  const run = store.begin(store.accept(request, 'session'));
  store.end(run, { outcome: 'succeeded', output, permissionDenials: [], warnings: [] });
  writeSync(1, `${run.id}\n`);
  await setImmediate();
}
