import { ApiException, CoreV1Api, KubeConfig, Observable, V1ConfigMap, V1ObjectMeta } from '@kubernetes/client-node';
import type { ConfigurationOptions, ObservableMiddleware } from '@kubernetes/client-node';

import { LEDGER_KEY } from '../contract.ts';
import { readBody } from '../http/body.ts';
import { codeOf, isTimeout } from '../http/causes.ts';
import { LedgerConflictError, LedgerError, parseLedger } from './ledger.ts';
import type { LedgerEntry, Ledger, LedgerState } from './ledger.ts';

/** For one answer of the API server; the client itself has no timeout. */
const TIMEOUT_MS = 20_000;
/** A ConfigMap is limited to 1 MiB; quotes and line breaks in it take two bytes each in JSON. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A ledger in a ConfigMap. The API server rejects a write based on an older `resourceVersion`. */
export class ConfigMapLedger implements Ledger {
  readonly place: string;
  readonly #api: CoreV1Api;
  readonly #where: { readonly namespace: string; readonly name: string };
  /** The last one read: writing it back keeps everything that is not the ledger's. */
  #last = new V1ConfigMap();

  /** Uses the kubeconfig where there is one, else the ServiceAccount of the pod. */
  constructor(namespace: string, name: string) {
    this.place = `ConfigMap ${namespace}/${name}`;
    this.#where = { namespace, name };
    const config = new KubeConfig();
    config.loadFromDefault();
    this.#api = config.makeApiClient(CoreV1Api);
  }

  async read(): Promise<LedgerEntry> {
    return this.#entryOf(await this.#attempt('read', this.#api.readNamespacedConfigMap(this.#where, BOUNDED)));
  }

  async write(
    { revision }: LedgerEntry,
    state: LedgerState,
    annotationsToRemove: readonly string[] = [],
  ): Promise<LedgerEntry> {
    const body = this.#last;
    body.metadata ??= new V1ObjectMeta();
    body.metadata.resourceVersion = revision;
    for (const name of annotationsToRemove) delete body.metadata.annotations?.[name];
    body.data = { [LEDGER_KEY]: JSON.stringify(state) };
    return this.#entryOf(
      await this.#attempt('written', this.#api.replaceNamespacedConfigMap({ ...this.#where, body }, BOUNDED)),
    );
  }

  /** Unknown for another pod. */
  isGone(): boolean {
    return false;
  }

  #entryOf(map: V1ConfigMap): LedgerEntry {
    this.#last = map;
    return {
      state: parseLedger(map.data?.[LEDGER_KEY], this.place),
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

const BOUND: ObservableMiddleware = {
  pre: (request) => {
    request.setSignal(AbortSignal.timeout(TIMEOUT_MS));
    return new Observable(Promise.resolve(request));
  },
  post: (response) => {
    const stream = response.body.stream();
    response.body.text = async () => {
      const { text, incomplete } = await readBody(stream, MAX_BYTES, TIMEOUT_MS);
      if (incomplete) throw new Error(`the answer is invalid: ${incomplete.reason}`);
      return text;
    };
    return new Observable(Promise.resolve(response));
  },
};
const BOUNDED: ConfigurationOptions = {
  middleware: [BOUND],
  middlewareMergeStrategy: 'append',
};

function reasonOf(error: unknown): string {
  if (isTimeout(error)) return `no answer within ${TIMEOUT_MS / 1000} s`;
  if (!(error instanceof ApiException)) return codeOf(error);
  if (error.code === 403) return 'HTTP 403: the ServiceAccount lacks permission; check its Role';
  if (error.code === 404) return 'HTTP 404: it does not exist; `pulumi up` creates it';
  return `HTTP ${error.code}`;
}
