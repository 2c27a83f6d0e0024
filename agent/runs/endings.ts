import { NO_OUTPUT, type RunResult } from '../store/run.ts';

export const cancelledBeforeStart: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The client disconnected while the run was waiting. The run was not started.',
};

export const cancelledByShutdown: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error:
    'The agent shut down while the run was waiting. The run was not started, and the client was asked to send it again.',
};

export const cancelledWhileWaiting: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The run was cancelled while it was waiting. It was not started.',
};

export const timedOutInQueue: RunResult = {
  ...NO_OUTPUT,
  outcome: 'timed_out',
  error: 'The run timed out while it was waiting in the queue. It was not started.',
};

/** @param resetsAt when the usage limit resets, ISO 8601. */
export const usageLimitedBeforeStart = (resetsAt: string): RunResult => ({
  ...NO_OUTPUT,
  outcome: 'usage_limited',
  error: `The usage limit is reached. It resets at ${resetsAt}, after the time of the run ends, so the run was not started.`,
  resetsAt,
});

export const unavailableInQueue: RunResult = {
  ...NO_OUTPUT,
  outcome: 'unavailable',
  error:
    'Anthropic answered none of the last runs, and the time of the run ended while the queue waited for it. The run was not started.',
};

/** Tells the client of a run that `claude` had not saved its conversation. */
export const UNSAVED =
  'The run ended before claude had saved the conversation. It cannot be continued: leave out its sessionId.';

/** Tells the client of a run that nobody was there to copy its files. */
const FILES_LOST = 'If the run left files, they are not kept, because the agent stopped.';

/**
 * The result of a run that ended with the agent.
 * @param how what happened to the agent.
 * @param isUnsaved whether the conversation of the run cannot be continued.
 */
export const interruptedWith = (how: string, isUnsaved = false): { outcome: 'interrupted'; error: string } => ({
  outcome: 'interrupted',
  error:
    `The agent ${how} while the run was in progress. The run is not repeated automatically. ` +
    (isUnsaved ? 'Send it again.' : 'Resume it with its sessionId.'),
});

/** @param isUnsaved whether the conversation of the run cannot be continued. */
export const interruptedByCrash = (isUnsaved: boolean): RunResult => ({
  ...NO_OUTPUT,
  ...interruptedWith('stopped', isUnsaved),
  warnings: [...(isUnsaved ? [UNSAVED] : []), FILES_LOST],
});

export const interruptedByDamage: RunResult = {
  ...NO_OUTPUT,
  outcome: 'interrupted',
  error:
    'The agent stopped, and its last records are damaged. It is unknown how far the run got, so it is not started again. Check what it changed, then send it again with a new key.',
  warnings: [FILES_LOST],
};

export const noRunner: RunResult = {
  ...NO_OUTPUT,
  outcome: 'interrupted',
  error:
    'The runner that was to execute the run was lost before the start, and no other was ready. Send the run again.',
};

export const notBegunForStorage: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The start of the run could not be recorded in time. The run was not started, and the client was informed.',
};
