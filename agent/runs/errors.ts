import type { Pause } from './run.ts';

/** Thrown to a client whose run was not accepted, or did not begin, because the agent is shutting down. */
export class DrainingError extends Error {
  constructor() {
    super('The agent is shutting down; the run was not begun and will not be. Send it again.');
    this.name = 'DrainingError';
  }
}

/** Thrown to a client whose run was not accepted because the agent is paused. */
export class PausedError extends Error {
  override readonly name = 'PausedError';

  constructor({ since, reason }: Pause) {
    super(`The agent is paused since ${since}${reason === undefined ? '' : ` (${reason})`}; the run was not accepted.`);
  }
}

/** Thrown to a client whose run was not accepted because the workspace is over its limit. */
export class WorkspaceFullError extends Error {
  override readonly name = 'WorkspaceFullError';
}

/** Thrown when the folder of the workspace is gone and cannot be made again. */
export class WorkspaceUnusableError extends Error {
  override readonly name = 'WorkspaceUnusableError';
}

/** Thrown when an idempotency key comes again with another request. */
export class IdempotencyError extends Error {
  override readonly name = 'IdempotencyError';

  constructor(key: string) {
    super(`The Idempotency-Key ${JSON.stringify(key)} came before with another request. Take a new key for a new run.`);
  }
}

/** Thrown to a client when what it asked for cannot be written to disk. */
export class StorageError extends Error {
  override readonly name = 'StorageError';

  /** @param what the sentence for the client: what did not happen, and why. */
  constructor(what: string, cause?: unknown) {
    super(what, { cause });
  }
}
