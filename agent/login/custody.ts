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

/** Where the configuration of `claude` is that belongs to the agent. Paths are absolute. */
export interface CustodyPlaces {
  readonly stateDir: string;
  /** A Claude configuration folder; undefined for that of `home`. */
  readonly configDir: string | undefined;
  /** The home folder of runs, where it is the agent's own too. */
  readonly home: string | undefined;
  /** Read-only. Without one nothing is given, and a login in the configuration folder is not used. */
  readonly seedDir: string | undefined;
}

/** `claude` keeps what it knows of the machine in it, and takes MCP servers and environment variables from it. */
const STATE_FILE = '.claude.json';
const PROJECTS = 'projects';
const SETTINGS_FILE = 'settings.json';
const RECORD_FILE = 'seed.json';

const stateFile = z.object({ userID: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * Keeps the agent's own configuration of `claude` from run to run as it was given: what a run wrote there does not work on
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
   * Takes the seed, and what it can of a login that is there.
   * @throws when something cannot be read or written.
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

  /** No process is there, and one is about to be started. @throws when something cannot be put back. */
  beforeStart(): void {
    for (const folder of this.#folders) restoreFolder(folder, this.#stateDir, this.#log);
  }

  /** No run is going on: what changed since the last one, people changed. @throws when the login cannot be put back. */
  betweenRuns(): void {
    this.#login?.reconcile('people');
  }

  /** `claude` has said something. @param apiError why the API refused the last request; undefined after an answer. */
  whileRunning(apiError: ApiError | undefined): void {
    this.#orTell(() => this.#login?.inspect(apiError));
  }

  /** No process of the run is left. */
  afterRun(): void {
    this.#orTell(() => this.#login?.reconcile('a run'));
  }

  /** The agent is about to end, and no run is going on. */
  atTheEnd(): void {
    this.#orTell(() => this.#login?.reconcile('people'));
  }

  /** The run goes on, or has ended, whatever becomes of its login. */
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

  /** With nothing in it each run would be another machine to the API. */
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
