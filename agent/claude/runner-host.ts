import { Link, type LinkOptions, type LinkState, type RunnerAddress } from '../runner/client/link.ts';
import { PING_MS, SILENCE_MS } from '../runner/protocol.ts';
import { NoRunnerError } from './no-runner-error.ts';
import type { HostedProcess, ProcessCommand, ProcessOutput, ClaimableHost, ClaimedPlace } from './host.ts';

/** A runner is cleaned in a fraction of a second. */
const READY_WITHIN_MS = 20_000;

/** What a {@link RunnerHost} needs. */
export interface RunnerHostOptions extends Omit<LinkOptions, 'pingMs' | 'silenceMs'> {
  readonly pingMs?: number;
  readonly silenceMs?: number;
  /** Returns the addresses of all runners; see {@link RunnerHost.refresh}. */
  readonly addresses: () => readonly RunnerAddress[];
}

/** Starts processes on runners, one on each at a time. */
export class RunnerHost implements ClaimableHost, Disposable {
  readonly #options: RunnerHostOptions;
  /** By address and port; those that are ready for the longest time first. */
  readonly #links = new Map<string, Link>();
  /** Their runner has gone, but a run may still be in progress there. */
  readonly #leaving = new Set<Link>();
  /** Those who wait until one is ready. */
  readonly #waiting = new Set<() => void>();

  constructor(options: RunnerHostOptions) {
    this.#options = options;
    this.#follow();
  }

  /** How many runners are in each state. */
  get counts(): Readonly<Record<LinkState, number>> {
    const counts = { connecting: 0, ready: 0, busy: 0, used: 0, unreachable: 0 };
    for (const { state } of this.#links.values()) counts[state] += 1;
    counts.busy += this.#leaving.size;
    return counts;
  }

  /** How many processes there can be at a time. A runner counts while it is cleaned between two runs. */
  get size(): number {
    const links = [...this.#links.values()];
    return links.filter(({ state, isReturning }) => state === 'ready' || state === 'busy' || isReturning).length;
  }

  /** Settles when a runner is ready, or after a time in which each that works is ready again. */
  async ready(): Promise<void> {
    if (this.counts.ready > 0) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const done = () => resolve(undefined);
    const late = setTimeout(done, READY_WITHIN_MS);
    this.#waiting.add(done);
    await promise;
    this.#waiting.delete(done);
    clearTimeout(late);
  }

  /** Call when the addresses have changed. A run on a runner whose address is gone goes on. */
  refresh(): void {
    this.#follow();
    this.#options.onChange();
  }

  #follow(): void {
    const wanted = new Map(this.#options.addresses().map((runner) => [`${runner.address} ${runner.port}`, runner]));
    for (const [name, link] of this.#links) {
      if (wanted.has(name)) continue;
      this.#links.delete(name);
      if (link.state === 'busy') this.#leaving.add(link);
      link.close();
    }
    for (const [name, runner] of wanted) if (!this.#links.has(name)) this.#links.set(name, this.#link(name, runner));
  }

  /** @throws {NoRunnerError} */
  start(command: ProcessCommand, output: ProcessOutput): HostedProcess {
    return this.claim().start(command, output);
  }

  /** @throws {NoRunnerError} */
  claim(): ClaimedPlace {
    const link = [...this.#links.values()].find(({ state }) => state === 'ready');
    if (!link) throw new NoRunnerError();
    return link.claim();
  }

  /** A runner ends a run when the connection of its agent ends, so an earlier agent has left nothing. */
  killLeftovers(): Promise<number> {
    return Promise.resolve(0);
  }

  /** Ends all connections, and thereby all processes. */
  [Symbol.dispose](): void {
    for (const link of [...this.#links.values(), ...this.#leaving]) link.close({ endRun: true });
    this.#links.clear();
    this.#leaving.clear();
  }

  #link(name: string, runner: RunnerAddress): Link {
    const link: Link = new Link(runner, {
      pingMs: PING_MS,
      silenceMs: SILENCE_MS,
      ...this.#options,
      onChange: () => {
        if (link.state !== 'busy') this.#leaving.delete(link);
        if (link.state === 'ready') {
          if (this.#links.delete(name)) this.#links.set(name, link);
          this.#waiting.values().next().value?.();
        }
        this.#options.onChange();
      },
    });
    return link;
  }
}
