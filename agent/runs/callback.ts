/** How far the callback of a run is. Times are ISO 8601 in UTC. Its URL may be a secret and is no part of it. */
export interface Callback {
  /** With its port, where the URL names one. */
  readonly host: string;
  /** `pending` from the acceptance of the run on. */
  readonly state: 'pending' | 'delivered' | 'given_up';
  /** Attempts that were made to the end. */
  readonly attempts: number;
  readonly lastAttemptAt?: string;
  /** The HTTP status that the last attempt was answered with. */
  readonly lastStatus?: number;
  /** Why the last attempt was not answered, in a sentence. */
  readonly lastError?: string;
  /** While the run has ended and the callback is pending. */
  readonly nextAttemptAt?: string;
  readonly deliveredAt?: string;
  readonly givenUpAt?: string;
}

/** The callback of a run that was just accepted. */
export function callbackTo(url: string): Callback {
  return { host: new URL(url).host, state: 'pending', attempts: 0 };
}
