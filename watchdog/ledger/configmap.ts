import { ApiException, CoreV1Api, KubeConfig, Observable, V1ConfigMap, V1ObjectMeta } from '@kubernetes/client-node';
import type { ConfigurationOptions, ObservableMiddleware } from '@kubernetes/client-node';

import { LEDGER_KEY } from '../contract.ts';
import { readBody } from '../http/body.ts';
import { codeOf, isTimeout } from '../http/causes.ts';
import { LedgerConflictError, LedgerError, parseLedger } from './ledger.ts';
import type { LedgerEntry, Ledger, LedgerState } from './ledger.ts';

/** For one answer of the API server, which the client would wait for without end. */
const TIMEOUT_MS = 20_000;
/** A ConfigMap has 1 MiB at most; quotes and line breaks in it take two bytes each in JSON. */
const MAX_BYTES = 4 * 1024 * 1024;

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

  async read(): Promise<LedgerEntry> {
    return this.#entryOf(await this.#attempt('read', this.#api.readNamespacedConfigMap(this.#where, BOUNDED)));
  }

  async write({ revision }: LedgerEntry, state: LedgerState, forget: readonly string[] = []): Promise<LedgerEntry> {
    const body = this.#last;
    body.metadata ??= new V1ObjectMeta();
    body.metadata.resourceVersion = revision;
    for (const name of forget) delete body.metadata.annotations?.[name];
    body.data = { [LEDGER_KEY]: JSON.stringify(state) };
    return this.#entryOf(
      await this.#attempt('written', this.#api.replaceNamespacedConfigMap({ ...this.#where, body }, BOUNDED)),
    );
  }

  /** Nothing is known of another pod. */
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
      const { text, cut } = await readBody(stream, MAX_BYTES, TIMEOUT_MS);
      if (cut) throw new Error(`an answer can't be used: ${cut.reason}`);
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
  if (error.code === 403) return 'HTTP 403: the ServiceAccount may not; is its Role there?';
  if (error.code === 404) return 'HTTP 404: it is not there; `pulumi up` makes it';
  return `HTTP ${error.code}`;
}
