/**
 * Runs in a pod that has the agent's volume, while the agent does not run: takes a tar.gz, as `take-volume.ts` makes it,
 * from its input and puts it in place. Killed at any point it can be run again from the start. It imports nothing but
 * Node.js, since only its text is sent there.
 * @module
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const CREDENTIALS = '.credentials.json';

const state = process.env['AGENT_STATE_DIR'] ?? '/data';
const arrived = path.join(state, '.restore');
fs.rmSync(arrived, { recursive: true, force: true });
fs.mkdirSync(arrived, { mode: 0o700 });
const untar = spawnSync('tar', ['--extract', '--gzip', '--preserve-permissions', '--directory', arrived], {
  stdio: ['inherit', 'inherit', 'inherit'],
});
if (untar.error) throw untar.error;
if (untar.status !== 0) process.exit(untar.status ?? 1);

const records = path.join(arrived, 'runs.db');
if (fs.existsSync(records)) {
  closeUnfinished(records);
  // The log of the old records is none of the new ones.
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    fs.rmSync(path.join(state, `runs.db${suffix}`), { force: true });
  fs.renameSync(records, path.join(state, 'runs.db'));
}
for (const folder of ['claude', 'home/.claude']) putFolder(folder);
if (fs.existsSync(path.join(arrived, 'home/.claude.json'))) put('home/.claude.json');
fs.rmSync(arrived, { recursive: true, force: true });
spawnSync('sync');

/**
 * What waited when the backup was taken was most likely run since, by the agent that it was taken of, and is never run
 * twice: as something that was running it is ended by the agent as interrupted, once it starts.
 */
function closeUnfinished(file: string): void {
  const database = new DatabaseSync(file);
  try {
    const now = new Date().toISOString();
    database.prepare(`UPDATE runs SET state = 'running', started_at = ? WHERE state = 'queued'`).run(now);
  } finally {
    database.close();
  }
}

/** Each entry takes the place of the one that is there, but for a login, which must not be newer. */
function putFolder(folder: string): void {
  const from = path.join(arrived, folder);
  if (!fs.existsSync(from)) return;
  fs.mkdirSync(path.join(state, folder), { recursive: true, mode: 0o700 });
  const keepsLogin = expiryOf(path.join(state, folder, CREDENTIALS)) > expiryOf(path.join(from, CREDENTIALS));
  for (const entry of fs.readdirSync(from)) {
    if (entry !== CREDENTIALS || !keepsLogin) put(`${folder}/${entry}`);
  }
  // What the seed was when this login was taken from it.
  if (folder === 'claude' && !keepsLogin && fs.existsSync(path.join(arrived, 'seed.json'))) put('seed.json');
}

function put(name: string): void {
  const target = path.join(state, name);
  fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(path.join(arrived, name), target);
}

/** Of the login in a file, in milliseconds since 1970; -1 where there is none. */
function expiryOf(file: string): number {
  if (!fs.existsSync(file)) return -1;
  try {
    const { claudeAiOauth: login } = JSON.parse(fs.readFileSync(file, 'utf8')) as {
      claudeAiOauth?: { accessToken?: string; expiresAt?: number };
    };
    return login?.accessToken ? (login.expiresAt ?? 0) : -1;
  } catch {
    return -1;
  }
}
