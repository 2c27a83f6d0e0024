import type { Pause } from '../store/run.ts';

/** Thrown to a client whose run was not accepted, or not started, because the agent is shutting down. */
export class DrainingError extends Error {
  constructor() {
    super('The agent is shutting down. The run was not started. Send it again.');
    this.name = 'DrainingError';
  }
}

/** Thrown to a client whose run was not accepted because the agent is paused. */
export class PausedError extends Error {
  override readonly name = 'PausedError';

  constructor({ since, reason }: Pause) {
    super(
      `The agent has been paused since ${since}${reason === undefined ? '' : ` (${reason})`}. The run was not accepted.`,
    );
  }
}

/** Thrown to a client whose run was not accepted because the workspace is over its limit. */
export class WorkspaceFullError extends Error {
  override readonly name = 'WorkspaceFullError';
}

/** Thrown to a client when its request cannot be recorded on disk. */
export class StorageError extends Error {
  override readonly name = 'StorageError';

  /** @param what a sentence for the client: what did not happen, and why. */
  constructor(what: string, cause?: unknown) {
    super(what, { cause });
  }
}
