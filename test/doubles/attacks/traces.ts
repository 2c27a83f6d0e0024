/**
 * Looks for what `leave.ts` has left in an earlier run.
 *
 * Usage: traces.ts [--root DIR]… [--port PORT]
 * @module
 */
import { once } from 'node:events';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { report, TRACE } from './finding.ts';
import { ancestors, otherProcesses } from './processes.ts';

/** Larger files are not left by it. */
const LARGE_BYTES = 1_000_000;

const { values } = parseArgs({
  options: { root: { type: 'string', multiple: true, default: ['/'] }, port: { type: 'string' } },
});
let files = 0;
for (const root of values.root) lookBelow(root);
report('files', 'blocked', `${files} looked at`);
if (textOf('/dev/termination-log') !== '') report('/dev/termination-log', 'found');
for (const kind of ['shm', 'msg', 'sem'])
  for (const line of textOf(`/proc/sysvipc/${kind}`).trim().split('\n').slice(1))
    report(`System V ${kind}`, 'found', line);
const own = ancestors();
const strangers = otherProcesses().filter((pid) => !own.includes(pid));
for (const pid of strangers) report(`process ${pid}`, 'found', textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
report('processes', 'blocked', `${own.length} of this run and its runner`);
if (values.port !== undefined) {
  const socket = connect(Number(values.port), '127.0.0.1');
  const answer = await once(socket, 'connect').then(
    () => 'found' as const,
    () => 'blocked' as const,
  );
  report(`port ${values.port}`, answer);
  socket.destroy();
}

function lookBelow(dir: string): void {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return;
  }
  for (const name of names) {
    const file = path.join(dir, name);
    files += 1;
    const stats = lstatSync(file, { throwIfNoEntry: false });
    if (name.includes(TRACE)) report(file, 'found', 'its name');
    if (stats?.isDirectory() === true && !['/proc', '/sys'].includes(file)) lookBelow(file);
    // The attacks themselves have the word in them.
    else if (stats?.isFile() === true && stats.size < LARGE_BYTES && !file.startsWith(import.meta.dirname)) {
      if (textOf(file).includes(TRACE)) report(file, 'found', 'its content');
    }
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
