import { setImmediate } from 'node:timers/promises';

let last: Promise<unknown> = Promise.resolve();

/**
 * Lets one of those who wait go on with each turn of the event loop, in the order in which they came: accepting a run
 * waits for the disk, and `/health` must not wait for all the runs that are sent at once.
 */
export function nextTurn(): Promise<unknown> {
  last = last.then(() => setImmediate());
  return last;
}
