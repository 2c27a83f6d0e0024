import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../log.ts';
import { ProtocolError } from '../protocol.ts';
import { deletePod, type Cluster } from './kubernetes.ts';

const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 30_000;
/** A host name, which Kubernetes makes of the pod's. */
const HOST_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NO_SUCH_POD = 404;

/** Names of pods that are kept over a restart of the agent. */
export interface KeptNames {
  read(): readonly string[];
  /** @throws if they cannot be written. */
  write(names: readonly string[]): void;
}

/** What a {@link Retirement} needs. */
export interface RetirementParts {
  /** The name of the runners' Service, with which the names of their pods begin. */
  readonly service: string;
  readonly cluster: Cluster;
  /** Pods that have a run or had one. */
  readonly kept: KeptNames;
  readonly log: Log;
}

/** Has the pods of runners deleted that had their run. */
export class Retirement implements Disposable {
  readonly #prefix: string;
  readonly #cluster: Cluster;
  readonly #log: Log;
  readonly #kept: KeptNames;
  /** The names of pods that have a run or had one, and may still exist. */
  readonly #used: Set<string>;
  /** By name: pods that are being deleted. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #closed = new AbortController();

  /** Deletes the pods that had a run from an earlier agent. */
  constructor({ service, cluster, kept, log }: RetirementParts) {
    this.#prefix = `${service.split('.')[0] ?? ''}-`;
    this.#cluster = cluster;
    this.#log = log;
    this.#kept = kept;
    this.#used = new Set(kept.read().filter((name) => this.#isPod(name)));
    for (const name of this.#used) void this.retire(name);
  }

  /** Call before the run of a runner, which says the name itself. @throws {ProtocolError} if it is no runner's. */
  check(name: string): void {
    if (!this.#isPod(name)) {
      throw new ProtocolError(`its host name must be that of a pod and begin with ${this.#prefix}`);
    }
  }

  /** Call before a runner gets its run: its pod has no other, whatever happens to it and to this agent. */
  use(name: string): void {
    this.#used.add(name);
    this.#save();
  }

  /** Whether the runner had its run. */
  isLeaving(name: string): boolean {
    return this.#leaving.has(name);
  }

  /** Deletes a pod. Settles when it exists no more, also if the API fails meanwhile; never rejects. */
  retire(name: string): Promise<void> {
    const known = this.#leaving.get(name);
    if (known) return known;
    const gone = this.#delete(name).finally(() => this.#leaving.delete(name));
    this.#leaving.set(name, gone);
    return gone;
  }

  /** Asks for nothing any more. */
  [Symbol.dispose](): void {
    this.#closed.abort();
  }

  /** A pod exists until its containers have ended, so a deletion that succeeds is no end yet. */
  async #delete(pod: string): Promise<void> {
    for (let wait = FIRST_WAIT_MS; !this.#closed.signal.aborted; wait = Math.min(LAST_WAIT_MS, 2 * wait)) {
      try {
        const status = await deletePod(pod, this.#cluster);
        if (status === NO_SUCH_POD) {
          this.#log.info({ pod }, 'the pod of a runner that had its run is deleted');
          this.#used.delete(pod);
          this.#save();
          return;
        }
        if (status >= 300) this.#log.warn({ pod, status }, 'the pod of a runner that had its run cannot be deleted');
      } catch (error) {
        this.#log.warn({ pod, err: error }, 'the pod of a runner that had its run cannot be deleted');
      }
      await sleep(wait, undefined, { ref: false, signal: this.#closed.signal }).catch(() => undefined);
    }
  }

  #isPod(name: string): boolean {
    return HOST_NAME.test(name) && name.startsWith(this.#prefix);
  }

  #save(): void {
    try {
      this.#kept.write([...this.#used]);
    } catch (error) {
      this.#log.error({ err: error }, 'after a restart of the agent, a runner may get a second run');
    }
  }
}
