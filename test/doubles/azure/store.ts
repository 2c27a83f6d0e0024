import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** One resource in Azure. */
export interface Stored {
  readonly token: string;
  /** Properties that can be set, with the defaults that Azure adds. */
  readonly body: Record<string, unknown>;
  /** Properties that only Azure sets. */
  readonly readOnly: Record<string, unknown>;
}

/** The resources by their id. Azure's ids are case-insensitive. */
export class Store {
  readonly #file: string | undefined;
  #resources = new Map<string, Stored>();

  /** @param file stores them across processes; without it they are lost with the process. */
  constructor(file?: string) {
    this.#file = file;
  }

  get(id: string): Stored | undefined {
    return this.#load().get(id.toLowerCase());
  }

  /** The resources whose id starts with this. */
  below(id: string): [string, Stored][] {
    return [...this.#load()].filter(([key]) => key.startsWith(`${id.toLowerCase()}/`));
  }

  set(id: string, stored: Stored): void {
    this.#save(this.#load().set(id.toLowerCase(), stored));
  }

  delete(id: string): void {
    const resources = this.#load();
    resources.delete(id.toLowerCase());
    this.#save(resources);
  }

  #load(): Map<string, Stored> {
    if (this.#file !== undefined && existsSync(this.#file)) {
      this.#resources = new Map(JSON.parse(readFileSync(this.#file, 'utf8')) as [string, Stored][]);
    }
    return this.#resources;
  }

  #save(resources: Map<string, Stored>): void {
    if (this.#file !== undefined) writeFileSync(this.#file, JSON.stringify([...resources], undefined, 1));
  }
}
