import type { KeyObject } from 'node:crypto';

/** Who may do what, by token. */
export interface Account {
  /** Paths of repositories without `.git`, such as `acme/shop`. */
  readonly repositories: readonly string[];
  readonly may: 'read' | 'write';
  /** Milliseconds since the epoch; undefined for a token that does not end. */
  readonly endsAt?: number;
}

/** A GitHub App that the host knows. */
export interface App {
  readonly id: string;
  readonly publicKey: KeyObject;
  /** The repositories that it is installed for. */
  readonly repositories: readonly string[];
  /** The rights that were accepted. */
  readonly permissions: Readonly<Record<string, string>>;
  /** How long a token of an installation lasts. */
  readonly tokenSeconds: number;
}

/** A pull request of either host. */
export interface StoredPull {
  readonly number: number;
  /** Path of the repository. */
  readonly repository: string;
  readonly head: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
  readonly draft: boolean;
  state: 'open' | 'closed';
}

/** A request that arrived. */
export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** The credential of the `Authorization` header: the token of `Bearer`, or `user:password` of `Basic`. */
  readonly credential: string | undefined;
}

/** An answer instead of the usual one, to one request whose path contains a text. */
export interface Failure {
  readonly path: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Whether the request has its usual effect first. */
  readonly after?: boolean;
  /** Whether there is no answer, and the connection stays open. */
  readonly silent?: boolean;
}

/** What a host knows. Tests change it while it runs. */
export interface HostState {
  /** The folder with the repositories: `acme/shop.git`. */
  readonly root: string;
  /** Repositories that need no credential. */
  readonly open: Set<string>;
  readonly accounts: Map<string, Account>;
  app: App | undefined;
  /** Whether the API limits requests. GitHub Enterprise Server does so only if its administrator turns it on. */
  limitsRequests: boolean;
  /** Whether `git fetch --filter` gets a part; it gets everything otherwise. */
  allowsFilters: boolean;
  readonly pulls: StoredPull[];
  readonly seen: SeenRequest[];
  readonly failures: Failure[];
}

/** What a REST API answers. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}
