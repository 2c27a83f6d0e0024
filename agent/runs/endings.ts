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

export const interruptedByCrash: RunResult = {
  ...NO_OUTPUT,
  outcome: 'interrupted',
  error:
    'The agent stopped while the run was in progress. The run is not repeated automatically. Resume it with its sessionId.',
};

export const interruptedByDamage: RunResult = {
  ...NO_OUTPUT,
  outcome: 'interrupted',
  error:
    'The agent stopped, and its last records are damaged. It is unknown how far the run got, so it is not started again. Check what it changed, then send it again with a new key.',
};

export const notBegunForStorage: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The start of the run could not be recorded in time. The run was not started, and the client was informed.',
};
