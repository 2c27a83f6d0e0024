import { ApiException, CoreV1Api, KubeConfig, V1ConfigMap, V1ObjectMeta } from '@kubernetes/client-node';

import { LedgerConflictError, LedgerError, parseLedger } from './ledger.ts';
import type { Entry, Ledger, LedgerState } from './ledger.ts';

const KEY = 'ledger.json';

/** A ledger in a ConfigMap, which the API server lets nobody write who read an older one. */
export class ConfigMapLedger implements Ledger {
  readonly place: string;
  readonly #api: CoreV1Api;
  readonly #where: { readonly namespace: string; readonly name: string };
  /** As the API server gave it last: what is written back keeps all that is not the ledger's. */
  #last = new V1ConfigMap();

  /** Uses the kubeconfig where there is one, else the ServiceAccount of the pod. */
  constructor(namespace: string, name: string) {
    this.place = `ConfigMap ${namespace}/${name}`;
    this.#where = { namespace, name };
    const config = new KubeConfig();
    config.loadFromDefault();
    this.#api = config.makeApiClient(CoreV1Api);
  }

  async read(): Promise<Entry> {
    return this.#entryOf(await this.#attempt('read', this.#api.readNamespacedConfigMap(this.#where)));
  }

  async write({ revision }: Entry, state: LedgerState, forget: readonly string[] = []): Promise<Entry> {
    const body = this.#last;
    body.metadata ??= new V1ObjectMeta();
    body.metadata.resourceVersion = revision;
    for (const name of forget) delete body.metadata.annotations?.[name];
    body.data = { [KEY]: JSON.stringify(state) };
    return this.#entryOf(
      await this.#attempt('written', this.#api.replaceNamespacedConfigMap({ ...this.#where, body })),
    );
  }

  /** Nothing is known of another pod. */
  isGone(): boolean {
    return false;
  }

  #entryOf(map: V1ConfigMap): Entry {
    this.#last = map;
    return {
      state: parseLedger(map.data?.[KEY], this.place),
      revision: map.metadata?.resourceVersion ?? '',
      annotations: map.metadata?.annotations ?? {},
    };
  }

  async #attempt(what: string, call: Promise<V1ConfigMap>): Promise<V1ConfigMap> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof ApiException && error.code === 409) {
        throw new LedgerConflictError(`${this.place} was written by another pass`, { cause: error });
      }
      throw new LedgerError(`${this.place} can't be ${what} (${reasonOf(error)})`, { cause: error });
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof ApiException)) return error instanceof Error ? error.message : String(error);
  if (error.code === 403) return 'HTTP 403: the ServiceAccount may not; is its Role there?';
  if (error.code === 404) return 'HTTP 404: it is not there; `pulumi up` makes it';
  return `HTTP ${error.code}`;
}
