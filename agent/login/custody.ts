import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { CREDENTIALS_FILE } from '../contract.ts';
import { LoginCustody } from './login-custody.ts';
import { readOwnFile } from '../workspace/own-files.ts';
import { restoreFolder, removeLeftovers, type OwnFolder } from './restore-folder.ts';
import { adoptSeed, readSeed } from './seed.ts';
import { readSeedRecord, writeSeedRecord, type SeedRecord } from './seed-record.ts';
import { problemOfSettings } from './seed-settings.ts';
import type { ClaudeCustody } from '../claude/claude.ts';
import type { ApiError } from '../claude/transcript.ts';
import type { Log } from '../log.ts';

/** The locations of the agent's own configuration of `claude`. Paths are absolute. */
export interface CustodyPlaces {
  readonly stateDir: string;
  /** A Claude configuration folder; undefined for the one in `home`. */
  readonly configDir: string | undefined;
  /** The home folder of runs, if it belongs to the agent too. */
  readonly home: string | undefined;
  /** Read-only. Without a seed no files are provided, and a login in the configuration folder is not used. */
  readonly seedDir: string | undefined;
}

/** `claude` stores facts about the machine in it, and reads MCP servers and environment variables from it. */
const STATE_FILE = '.claude.json';
const PROJECTS = 'projects';
const SETTINGS_FILE = 'settings.json';
const RECORD_FILE = 'seed.json';

const stateFile = z.object({ userID: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * Restores the agent's own configuration of `claude` before each run, so that what one run writes there does not affect
 * later ones. Conversations stay, and so does a login that `claude` renewed.
 */
export class Custody implements ClaudeCustody {
  readonly #stateDir: string;
  readonly #log: Log;
  readonly #recordFile: string;
  readonly #folders: readonly OwnFolder[];
  readonly #login: LoginCustody | undefined;
  #record: SeedRecord;

  /**
   * Adopts the seed, and an existing login if it is valid.
   * @throws if something cannot be read or written.
   */
  constructor({ stateDir, configDir, home, seedDir }: CustodyPlaces, log: Log) {
    this.#stateDir = stateDir;
    this.#log = log;
    removeLeftovers(stateDir, log);
    this.#recordFile = path.join(stateDir, RECORD_FILE);
    this.#record = readSeedRecord(this.#recordFile, (why) =>
      log.warn({ file: this.#recordFile, why }, 'the record of the seed cannot be read and was reset'),
    );
    const state = this.#stateOf(path.join(configDir ?? home ?? stateDir, STATE_FILE));
    if (configDir !== undefined && seedDir !== undefined) {
      this.#login = this.#custodyOf(path.join(configDir, CREDENTIALS_FILE));
      this.#login.reconcile('a run');
      this.#adopt(seedDir, configDir);
    }
    const given = new Map(seedDir === undefined ? [] : readSeed(seedDir)).set(STATE_FILE, state);
    given.delete(CREDENTIALS_FILE);
    const left = seedDir === undefined ? [] : [CREDENTIALS_FILE];
    this.#folders = [
      ...(configDir === undefined ? [] : [{ root: configDir, given, left, projects: PROJECTS }]),
      ...(home === undefined
        ? []
        : [
            {
              root: home,
              given: configDir === undefined ? new Map([[STATE_FILE, state]]) : new Map<string, Buffer>(),
              left: [],
              projects: path.join('.claude', PROJECTS),
            },
          ]),
    ];
  }

  /** Call when no process exists and one is about to be started. @throws if something cannot be restored. */
  beforeStart(): void {
    for (const folder of this.#folders) restoreFolder(folder, this.#stateDir, this.#log);
  }

  /** Call when no run is in progress: people made the changes since the last run. @throws if the login cannot be restored. */
  betweenRuns(): void {
    this.#login?.reconcile('people');
  }

  /** Call after each event of `claude`. @param apiError why the API refused the last request; undefined after an answer. */
  whileRunning(apiError: ApiError | undefined): void {
    this.#orTell(() => this.#login?.inspect(apiError));
  }

  /** Call when no process of the run is left. */
  afterRun(): void {
    this.#orTell(() => this.#login?.reconcile('a run'));
  }

  /** Call when the agent is about to exit and no run is in progress. */
  atTheEnd(): void {
    this.#orTell(() => this.#login?.reconcile('people'));
  }

  /** Logs errors: they do not affect the run in progress or its result. */
  #orTell(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#log.error({ err: error }, 'the login cannot be checked or restored');
    }
  }

  #remember(news: Partial<SeedRecord>): void {
    this.#record = { ...this.#record, ...news };
    writeSeedRecord(this.#recordFile, this.#record);
  }

  #custodyOf(file: string): LoginCustody {
    const kept = { read: () => this.#record.login, keep: (login: string) => this.#remember({ login }) };
    return new LoginCustody(file, kept, this.#log);
  }

  /** With an empty file each run would look like another machine to the API. */
  #stateOf(file: string): Buffer {
    let { userID } = this.#record;
    if (!stateFile.safeParse({ userID }).success) {
      userID = userIDIn(file) ?? randomBytes(32).toString('hex');
      this.#remember({ userID });
    }
    return Buffer.from(JSON.stringify({ userID }));
  }

  #adopt(seedDir: string, configDir: string): void {
    const seed = readSeed(seedDir, (file, why) =>
      this.#log.warn({ seed: seedDir, file, why }, 'a file of the seed cannot be read and was skipped'),
    );
    const settings = seed.get(SETTINGS_FILE);
    const problem = settings && problemOfSettings(settings.toString('utf8'));
    if (problem !== undefined)
      this.#log.warn({ seed: seedDir, file: SETTINGS_FILE, problem }, 'the seed contains unusable settings');
    const report = adoptSeed(seedDir, configDir, this.#recordFile);
    this.#record = readSeedRecord(this.#recordFile);
    this.#log[report.loginKept === undefined ? 'info' : 'warn']({ seed: seedDir, ...report }, 'session');
  }
}

function userIDIn(file: string): string | undefined {
  try {
    return stateFile.parse(JSON.parse(readOwnFile(file)?.toString('utf8') ?? '')).userID;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
