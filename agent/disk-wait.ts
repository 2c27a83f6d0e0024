import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import type { Logger } from 'pino';
import type { Health } from './http/api/state.ts';
import { ownSite } from './http/own-site.ts';
import { problem } from './http/problem.ts';
import type { Reach } from './http/reach/reach.ts';
import type { Settings } from './settings.ts';
import { isStorageFailure } from './store/storage-failure.ts';

const RETRY_MS = 2000;

/**
 * Stands in for the agent while its disk is full or read-only. It is alive, so that someone can open a shell in the pod and
 * free space, but it is not ready and accepts nothing.
 */
export class DiskWait {
  /** Responds to `GET /health` as the agent does, and refuses everything else. */
  readonly app = new Hono();
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #problem = '';

  /**
   * @param allowedHosts see {@link ownSite}.
   * @param reach from where it may be called.
   */
  constructor(
    { authMode, slots }: Pick<Settings, 'authMode' | 'slots'>,
    version: string,
    log: Logger,
    allowedHosts: readonly string[],
    reach: Pick<Reach, 'guard'>,
  ) {
    this.#log = log;
    this.app.use(reach.guard);
    this.app.use(ownSite(allowedHosts));
    this.app.get('/health', (c) =>
      c.json({
        status: 'ok',
        timestamp: new Date().toISOString(),
        version,
        activeRequests: 0,
        queued: 0,
        slots,
        storage: this.#problem,
        auth: { mode: authMode, source: 'not read yet', state: 'unknown', refreshable: false },
      } satisfies Health),
    );
    this.app.get('/ready', (c) => problem(c, 'not-ready', this.#problem));
    this.app.all('*', (c) => problem(c, 'storage', `The request was not accepted. ${this.#problem}`));
  }

  /**
   * Opens everything that needs the disk.
   * @returns undefined if the disk cannot be written; {@link app} then reports why.
   * @throws errors that have nothing to do with the disk.
   */
  attempt<T>(open: () => T): T | undefined {
    try {
      return open();
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      const why = `The agent's volume cannot be written. Free space on it, or have it repaired. (${(error as Error).message})`;
      if (why !== this.#problem) this.#log.error({ err: error }, 'the disk cannot be written; waiting until it can');
      this.#problem = why;
      return undefined;
    }
  }

  /** Retries until it succeeds. Undefined once {@link stop} was called. */
  async until<T>(open: () => T): Promise<T | undefined> {
    const { signal } = this.#stop;
    for (;;) {
      const stopped = await sleep(RETRY_MS, false, { signal }).catch(() => true);
      if (stopped) return undefined;
      const opened = this.attempt(open);
      if (opened) return opened;
    }
  }

  stop(): void {
    this.#stop.abort();
  }
}
