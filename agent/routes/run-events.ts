import type { Context, Handler } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { RunResource, TextPiece } from '../api/run.ts';
import { LAST_EVENT, type RunEvent } from '../runs/events.ts';
import type { Run } from '../runs/run.ts';
import type { RunService } from '../runs/service.ts';
import { resourceOf } from './run-resource.ts';
import { withRun } from './runs.ts';

/** Proxies close connections on which nothing happens. */
const KEEP_ALIVE_MS = 15_000;

/**
 * `GET /runs/{id}/events`: streams what happens to a run as server-sent events, until it has ended. A client that comes
 * again with `Last-Event-ID` gets what it missed; one that has heard of the end gets 204, which tells it to stop coming.
 */
export function watchRun(service: RunService): Handler {
  return withRun(
    (id) => service.find(id),
    (c, run) => streamRunEvents(c, service, run),
  );
}

function streamRunEvents(c: Context, service: RunService, run: Run): Response {
  const after = c.req.header('Last-Event-ID');
  if (after === LAST_EVENT) return c.body(null, 204);
  // Nobody would read the stream, nor end it.
  if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });
  return streamSSE(c, async (stream) => {
    const events: RunEvent[] = [];
    let wake = Promise.withResolvers<undefined>();
    const take = (event: RunEvent) => {
      events.push(event);
      wake.resolve(undefined);
    };
    const unsubscribe = service.events.subscribe(run.id, after, take);
    if (!unsubscribe) take({ id: LAST_EVENT, type: 'ended', run });
    const keepAlive = setInterval(() => void stream.write(': keep-alive\n\n'), KEEP_ALIVE_MS);
    stream.onAbort(() => wake.resolve(undefined));
    try {
      while (!stream.aborted) {
        await wake.promise;
        wake = Promise.withResolvers();
        for (const event of events.splice(0)) {
          await stream.writeSSE({ id: event.id, event: event.type, data: JSON.stringify(dataOf(event)) });
          if (event.type === 'ended') return;
        }
      }
    } finally {
      clearInterval(keepAlive);
      unsubscribe?.();
    }
  });
}

function dataOf(event: RunEvent): TextPiece | RunResource {
  return event.type === 'text' ? { text: event.text } : resourceOf(event.run);
}
