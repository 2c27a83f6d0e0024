import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { CREDENTIALS_FILE } from '../contract.ts';
import { PROJECTS } from '../conversations/transcripts.ts';
import { accountIn, readAs, STATE_FILE } from './account.ts';
import { LoginCustody } from './login-custody.ts';
import { writeOwnFile } from '../workspace/own-files.ts';
import { isUsedByClaude, isUsedInHome } from './in-use.ts';
import { restoreFolder, removeLeftovers, type OwnFolder, type Users } from './restore-folder.ts';
import { adoptSeed, readSeed } from './seed.ts';
import { readSeedRecord, writeSeedRecord, type SeedRecord } from './seed-record.ts';
import { problemOfSettings } from './seed-settings.ts';
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

const SETTINGS_FILE = 'settings.json';
const RECORD_FILE = 'seed.json';

const stateFile = z.object({ userID: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * Restores the agent's own configuration of `claude` before and after each run, so that what one run writes there does not
 * affect later ones. Conversations stay, and so does a login that `claude` renewed.
 */
export class Custody {
  /** The login in the configuration folder; undefined if there is none to use. */
  readonly login: LoginCustody | undefined;
  /** The content of a configuration folder, without a login, by path. */
  readonly given: ReadonlyMap<string, Buffer>;
  readonly #stateDir: string;
  readonly #log: Log;
  readonly #stateFile: string;
  readonly #recordFile: string;
  readonly #folders: readonly OwnFolder[];
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
    this.#stateFile = path.join(configDir ?? home ?? stateDir, STATE_FILE);
    const state = this.#state();
    if (configDir !== undefined && seedDir !== undefined) {
      this.login = this.#custodyOf(path.join(configDir, CREDENTIALS_FILE));
      this.login.reconcile('a run');
      this.#adopt(seedDir, configDir);
    }
    const given = new Map(seedDir === undefined ? [] : readSeed(seedDir)).set(STATE_FILE, state);
    given.delete(CREDENTIALS_FILE);
    this.given = given;
    const left = seedDir === undefined ? [] : [CREDENTIALS_FILE];
    this.#folders = [
      ...(configDir === undefined ? [] : [{ root: configDir, given, left, projects: PROJECTS, inUse: isUsedByClaude }]),
      ...(home === undefined
        ? []
        : [
            {
              root: home,
              given: new Map<string, Buffer>(),
              left: [],
              projects: path.join('.claude', PROJECTS),
              inUse: isUsedInHome,
            },
          ]),
    ];
  }

  /**
   * The content of a configuration folder for a process that uses the login without having it: {@link given}, and the account
   * of the login, which the CLI tells the API together with the id of the installation.
   */
  get givenWithAccount(): ReadonlyMap<string, Buffer> {
    const { userID, accountUuid } = this.#record;
    if (!this.login || accountUuid === undefined) return this.given;
    const state = JSON.stringify({ userID, oauthAccount: { accountUuid } });
    return new Map(this.given).set(STATE_FILE, Buffer.from(state));
  }

  /**
   * Call when the agent's own CLI has used the login: remembers the account that it found out.
   * @returns whether an account is known.
   * @throws if it cannot be written.
   */
  takeAccount(): boolean {
    const accountUuid = accountIn(path.dirname(this.#stateFile))?.accountUuid;
    if (accountUuid !== undefined && accountUuid !== this.#record.accountUuid) this.#remember({ accountUuid });
    return this.#record.accountUuid !== undefined;
  }

  /**
   * Replaces the login, perhaps by that of another account. Call it only if there is a {@link login}.
   * @param change returns the new text of the login file, given the present one.
   * @param accountUuid of the new login, if known.
   * @throws if it cannot be written.
   */
  replaceLogin(change: (before: string | undefined) => string, accountUuid: string | undefined): void {
    this.#remember({ accountUuid });
    // The CLI may have written the account of the earlier login to it.
    writeOwnFile(this.#stateFile, this.given.get(STATE_FILE) ?? '{}');
    this.login?.replace(change(this.#record.login));
  }

  /** Call when a process is about to be started, and when one has ended. @throws if something cannot be restored. */
  restore(users: Users): void {
    for (const folder of this.#folders) restoreFolder(folder, users, this.#stateDir, this.#log);
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
  #state(): Buffer {
    let { userID } = this.#record;
    if (!stateFile.safeParse({ userID }).success) {
      userID = readAs(stateFile, this.#stateFile)?.userID ?? randomBytes(32).toString('hex');
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
