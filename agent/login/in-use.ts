import type { Users } from './restore-folder.ts';

type Processes = Exclude<Users, 'none'>;

/** What the CLI keeps in its configuration folder for a process or a conversation. It takes neither settings nor memory from it. */
const WORKING_FILES: ReadonlySet<string> = new Set([
  'backups',
  'debug',
  'file-history',
  'plans',
  'session-env',
  'sessions',
  'shell-snapshots',
  'tasks',
]);

/** Locks, and files that are not complete yet, of the login and of `.claude.json`. Removing a lock would let two processes renew the login. */
const LOCK = /\.lock(\.owner)?$|^\.(claude|credentials)\.json\./;

/** Where MCP servers and package managers keep downloads that they load later. */
const CACHES: ReadonlySet<string> = new Set(['.cache', '.npm']);

/** What the CLI, and the shell that it starts, read from a home folder. */
const READ_IN_HOME =
  /^\.(claude(\.json)?|bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zshenv|zprofile|zlogin|inputrc)$/;

/** Whether processes of `claude` may be working with an entry of their configuration folder. */
export function isUsedByClaude(name: string): boolean {
  return WORKING_FILES.has(name) || LOCK.test(name);
}

/** The same for a home folder. What a run in progress put there can be its own: it may have set up git, for example. */
export function isUsedInHome(name: string, users: Processes): boolean {
  return LOCK.test(name) || CACHES.has(name) || (users === 'runs' && !READ_IN_HOME.test(name));
}
