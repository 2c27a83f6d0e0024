/**
 * Accepts and ends runs in the agent's own store, without a rest, until it is killed. Prints a line with the id of each
 * run once its end is on disk. Arguments: the file of the store; how many characters Claude says in a run.
 * @module
 */
import { writeSync } from 'node:fs';

import { openStore } from '../../../../agent/store/sqlite.ts';

const [file = '', characters = '0'] = process.argv.slice(2);
const store = openStore(file);
const output = 'x'.repeat(Number(characters));
for (;;) {
  const asked = { prompt: 'p', options: {}, labels: {}, timeoutMs: 1000, workdir: '/workspace' };
  const run = store.begin(store.accept(asked, 'session'));
  store.end(run, { outcome: 'succeeded', output, permissionDenials: [], warnings: [] });
  writeSync(1, `${run.id}\n`);
}
