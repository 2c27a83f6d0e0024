import type { MiddlewareHandler } from 'hono';

/** Some milliseconds of work. */
const AT_ONCE = 8;

const waiting: (() => void)[] = [];

/**
 * Lets some of those who wait go on with each turn of the event loop, in the order in which they came: `/health`, which
 * does not wait, must not wait for all the runs that are sent at once.
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
