import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** The folder of a configuration folder in which `claude` keeps conversations. */
export const PROJECTS = 'projects';

/** The name of a transcript is the id of its conversation and this. */
export const TRANSCRIPT = '.jsonl';

/** The id of a conversation. */
export const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A conversation in a folder: the transcript `ID.jsonl`, and the folder `ID` next to it if there is one. */
export interface Conversation {
  readonly sessionId: string;
  readonly folder: string;
  /** In whole milliseconds since the epoch, which is what a copy keeps. */
  readonly changedAt: number;
  readonly bytes: number;
}

/** Whether a transcript is newer than another one. `claude` only appends to it. */
export function isNewer(one: Conversation, than: Conversation | undefined): boolean {
  if (than === undefined || one.changedAt > than.changedAt) return true;
  return one.changedAt === than.changedAt && one.bytes > than.bytes;
}

/** The conversation with this id in a folder; undefined if its transcript is missing, empty or no regular file. */
export async function conversationIn(folder: string, sessionId: string): Promise<Conversation | undefined> {
  const stats = await lstat(path.join(folder, sessionId + TRANSCRIPT)).catch(whenMissing(undefined));
  if (!stats?.isFile() || stats.size === 0) return undefined;
  return { sessionId, folder, changedAt: Math.floor(stats.mtimeMs), bytes: stats.size };
}

/**
 * Finds conversations in the folder `projects` of a configuration folder, which has a folder for each working directory.
 * A run can write to all of it, so no link is followed.
 * @param sessionId undefined for all.
 * @returns the newest first.
 */
export async function findConversations(projects: string, sessionId?: string): Promise<Conversation[]> {
  const folders = await projectFolders(projects);
  const found = await Promise.all(
    folders.map(async (folder) => {
      const ids = sessionId === undefined ? await idsIn(folder) : [sessionId];
      return Promise.all(ids.map((id) => conversationIn(folder, id)));
    }),
  );
  return found
    .flat()
    .filter((each) => each !== undefined)
    .sort((a, b) => (isNewer(a, b) ? -1 : 1));
}

/** The folders of working directories in `projects`. */
async function projectFolders(projects: string): Promise<string[]> {
  const stats = await lstat(projects).catch(whenMissing(undefined));
  if (!stats?.isDirectory()) return [];
  return (await readdir(projects, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(projects, name));
}

async function idsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(whenMissing<string[]>([]));
  return names
    .filter((name) => name.endsWith(TRANSCRIPT))
    .map((name) => name.slice(0, -TRANSCRIPT.length))
    .filter((id) => SESSION_ID.test(id));
}

/** For a file or folder that may be gone, or replaced by something else. */
export function whenMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return instead;
    throw error;
  };
}
