/**
 * Leaves as much as it can for the next run: processes, files, memory, queues, a changed HOME, and a listening socket.
 *
 * Usage: leave.ts [--root DIR]… [--port PORT]…
 *
 * It tries to listen on the ports.
 * @module
 */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { parseArgs } from 'node:util';
import { attempt, report, TRACE } from './finding.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string', multiple: true, default: ['/'] },
    port: { type: 'string', multiple: true, default: ['7070'] },
  },
});
const HOME = process.env['HOME'] ?? '/';
const IN_HOME = [
  '.bashrc',
  '.profile',
  '.gitconfig',
  '.npmrc',
  '.claude.json',
  '.claude/settings.json',
  '.claude/CLAUDE.md',
];
/** Each stays, however its run ends. */
const DAEMONS = [
  'setsid sleep 3600 &',
  'env -i setsid sleep 3600 &',
  '(setsid sh -c "env -i setsid sleep 3600 & exit" & exit)',
  'setsid sleep 3600 & kill -STOP $!',
  'trap "" TERM INT HUP; setsid sleep 3600 &',
];
/** Listens on every address and on that of this machine; prints how many it could. */
const LISTEN = `
  const { createServer } = require('node:net');
  let open = 2, count = 0;
  const done = () => (open -= 1) > 0 || console.log(count);
  for (const host of ['::', '127.0.0.1'])
    createServer().on('error', done).listen({ port: Number(process.argv[1]), host, reusePort: true }, () => { count += 1; done(); });
  setTimeout(() => undefined, 3600000);
`;

let folders = 0;
for (const root of values.root) writeBelow(root);
report('files', 'found', `in ${folders} folders`);
mkdirSync(path.join(HOME, '.claude'), { recursive: true });
for (const file of IN_HOME) attempt(`~/${file}`, () => appendFileSync(path.join(HOME, file), `\n# ${TRACE}\n`));
for (const file of ['/dev/termination-log', `/dev/mqueue/${TRACE}`, `/dev/shm/${TRACE}`])
  attempt(file, () => appendFileSync(file, TRACE));
attempt('System V IPC', () => execFileSync('ipcmk', ['-M', '100', '-Q', '-S', '1']).toString().replace(/\n/g, ' '));
for (const daemon of DAEMONS) attempt(daemon, () => execFileSync('sh', ['-c', daemon], { stdio: 'ignore' }));
for (const port of values.port) await listen(port);

async function listen(port: string): Promise<void> {
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  const listener = spawn(process.execPath, ['-e', LISTEN, port], { detached: true, stdio: [...stdio] });
  const count = await new Promise<string>((resolve) =>
    listener.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())),
  );
  report(`listening on ${port}`, count === '0' ? 'blocked' : 'found', `${count} addresses`);
  listener.unref();
  listener.stdout.destroy();
}

/** Writes a file, a hidden one, a link and a closed folder to each folder that it may write to. */
function writeBelow(dir: string): void {
  let entries;
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const inside = path.join(dir, entry.name);
    if (entry.isDirectory() && !['/proc', '/sys'].includes(inside)) writeBelow(inside);
  }
  try {
    writeFileSync(path.join(dir, TRACE), TRACE);
    writeFileSync(path.join(dir, `.${TRACE}`), TRACE);
    symlinkSync('/etc', path.join(dir, `${TRACE}.link`));
    mkdirSync(path.join(dir, `${TRACE}.closed`), { mode: 0 });
    folders += 1;
  } catch {
    // Not a folder that it may write to, or one that takes no links, such as /dev/mqueue.
  }
}
