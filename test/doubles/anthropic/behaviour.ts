import { DEFAULT_FEDERATION, type Federation } from './federation.ts';
import { BODIES_KEPT, type RequestRecord } from './journal.ts';

/** Settings that can be changed later. */
export interface BehaviourSettings {
  /** Directives for every prompt without directives of its own, such as `[[fail:overloaded]]`. */
  readonly mode?: string | undefined;
  /** The tokens and keys that are accepted; all others get a 401. `null`, the default, accepts everything. */
  readonly accept?: readonly string[] | null | undefined;
  /** Headers of each response to a message, such as those with the quota; replaces earlier ones. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How identity tokens are exchanged; omitted fields do not change. */
  readonly federation?: { readonly [K in keyof Federation]?: Federation[K] | undefined } | undefined;
}

/** The state of one double: its settings and the requests it has received. */
export class Behaviour {
  readonly requests: RequestRecord[] = [];
  readonly #initial: BehaviourSettings;
  readonly #failures = new Map<string, number>();
  #accepted: readonly string[] | null = null;
  mode = '';
  headers: Readonly<Record<string, string>> = {};
  federation = DEFAULT_FEDERATION;

  constructor(initial: BehaviourSettings) {
    this.#initial = initial;
    this.configure(initial);
  }

  configure({ mode, accept, headers, federation }: BehaviourSettings): void {
    if (mode !== undefined) this.mode = mode;
    if (accept !== undefined) this.#accepted = accept;
    if (headers !== undefined) this.headers = headers;
    const given = Object.entries(federation ?? {}).filter(([, value]) => value !== undefined);
    this.federation = { ...this.federation, ...(Object.fromEntries(given) as Partial<Federation>) };
  }

  reset(): void {
    this.requests.length = 0;
    this.#failures.clear();
    this.mode = '';
    this.#accepted = null;
    this.headers = {};
    this.federation = DEFAULT_FEDERATION;
    this.configure(this.#initial);
  }

  accepts(credential: string): boolean {
    return this.#accepted?.includes(credential) ?? true;
  }

  record(request: RequestRecord): void {
    const forgotten = this.requests.at(-BODIES_KEPT);
    if (forgotten !== undefined) forgotten.body = undefined;
    this.requests.push(request);
  }

  messages(): RequestRecord[] {
    return this.requests.filter(({ path }) => path === '/v1/messages');
  }

  /** Counts one more failed request of this prompt and returns how many there are now. */
  countFailure(prompt: string): number {
    const count = (this.#failures.get(prompt) ?? 0) + 1;
    this.#failures.set(prompt, count);
    return count;
  }
}
