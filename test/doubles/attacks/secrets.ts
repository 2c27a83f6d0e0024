/**
 * Looks for secrets in files, environments, command lines, open files and memory.
 *
 * Usage: secrets.ts [--root DIR]… NAME=TERCES…
 *
 * Each secret is given backwards, so that it is not found where this program got it from. The token of the run itself
 * is one more secret: an attack that does not find it has not looked.
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { report } from './finding.ts';
import { otherProcesses, ownToken } from './processes.ts';

/** At most this much is read of all files, and of the memory of each process. */
const FILE_BYTES = 4e9;
const MEMORY_BYTES = 1e9;
const CHUNK_BYTES = 1_048_576;

const { values, positionals } = parseArgs({
  options: { root: { type: 'string', multiple: true, default: ['/'] } },
  allowPositionals: true,
});
const given = positionals.map((each) => {
  const [name = '', ...backwards] = each.split('=');
  return [name, Array.from(backwards.join('=')).reverse().join('')] as const;
});
const token = ownToken();
const own = token === undefined ? [] : [['the token of this run', token] as const];
const secrets = [...given, ...own].map(([name, secret]) => ({ name, bytes: Buffer.from(secret) }));
const overlap = Math.max(...secrets.map(({ bytes }) => bytes.length));

const searched = { files: 0, bytes: 0 };
const chunk = Buffer.alloc(CHUNK_BYTES + overlap);

for (const root of values.root) searchBelow(root);
report('files', 'blocked', `${searched.files} searched, ${searched.bytes} bytes`);
for (const pid of otherProcesses()) searchProcess(pid);

function searchBelow(dir: string): void {
  let entries;
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    report(dir, 'blocked', error);
    return;
  }
  for (const entry of entries) {
    const file = path.join(dir, entry.name);
    look(`the name of ${file}`, Buffer.from(entry.name));
    if (entry.isDirectory()) {
      if (!['/proc', '/sys'].includes(file)) searchBelow(file);
    } else if (entry.isFile() && searched.bytes < FILE_BYTES) searchFile(file);
  }
}

function searchFile(file: string): void {
  searched.files += 1;
  ignoring(() =>
    reading(file, (fd) => {
      // A folder tells of a file under a mounted device, such as /dev/zero, that it is regular.
      if (fstatSync(fd).isFile()) searched.bytes += searchFrom(file, fd, 0, Infinity);
    }),
  );
}

function searchProcess(pid: number): void {
  const of = `/proc/${pid}`;
  const opened: string[] = [];
  for (const name of ['cmdline', 'environ'])
    ignoring(() => {
      look(`${of}/${name}`, readFileSync(`${of}/${name}`));
      opened.push(name);
    });
  ignoring(() => {
    for (const fd of readdirSync(`${of}/fd`)) ignoring(() => searchDescriptor(`${of}/fd/${fd}`));
    opened.push('fd');
  });
  ignoring(() => {
    searchMemory(pid);
    opened.push('mem');
  });
  report(of, 'blocked', `read: ${opened.join(', ')}`);
}

/** Pipes and sockets are left alone: reading one would take from another process what it waits for. */
function searchDescriptor(file: string): void {
  look(`the name of ${file}`, Buffer.from(readlinkSync(file)));
  if (lstatSync(readlinkSync(file)).isFile()) searchFile(file);
}

function searchMemory(pid: number): void {
  const regions = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  let left = MEMORY_BYTES;
  reading(`/proc/${pid}/mem`, (fd) => {
    for (const region of regions) {
      const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(region) ?? [];
      if (from === '' || left <= 0) continue;
      const [start, end] = [parseInt(from, 16), parseInt(to, 16)];
      ignoring(() => (left -= searchFrom(`/proc/${pid}/mem`, fd, start, Math.min(end, start + left))));
    }
  });
}

/** Returns how much it has read. */
function searchFrom(place: string, fd: number, start: number, end: number): number {
  let kept = 0;
  let at = start;
  while (at < end) {
    const bytes = readSync(fd, chunk, kept, Math.min(CHUNK_BYTES, end - at), at);
    if (bytes === 0) break;
    const filled = chunk.subarray(0, kept + bytes);
    look(place, filled);
    at += bytes;
    kept = Math.min(overlap, filled.length);
    filled.copy(chunk, 0, filled.length - kept);
  }
  return at - start;
}

function look(place: string, content: Buffer): void {
  for (const { name, bytes } of secrets) if (content.includes(bytes)) report(place, 'found', name);
}

function reading(file: string, work: (fd: number) => void): void {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    work(fd);
  } finally {
    closeSync(fd);
  }
}

/** What may not be read, or is gone, has nothing. */
function ignoring(work: () => void): void {
  try {
    work();
  } catch {
    // See above.
  }
}
