import type { MiddlewareHandler } from 'hono';

/** A few milliseconds of work. */
const AT_ONCE = 8;

const waiting: (() => void)[] = [];

/**
 * Lets a few waiting requests continue in each turn of the event loop, in order of arrival, so that `/health`, which does
 * not wait here, is not delayed by many runs that are sent at once.
 */
export const fairness: MiddlewareHandler = async (_, next) => {
  await new Promise<void>((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(goOn);
  });
  return next();
};

function goOn(): void {
  for (const each of waiting.splice(0, AT_ONCE)) each();
  if (waiting.length > 0) setImmediate(goOn);
}
