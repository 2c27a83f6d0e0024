import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { CONVERSATIONS_FOLDER, FILES_FOLDER, SESSION_ENTRIES } from '../contract.ts';

/** Of a Claude configuration folder: the session, and the file that the CLI keeps next to it. */
const ENTRIES = [...SESSION_ENTRIES, '.claude.json'];

/** Conversations to back up; paths are relative to the state folder. */
export interface ConversationChoice {
  readonly paths: readonly string[];
  readonly taken: number;
  /** The oldest, beyond the limit. */
  readonly omitted: number;
  readonly omittedBytes: number;
}

/** The login, settings and records of the seed, relative to the state folder. */
export function sessionFiles(stateDir: string): string[] {
  const candidates = configFolders(stateDir).flatMap((folder) => ENTRIES.map((entry) => `${folder}/${entry}`));
  return [...candidates, 'home/.claude.json', 'seed.json'].filter((file) => existsSync(path.join(stateDir, file)));
}

/**
 * Chooses the newest conversations up to a total size in bytes. They are in the agent's store. In a configuration folder are
 * copies of those in progress, and those that `claude` has beside the agent.
 */
export function chooseConversations(stateDir: string, limit: number): ConversationChoice {
  const kept = conversationsIn(stateDir, CONVERSATIONS_FOLDER);
  const isKept = new Set(kept.map(({ id }) => id));
  const beside = configFolders(stateDir).flatMap((folder) => conversationsIn(stateDir, `${folder}/projects`));
  const found = [...kept, ...beside.filter(({ id }) => !isKept.has(id))];
  let bytes = 0;
  const taken: Conversation[] = [];
  const omitted: Conversation[] = [];
  for (const conversation of found.sort((a, b) => b.changedAt - a.changedAt)) {
    bytes += conversation.bytes;
    (bytes > limit ? omitted : taken).push(conversation);
  }
  return {
    paths: taken.flatMap(({ paths }) => paths),
    taken: taken.length,
    omitted: omitted.length,
    omittedBytes: omitted.reduce((sum, conversation) => sum + conversation.bytes, 0),
  };
}

/** The contents of files of runs, relative to the state folder, and their size. Those that are being received are not. */
export function runFiles(stateDir: string): { readonly paths: readonly string[]; readonly bytes: number } {
  const folder = path.join(stateDir, FILES_FOLDER);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
  const bytes = names.reduce((sum, name) => sum + sizeOf(path.join(folder, name)).bytes, 0);
  return { paths: names.map((name) => `${FILES_FOLDER}/${name}`), bytes };
}

/** Where `claude` keeps its login, settings and conversations: with a session, and in the other auth modes. */
function configFolders(stateDir: string): string[] {
  return ['claude', 'home/.claude'].filter((folder) => existsSync(path.join(stateDir, folder)));
}

/** A transcript `ID.jsonl`, and the folder `ID` next to it. */
interface Conversation {
  readonly id: string;
  readonly paths: readonly string[];
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly changedAt: number;
}

/** The conversations in the folders of a folder: of the store, or of `projects` in a configuration folder. */
function conversationsIn(stateDir: string, parent: string): Conversation[] {
  if (!existsSync(path.join(stateDir, parent))) return [];
  const folders = readdirSync(path.join(stateDir, parent)).filter((name) => !name.startsWith('.'));
  return folders.flatMap((folder) => {
    const names = readdirSync(path.join(stateDir, parent, folder));
    const ids = [...new Set(names.map((name) => name.replace(/\.jsonl$/, '')))];
    return ids.map((id) => {
      const paths = [id, `${id}.jsonl`].filter((name) => names.includes(name));
      const below = paths.map((name) => `${parent}/${folder}/${name}`);
      const sizes = below.map((name) => sizeOf(path.join(stateDir, name)));
      return {
        id,
        paths: below,
        bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
        changedAt: Math.max(...sizes.map(({ changedAt }) => changedAt)),
      };
    });
  });
}

function sizeOf(file: string): { bytes: number; changedAt: number } {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return { bytes: stats?.size ?? 0, changedAt: stats?.mtimeMs ?? 0 };
  const files = readdirSync(file, { recursive: true, encoding: 'utf8' });
  const bytes = files.reduce((sum, name) => {
    const inner = statSync(path.join(file, name), { throwIfNoEntry: false });
    return sum + (inner?.isFile() ? inner.size : 0);
  }, 0);
  return { bytes, changedAt: stats.mtimeMs };
}
