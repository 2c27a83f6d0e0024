import type { Decision } from '../store/run.ts';

/** Thrown when a decision cannot be made. The message is for people. */
export abstract class DecisionError extends Error {}

/** Thrown for a decision that a run has not asked for. */
export class NoSuchDecisionError extends DecisionError {
  override readonly name = 'NoSuchDecisionError';

  constructor(runId: string, id: string) {
    super(`Run ${runId} has no decision ${JSON.stringify(id.slice(0, 100))}.`);
  }
}

/** Thrown for a decision that is closed. */
export class AlreadyDecidedError extends DecisionError {
  override readonly name = 'AlreadyDecidedError';

  constructor({ decidedAt, by, allowed }: Decision) {
    super(
      decidedAt === undefined
        ? 'The run is ending, which closes the decision. Nothing was allowed.'
        : `The decision was closed at ${decidedAt} by: ${by ?? 'unknown'}. The call was ${allowed ? 'allowed' : 'not allowed'}.`,
    );
  }
}

/** Thrown for a decision that cannot be made in this way; nothing is decided then. */
export class DecisionMistake extends DecisionError {
  override readonly name = 'DecisionMistake';
}
