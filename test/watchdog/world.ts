import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';

import { FileLedger } from '../../watchdog/ledger/file.ts';
import type { LedgerState } from '../../watchdog/ledger/ledger.ts';
import { type N8nDouble, type N8nDoubleOptions, startN8nDouble } from '../doubles/n8n/server.ts';
import { startTeamsDouble, type TeamsDouble } from '../doubles/teams/server.ts';
import { startStatefulAgent, type StatefulAgent } from './agent-double.ts';
import { COMPILE_CACHE } from '../support/compile-cache.ts';

/** One pass of the program. */
export interface Pass {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly logged: readonly Record<string, unknown>[];
  /** The sentences of the log. */
  readonly said: string;
  readonly everything: string;
}

/** Where a pass is to be killed: at its n-th call of anybody, before the call has its effect or after it had. */
export interface Kill {
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** Agent, n8n, Teams and a ledger, and the real program among them. */
export class World implements AsyncDisposable {
  agent!: StatefulAgent;
  n8n!: N8nDouble;
  teams!: TeamsDouble;
  readonly folder = mkdtempSync(path.join(tmpdir(), 'watchdog-'));
  readonly ledger = new FileLedger(path.join(this.folder, 'ledger.db'));
  /** In place of the webhook of {@link teams}. */
  webhook: string | undefined;
  /** Settings beside those of the test. */
  readonly env: Record<string, string> = {};
  #calls = 0;
  #kill: Kill | undefined;
  #abort = new AbortController();

  static async make(n8n: Omit<N8nDoubleOptions, 'gate'> = {}): Promise<World> {
    const world = new World();
    const gate = (when: 'before' | 'after') => world.#gate(when);
    world.agent = await startStatefulAgent(gate);
    world.n8n = await startN8nDouble({ ...n8n, gate });
    world.teams = await startTeamsDouble({ gate });
    return world;
  }

  /** Runs the program once. */
  async pass(args: readonly string[] = [], kill?: Kill): Promise<Pass> {
    this.#calls = 0;
    this.#kill = kill;
    this.#abort = new AbortController();
    const result = await execa(process.execPath, ['watchdog/main.ts', ...args], {
      env: {
        ...COMPILE_CACHE,
        WATCHDOG_AGENT_URL: this.agent.url,
        WATCHDOG_TOKEN_FILE: this.#file('token', 'canary-watchdog-token'),
        WATCHDOG_TIMEOUT_SECONDS: '5',
        WATCHDOG_ATTEMPTS: '1',
        WATCHDOG_LEDGER_FILE: path.join(this.folder, 'ledger.db'),
        WATCHDOG_TEAMS_WEBHOOK_FILE: this.#file('webhook', this.webhook ?? this.teams.webhookUrl),
        WATCHDOG_N8N_API_URL: this.n8n.url,
        WATCHDOG_N8N_API_KEY_FILE: this.#file('key', 'n8n-key'),
        WATCHDOG_N8N_URL: 'https://n8n.example.com',
        WATCHDOG_GUIDE_URL: 'https://wiki.example.com/claude-agent',
        ...this.env,
      },
      extendEnv: false,
      reject: false,
      timeout: 120_000,
      cancelSignal: this.#abort.signal,
      forceKillAfterDelay: false,
      killSignal: 'SIGKILL',
    });
    const logged = result.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return {
      exitCode: result.exitCode,
      signal: result.signal,
      logged,
      said: logged.map(({ msg }) => String(msg)).join('\n'),
      everything: `${result.stdout}${result.stderr}`,
    };
  }

  /** How often a pass was killed. */
  kills = 0;

  /** How many calls the longest pass made. */
  calls = 0;

  /** Titles of the cards that Teams accepted. */
  get titles(): string[] {
    return this.teams.cards.map(({ fallbackText }) => fallbackText);
  }

  /** Names of the workflows that are published, with their versions. */
  get published(): Record<string, string | null> {
    return Object.fromEntries(
      this.n8n.workflows
        .list()
        .filter(({ active }) => active)
        .map(({ name, activeVersionId }) => [name, activeVersionId]),
    );
  }

  /** Reads the ledger and writes it back as time or a person would have left it. */
  async amend(change: (state: LedgerState) => LedgerState): Promise<void> {
    const entry = await this.ledger.read();
    await this.ledger.write(entry, change(entry.state));
  }

  async state(): Promise<LedgerState> {
    return (await this.ledger.read()).state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.agent, this.n8n, this.teams].map((double) => double[Symbol.asyncDispose]()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #gate(when: 'before' | 'after'): Promise<void> | void {
    if (when === 'before') this.calls = Math.max(this.calls, (this.#calls += 1));
    if (this.#kill?.call !== this.#calls || this.#kill.when !== when) return;
    this.kills += 1;
    this.#abort.abort();
    return Promise.reject(new Error('killed'));
  }

  #file(name: string, content: string): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, content);
    return file;
  }
}

const HOUR = 3_600_000;

/** The ledger as it would be that many hours later: every time in it lies further back. */
export function later(state: LedgerState, hours: number): LedgerState {
  const text = JSON.stringify(state).replace(/"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g, (_, iso: string) =>
    JSON.stringify(new Date(Date.parse(iso) - hours * HOUR).toISOString()),
  );
  return JSON.parse(text) as LedgerState;
}
