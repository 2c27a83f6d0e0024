/** Thrown to a client whose run was not accepted, or did not begin, because the agent is shutting down. */
export class DrainingError extends Error {
  constructor() {
    super('The agent is shutting down; the run was not begun and will not be. Send it again.');
    this.name = 'DrainingError';
  }
}

/** Thrown to a client when the record of its run cannot be written. */
export class StorageError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}, because its record cannot be written.`, { cause });
    this.name = 'StorageError';
  }
}
