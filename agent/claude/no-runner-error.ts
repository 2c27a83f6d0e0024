/** Thrown when a process cannot be started because no runner is ready. */
export class NoRunnerError extends Error {
  override readonly name = 'NoRunnerError';

  constructor() {
    super('No runner is ready.');
  }
}
