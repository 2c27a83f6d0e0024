import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { availableMemory } from './available-memory.ts';
import { RUNNER_CLAUDE, RUNNER_HOME, RUNNER_WORKSPACE, type ProcessFile, type ClaimableHost } from './host.ts';
import type { Log } from '../log.ts';
import { PINNED_CLAUDE } from './pinned.ts';
import type { RunnerHost } from './runner-host.ts';

/** Where processes of `claude` run, and what that means for their command. */
export interface ClaudePlace {
  readonly host: ClaimableHost;
  /** The executable. */
  readonly file: string;
  /** The variables of the machine, of which a process gets a few. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The path that one of the agent's files has there. */
  pathOf(file: string): string;
  /** The agent's files, to be sent there with a process. */
  filesOf(files: readonly string[]): readonly ProcessFile[];
  /** The path there of the folder that a run works in. */
  cwdOf(workdir: string): string;
  /** Changes when a folder is created again at the same path: a warm process would still be in the old one. */
  versionOf(workdir: string): string;
  /**
   * Whether a folder of the workspace is in a git repository. A process tells Claude the branch, the last commits and the changed
   * files as they were when it started, and another run may change them until its prompt.
   */
  isInRepository(workdir: string): boolean;
  /** Whether there is room for a process that is started ahead. */
  hasRoom(): boolean;
  /** Whether there is room for a process besides those of all slots. */
  hasRoomBeside(): boolean;
  /**
   * Settles when there is room for a process of a run. The caller starts it and then calls what this returns.
   * @param makeRoom ends a process that was started ahead, if there is one.
   */
  whenRoom(makeRoom: () => void): Promise<() => void>;
}

/** This machine. */
export function localPlace(
  host: ClaimableHost,
  options: {
    /** The executable; undefined for the pinned CLI. */
    readonly claudePath: string | undefined;
    readonly environment: Readonly<Record<string, string | undefined>>;
    /** The folder that all runs work in. */
    readonly workspaceDir: string;
    /** Processes are started ahead only while at least this much memory is available, in bytes. */
    readonly freeBytes: number;
    readonly log: Log;
  },
): ClaudePlace {
  let wasShort = false;
  const isShort = () => (availableMemory() ?? Infinity) < options.freeBytes;
  return {
    host,
    file: options.claudePath ?? PINNED_CLAUDE,
    environment: options.environment,
    pathOf: (file) => file,
    filesOf: () => [],
    cwdOf: (workdir) => workdir,
    versionOf: (workdir) => {
      const { dev, ino } = statSync(workdir);
      return `${dev}:${ino}`;
    },
    isInRepository: (workdir) =>
      foldersBetween(options.workspaceDir, workdir).some((folder) => existsSync(path.join(folder, '.git'))),
    hasRoom: () => {
      const before = wasShort;
      wasShort = isShort();
      if (wasShort !== before)
        options.log.info({}, wasShort ? 'no warm processes while memory is short' : 'memory for warm processes again');
      return !wasShort;
    },
    hasRoomBeside: () => !isShort(),
    whenRoom: () => Promise.resolve(() => undefined),
  };
}

/** Both folders and those between them. A repository around the whole workspace is none that runs work on. */
function foldersBetween(workspaceDir: string, workdir: string): string[] {
  const parts = path.relative(workspaceDir, workdir).split(path.sep);
  return [workspaceDir, ...parts.map((_, i) => path.join(workspaceDir, ...parts.slice(0, i + 1)))];
}

/** The folder of a runner with the agent's files. */
const GIVEN = `${RUNNER_HOME}/.agent`;

/** Runners, one process on each at a time. */
export function runnerPlace(
  host: RunnerHost,
  options: {
    /** The address of the gateway for them. */
    readonly gatewayUrl: string;
    /** The workspace in the paths that requests name. */
    readonly workspaceDir: string;
    /** Whether the workspace of a runner is kept from run to run. */
    readonly keepsWorkspace: boolean;
  },
): ClaudePlace {
  let claims = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const pathOf = (file: string) => GIVEN + file;
  return {
    host,
    file: RUNNER_CLAUDE,
    environment: { ANTHROPIC_BASE_URL: options.gatewayUrl },
    pathOf,
    filesOf: (files) => files.map((file) => ({ path: pathOf(file), mode: 0o600, content: readFileSync(file) })),
    cwdOf: (workdir) => path.join(RUNNER_WORKSPACE, path.relative(options.workspaceDir, workdir)),
    versionOf: () => '',
    // An empty one is none, and what is in a kept one is known only there.
    isInRepository: () => options.keepsWorkspace,
    hasRoom: () => claims === 0 && host.counts.ready > 0,
    // A runner that is spare is for the next run.
    hasRoomBeside: () => false,
    // One after the other: a runner that is ready is for the first of them, and not for a process that is started ahead.
    whenRoom: async (makeRoom) => {
      claims += 1;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const before = turn;
      turn = promise;
      await before;
      if (host.counts.ready === 0) makeRoom();
      await host.ready();
      return () => {
        claims -= 1;
        resolve(undefined);
      };
    },
  };
}
