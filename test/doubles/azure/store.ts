import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** One resource as Azure has it. */
export interface Stored {
  readonly token: string;
  /** What can be put, with the defaults that Azure adds. */
  readonly body: Record<string, unknown>;
  /** What Azure alone says. */
  readonly readOnly: Record<string, unknown>;
}

/** The resources by their id. Azure's ids don't tell upper case from lower. */
export class Store {
  readonly #file: string | undefined;
  #resources = new Map<string, Stored>();

  /** @param file Keeps them from one process to the next; without it they are gone with the process. */
  constructor(file?: string) {
    this.#file = file;
  }

  get(id: string): Stored | undefined {
    return this.#load().get(id.toLowerCase());
  }

  /** The resources whose id begins with this. */
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
