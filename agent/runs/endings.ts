import { NO_OUTPUT, type RunResult } from '../store/run.ts';

export const cancelledBeforeStart: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The client went away while the run waited; it was not begun.',
};

export const cancelledByShutdown: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The agent shut down while the run waited; it was not begun, and its client was told to send it again.',
};

export const cancelledWhileWaiting: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The run was cancelled while it waited; it was not begun.',
};

export const timedOutInQueue: RunResult = {
  ...NO_OUTPUT,
  outcome: 'timed_out',
  error: 'The time of the run was up while it waited in the queue; it was not begun.',
};

export const interruptedByCrash: RunResult = {
  ...NO_OUTPUT,
  outcome: 'interrupted',
  error: 'The agent ended while the run was going on. It is not run again by itself; resume it by its sessionId.',
};

export const interruptedByDamage: RunResult = {
  ...NO_OUTPUT,
  outcome: 'interrupted',
  error:
    'The agent ended, and its last records are damaged: the run may have gone on or ended without a trace, so it is not begun again. Look at what it left, then send it again with a new key.',
};

export const notBegunForStorage: RunResult = {
  ...NO_OUTPUT,
  outcome: 'cancelled',
  error: 'The beginning of the run could not be recorded in time; it was not begun, and its client was told so.',
};
