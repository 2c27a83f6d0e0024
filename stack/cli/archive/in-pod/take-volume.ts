/**
 * Runs in the agent's container, beside the agent: writes what the volume holds as a tar.gz to its output. Its argument is
 * a {@link Wanted} as JSON. It imports nothing but Node.js, since only its text is sent there.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What to take. */
export interface Wanted {
  /** Of a Claude configuration folder, besides conversations. */
  readonly entries: readonly string[];
  /** How much of the conversations, the newest first. */
  readonly conversationMegabytes: number;
}

/** What was taken; it is in the archive, as `volume.json`. */
export interface VolumeReport {
  /** Or in a sentence why there are none. */
  readonly records: { readonly runs: number; readonly unfinished: number; readonly copies: number } | string;
  readonly conversations: { readonly taken: number; readonly omitted: number; readonly omittedBytes: number };
}

/** Copies beside an agent that goes on writing, before it is stopped for the time of one. */
const FREE_COPIES = 5;
/** After this an agent that was stopped goes on, whatever became of this program. */
const STOPPED_SECONDS = 20;
const WAL_HEADER_BYTES = 32;
const SCRATCH = 'claude-agent-backup-';
const HOUR_MS = 3_600_000;

const { entries, conversationMegabytes } = JSON.parse(process.argv.at(-1) ?? '') as Wanted;
const state = process.env['AGENT_STATE_DIR'] ?? '/data';
removeLeftovers();
const scratch = fs.mkdtempSync(path.join(tmpdir(), SCRATCH));
try {
  const { paths, ...conversations } = chooseConversations();
  const report: VolumeReport = { records: takeRecords(path.join(scratch, 'runs.db')), conversations };
  fs.writeFileSync(path.join(scratch, 'volume.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = writeArchive([...sessionFiles(), ...paths]);
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}

/** Of a backup that was killed: /tmp is not large. */
function removeLeftovers(): void {
  for (const name of fs.readdirSync(tmpdir()).filter((entry) => entry.startsWith(SCRATCH))) {
    const folder = path.join(tmpdir(), name);
    const { mtimeMs } = fs.statSync(folder, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity };
    if (mtimeMs < Date.now() - HOUR_MS) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The agent holds the records' lock for as long as it runs, so nobody else can open them. What SQLite has not yet moved
 * from the write-ahead log into the database is in the log, whole and with checksums, until the log begins anew, which
 * gives its header other salts. So a copy of the database and then of the log is what a power cut would have left, as
 * long as the log did not begin anew in between, however much was written; SQLite then makes it whole.
 */
function takeRecords(target: string): VolumeReport['records'] {
  const source = path.join(state, 'runs.db');
  if (!fs.existsSync(source)) return 'there is no runs.db on the volume';
  for (let copies = 1; copies <= FREE_COPIES; copies++) {
    if (isCopied(source, target)) return madeWhole(target, copies);
  }
  const agent = holderOf(source);
  if (agent === undefined || !whileStopped(agent, () => isCopied(source, target))) {
    return `they were written so fast that none of ${FREE_COPIES} copies was whole`;
  }
  return madeWhole(target, FREE_COPIES + 1);
}

function isCopied(source: string, target: string): boolean {
  for (const suffix of ['', '-wal']) fs.rmSync(target + suffix, { force: true });
  const before = generation(source);
  fs.copyFileSync(source, target);
  if (fs.existsSync(`${source}-wal`)) fs.copyFileSync(`${source}-wal`, `${target}-wal`);
  return generation(source) === before && before.endsWith(walHeader(target));
}

/** The process that has the file open. */
function holderOf(file: string): number | undefined {
  const isHolder = (pid: string): boolean => {
    try {
      const open = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
      return open.includes(fs.realpathSync(file));
    } catch {
      // It ended meanwhile, or is somebody else's.
      return false;
    }
  };
  const found = fs.readdirSync('/proc').find((name) => /^\d+$/.test(name) && isHolder(name));
  return found === undefined ? undefined : Number(found);
}

/** What runs of `claude` go on meanwhile. */
function whileStopped<T>(pid: number, work: () => T): T {
  const goOn = `sleep ${STOPPED_SECONDS}; kill -CONT ${pid}`;
  const guard = spawn('sh', ['-c', goOn], { detached: true, stdio: 'ignore' });
  guard.unref();
  process.kill(pid, 'SIGSTOP');
  try {
    return work();
  } finally {
    process.kill(pid, 'SIGCONT');
    if (guard.pid !== undefined) process.kill(-guard.pid, 'SIGKILL');
  }
}

/** Changes when the log begins anew; and, where there is no log to overlay it, whenever the database is written. */
function generation(database: string): string {
  const header = walHeader(database);
  if (header !== '') return header;
  const { size, mtimeNs } = fs.statSync(database, { bigint: true });
  return `${size}:${mtimeNs}:`;
}

function walHeader(database: string): string {
  if (!fs.existsSync(`${database}-wal`)) return '';
  const file = fs.openSync(`${database}-wal`, 'r');
  try {
    const header = Buffer.alloc(WAL_HEADER_BYTES);
    return fs.readSync(file, header) < WAL_HEADER_BYTES ? '' : header.toString('hex');
  } finally {
    fs.closeSync(file);
  }
}

function madeWhole(file: string, copies: number): VolumeReport['records'] {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA journal_mode = DELETE');
    const { integrity_check: found } = database.prepare('PRAGMA integrity_check(1)').get() as Record<string, string>;
    if (found !== 'ok') return `runs.db is damaged: ${String(found)}`;
    const count = `SELECT count(*) AS runs, coalesce(sum(state <> 'ended'), 0) AS unfinished FROM runs`;
    return { ...(database.prepare(count).get() as { runs: number; unfinished: number }), copies };
  } catch (error) {
    return `runs.db can't be read: ${(error as Error).message}`;
  } finally {
    database.close();
  }
}

/** Where `claude` keeps its login, settings and conversations: with a session, and in the other auth modes. */
function configFolders(): string[] {
  return ['claude', 'home/.claude'].filter((folder) => fs.existsSync(path.join(state, folder)));
}

function sessionFiles(): string[] {
  const candidates = configFolders().flatMap((folder) => entries.map((entry) => `${folder}/${entry}`));
  return [...candidates, 'home/.claude.json', 'seed.json'].filter((file) => fs.existsSync(path.join(state, file)));
}

/** A conversation is a transcript `ID.jsonl`, and what else has its id in front, in the folder of its project. */
function chooseConversations(): { paths: string[]; taken: number; omitted: number; omittedBytes: number } {
  const found = configFolders().flatMap((folder) => conversationsIn(`${folder}/projects`));
  let bytes = 0;
  const taken: typeof found = [];
  const omitted: typeof found = [];
  for (const conversation of found.sort((a, b) => b.changedAt - a.changedAt)) {
    bytes += conversation.bytes;
    (bytes > conversationMegabytes * 1_048_576 ? omitted : taken).push(conversation);
  }
  return {
    paths: taken.flatMap(({ paths }) => paths),
    taken: taken.length,
    omitted: omitted.length,
    omittedBytes: omitted.reduce((sum, conversation) => sum + conversation.bytes, 0),
  };
}

function conversationsIn(projects: string): { paths: string[]; bytes: number; changedAt: number }[] {
  if (!fs.existsSync(path.join(state, projects))) return [];
  return fs.readdirSync(path.join(state, projects)).flatMap((project) => {
    const names = fs.readdirSync(path.join(state, projects, project));
    const ids = [...new Set(names.map((name) => name.replace(/\.jsonl$/, '')))];
    return ids.map((id) => {
      const paths = [id, `${id}.jsonl`].filter((name) => names.includes(name));
      const below = paths.map((name) => `${projects}/${project}/${name}`);
      const sizes = below.map(sizeOf);
      return {
        paths: below,
        bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
        changedAt: Math.max(...sizes.map(({ changedAt }) => changedAt)),
      };
    });
  });
}

function sizeOf(name: string): { bytes: number; changedAt: number } {
  const full = path.join(state, name);
  const stats = fs.statSync(full, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return { bytes: stats?.size ?? 0, changedAt: stats?.mtimeMs ?? 0 };
  const files = fs.readdirSync(full, { recursive: true, encoding: 'utf8' });
  const bytes = files.reduce((sum, file) => {
    const inner = fs.statSync(path.join(full, file), { throwIfNoEntry: false });
    return sum + (inner?.isFile() ? inner.size : 0);
  }, 0);
  return { bytes, changedAt: stats.mtimeMs };
}

/** What is removed or written while it is read does not end the archive: tar then says so and exits with 1. */
function writeArchive(files: readonly string[]): number {
  const list = path.join(scratch, 'files');
  fs.writeFileSync(list, files.map((file) => `${file}\0`).join(''));
  const made = ['runs.db', 'volume.json'].filter((file) => fs.existsSync(path.join(scratch, file)));
  const take = ['--directory', scratch, ...made, '--directory', state, '--null', '--files-from', list];
  const { status, error } = spawnSync('tar', ['--create', '--gzip', '--ignore-failed-read', ...take], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) throw error;
  return status === 1 ? 0 : (status ?? 1);
}
