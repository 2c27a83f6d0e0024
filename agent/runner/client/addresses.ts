import { lookup } from 'node:dns/promises';
import type { Log } from '../../log.ts';
import type { RunnerAddress } from './link.ts';

const EVERY_MS = 3000;
/** The name exists no more, or has no address: there is no runner. Other errors say nothing about runners. */
const NONE = ['ENOTFOUND', 'ENODATA'];

/** The addresses of a DNS name, looked up again every few seconds. */
export class RunnerAddresses implements Disposable {
  readonly #name: string;
  readonly #port: number;
  readonly #log: Log;
  readonly #onChange: () => void;
  #addresses: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isFailing = false;

  /** @param options.onChange called when {@link current} has changed. */
  constructor({ name, port, log, onChange }: { name: string; port: number; log: Log; onChange: () => void }) {
    this.#name = name;
    this.#port = port;
    this.#log = log;
    this.#onChange = onChange;
    void this.#lookUp();
  }

  /** None before the first answer. */
  get current(): RunnerAddress[] {
    return this.#addresses.map((address) => ({ address, port: this.#port }));
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #lookUp(): Promise<void> {
    try {
      this.#take((await lookup(this.#name, { all: true })).map(({ address }) => address));
      this.#isFailing = false;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (NONE.includes(code)) this.#take([]);
      else if (!this.#isFailing) this.#log.warn({ name: this.#name, code }, 'runners cannot be looked up');
      this.#isFailing = !NONE.includes(code);
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#lookUp(), EVERY_MS).unref();
  }

  #take(found: readonly string[]): void {
    const addresses = [...new Set(found)].sort();
    if (this.#isClosed || addresses.join() === this.#addresses.join()) return;
    this.#addresses = addresses;
    this.#onChange();
  }
}
