/**
 * Runs in a pod with the agent's volume, while the agent is not running: reads a tar.gz, as `take.ts` writes it, from its
 * input and puts the files in place. When it is killed, run it again: it starts over. Its argument is the state folder.
 * @module
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CONVERSATIONS_FOLDER, CREDENTIALS_FILE, FILES_FOLDER, PROCESS_FOLDERS } from '../contract.ts';

const CONFIG_FOLDERS = ['claude', 'home/.claude'];

const [state = '/data'] = process.argv.slice(2);
const arrived = path.join(state, '.restore');
fs.rmSync(arrived, { recursive: true, force: true });
fs.mkdirSync(arrived, { mode: 0o700 });
const untar = spawnSync('tar', ['--extract', '--gzip', '--preserve-permissions', '--directory', arrived], {
  stdio: ['inherit', 'inherit', 'inherit'],
});
if (untar.error) throw untar.error;
if (untar.status !== 0) process.exit(untar.status ?? 1);

const files = path.join(arrived, FILES_FOLDER);
// Before the records that name them. The agent removes those that no record names.
for (const name of fs.existsSync(files) ? fs.readdirSync(files) : []) put(`${FILES_FOLDER}/${name}`);
const records = path.join(arrived, 'runs.db');
if (fs.existsSync(records)) {
  closeUnfinished(records);
  // A write-ahead log of the old records must not be applied to the new ones.
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    fs.rmSync(path.join(state, `runs.db${suffix}`), { force: true });
  fs.renameSync(records, path.join(state, 'runs.db'));
}
// Backups of earlier versions have conversations in `projects`. The agent moves them to its store when it starts.
const conversations = [CONVERSATIONS_FOLDER, ...CONFIG_FOLDERS.map((folder) => `${folder}/projects`)];
if (conversations.some((folder) => fs.existsSync(path.join(arrived, folder)))) {
  // A newer copy would count more than that of the backup.
  for (const folder of [...conversations, PROCESS_FOLDERS])
    fs.rmSync(path.join(state, folder), { recursive: true, force: true });
}
if (fs.existsSync(path.join(arrived, CONVERSATIONS_FOLDER))) put(CONVERSATIONS_FOLDER);
for (const folder of CONFIG_FOLDERS) putFolder(folder);
if (fs.existsSync(path.join(arrived, 'home/.claude.json'))) put('home/.claude.json');
fs.rmSync(arrived, { recursive: true, force: true });
spawnSync('sync');

/**
 * Runs that were queued when the backup was taken have most likely been executed since, by the agent that it was taken
 * from. No run is executed twice: marked as running, they are ended as interrupted when the agent starts.
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

/** Replaces each existing entry, except a login that is newer. */
function putFolder(folder: string): void {
  const from = path.join(arrived, folder);
  if (!fs.existsSync(from)) return;
  fs.mkdirSync(path.join(state, folder), { recursive: true, mode: 0o700 });
  const keepsLogin = expiryOf(path.join(state, folder, CREDENTIALS_FILE)) > expiryOf(path.join(from, CREDENTIALS_FILE));
  for (const entry of fs.readdirSync(from)) {
    if (entry !== CREDENTIALS_FILE || !keepsLogin) put(`${folder}/${entry}`);
  }
  // The seed that this login was copied from.
  if (folder === 'claude' && !keepsLogin && fs.existsSync(path.join(arrived, 'seed.json'))) put('seed.json');
}

function put(name: string): void {
  const target = path.join(state, name);
  fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(path.join(arrived, name), target);
}

/** When the login in a file expires, in milliseconds since 1970; -1 when it holds none. */
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
