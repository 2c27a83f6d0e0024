import type { EndReason } from '../../claude/process.ts';

/** Thrown when a run is ended before its process is started, or the agent before its work is published. */
export class EndedError extends Error {
  override readonly name = 'EndedError';
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super(`The run was ended: ${reason}.`);
    this.reason = reason;
  }
}
