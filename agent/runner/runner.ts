import { CannotStartError } from '../cannot-start.ts';
import type { Log } from '../log.ts';
import type { Cleaner } from './clean.ts';
import type { OwnNamespace } from './own-namespace.ts';
import { changesBetween, ownState, type OwnState } from './own-state.ts';

/** What a runner is doing. `held`: an agent has it and has started nothing yet. */
export type RunnerState = 'ready' | 'held' | 'busy' | 'cleaning' | 'ended';

/** Exit codes. With `UNCLEAN` something of a run may be left; the container has to be replaced. */
export const EXIT = { drained: 0, unclean: 3, changed: 4 } as const;

/** Whoever holds the runner, a connection. */
export interface Holder {
  /** Ends the connection. */
  release(): void;
}

/** What ends the program of a {@link Runner}. */
export interface Ends {
  readonly exit: (code: number) => void;
  /** Called when the last run is cleaned away; see {@link Runner.use}. */
  readonly onLastRun: () => void;
}

/**
 * The one place for a run in this container: one holder at a time, and nothing of a run is left for the next one.
 */
export class Runner {
  readonly #namespace: OwnNamespace;
  readonly #cleaner: Cleaner;
  readonly #log: Log;
  readonly #exit: (code: number) => void;
  readonly #onLastRun: () => void;
  readonly #before: OwnState;
  #state: RunnerState = 'ready';
  #holder: Holder | undefined;
  #isDraining = false;
  #isUsed = false;
  #isLast = false;
  #idle = Promise.withResolvers<undefined>();
  #givingBack: Promise<void> | undefined;
  #killing: Promise<void> | undefined;

  private constructor(namespace: OwnNamespace, cleaner: Cleaner, before: OwnState, log: Log, ends: Ends) {
    this.#namespace = namespace;
    this.#cleaner = cleaner;
    this.#before = before;
    this.#log = log;
    this.#exit = ends.exit;
    this.#onLastRun = ends.onLastRun;
  }

  /**
   * Removes what an earlier runner of this container left.
   * @throws {CannotStartError} if something cannot be removed.
   */
  static async start(namespace: OwnNamespace, cleaner: Cleaner, log: Log, ends: Ends): Promise<Runner> {
    const before = await ownState();
    await cleaner.clean().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new CannotStartError(`The runner cannot start: it cannot clean its container. ${why}`, { cause: error });
    });
    return new Runner(namespace, cleaner, before, log, ends);
  }

  get state(): RunnerState {
    return this.#state;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Takes the runner for a connection. Returns whether it could. */
  take(holder: Holder): boolean {
    if (this.#state !== 'ready' || this.#isDraining) return false;
    this.#state = 'held';
    this.#holder = holder;
    this.#idle = Promise.withResolvers();
    return true;
  }

  /** The holder starts a process, maybe ahead of its run. */
  begin(): void {
    this.#state = 'busy';
  }

  /** The process gets its input. @param options.isLast whether the program ends after this run. */
  use({ isLast }: { isLast: boolean }): void {
    this.#isUsed = true;
    this.#isLast = isLast;
  }

  /**
   * Kills all processes of the run. Ends the program if some cannot be killed; does not settle then. Does nothing while the
   * runner cleans, which needs processes of its own.
   */
  kill(): Promise<void> {
    return this.#state === 'busy' ? this.#kill() : Promise.resolve();
  }

  /** One after the other would kill what starts after the first has settled. */
  #kill(): Promise<void> {
    this.#killing ??= this.#killOnce().finally(() => (this.#killing = undefined));
    return this.#killing;
  }

  async #killOnce(): Promise<void> {
    await this.#orEnd(EXIT.unclean, 'processes of a run are left', () => this.#namespace.killAll());
  }

  /**
   * Kills and removes all that is left of the holder's run, if it has started one, and is ready for the next. Settles when it
   * is. Does nothing for one that does not hold the runner any more.
   */
  giveBack(holder: Holder): Promise<void> {
    if (holder !== this.#holder) return Promise.resolve();
    this.#givingBack ??= this.#giveBack().finally(() => (this.#givingBack = undefined));
    return this.#givingBack;
  }

  /**
   * Takes no further run, and settles when the one in progress is cleaned away: after the grace time it is ended, and at once if
   * it is a process that waits for a run.
   */
  async drain(graceSeconds: number): Promise<void> {
    this.#isDraining = true;
    const holder = this.#holder;
    if (!holder) return;
    const end = () => {
      holder.release();
      void this.giveBack(holder);
    };
    if (!this.#isUsed) end();
    const timer = setTimeout(end, graceSeconds * 1000);
    await this.#idle.promise;
    clearTimeout(timer);
  }

  async #giveBack(): Promise<void> {
    if (this.#state === 'busy') {
      this.#state = 'cleaning';
      await this.#kill();
      // Each waits for programs that it starts.
      await Promise.all([
        this.#orEnd(EXIT.unclean, 'files of a run are left', () => this.#cleaner.clean()),
        this.#orEnd(EXIT.changed, 'a run has changed the runner', () => this.#checkOwnState()),
      ]);
    }
    this.#isUsed = false;
    this.#state = this.#isLast ? 'ended' : 'ready';
    this.#holder = undefined;
    this.#idle.resolve(undefined);
    if (this.#isLast) this.#onLastRun();
  }

  async #checkOwnState(): Promise<void> {
    const changes = changesBetween(this.#before, await ownState());
    if (changes.length > 0) throw new Error(`changed: ${changes.join(', ')}`);
  }

  /** Does not settle if the work fails: the program ends. */
  async #orEnd(code: number, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#state = 'ended';
      this.#log.error({ err: error }, `${what}; the runner ends, so that its container is replaced`);
      this.#exit(code);
      await new Promise(() => undefined);
    }
  }
}
