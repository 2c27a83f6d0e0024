import type { HttpBindings } from '@hono/node-server';
import type { Context, Handler } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Decision } from '../api/decision.ts';
import type { RunResource, TextPiece } from '../api/run.ts';
import type { Step, ToolStep } from '../api/transcript.ts';
import { LAST_EVENT, stepNumberIn, toolEvent, type RunEvent } from '../../runs/events.ts';
import type { Run } from '../../store/run.ts';
import type { RunService } from '../../runs/service.ts';
import type { RunSteps } from '../../steps/run-steps.ts';
import { resourceOf } from './run-resource.ts';
import { runOf } from '../own-runs.ts';

/** Intervals for a client that watches a run, in milliseconds. */
export const WATCHING = {
  /** Between keep-alive comments: proxies close idle connections. */
  keepAliveMs: 15_000,
  /** How long a client may receive nothing before it is dropped; a keep-alive comment counts. */
  stalledMs: 60_000,
} as const;

type Watched = Pick<RunService, 'find' | 'events' | 'placeOf'>;
/** The steps of runs whose events are no longer in memory. */
type Kept = Pick<RunSteps, 'of' | 'has'>;
type Watching = Readonly<Record<keyof typeof WATCHING, number>>;

/**
 * `GET /runs/{id}/events`: streams what happens to a run as server-sent events until it has ended. A client that reconnects
 * with `Last-Event-ID` gets what it missed. If it already has the last event, it gets 204 and stops reconnecting. A client
 * that does not read is dropped.
 */
export function watchRun(service: Watched, watching: Watching = WATCHING, steps?: Kept): Handler {
  return (c) => streamRunEvents(c, service, runOf(c, service, 'see'), watching, steps);
}

function streamRunEvents(
  c: Context,
  service: Watched,
  run: Run,
  { keepAliveMs, stalledMs }: Watching,
  steps?: Kept,
): Response {
  const after = c.req.header('Last-Event-ID');
  if (after === LAST_EVENT) return c.body(null, 204);
  // Nobody would read or end the stream.
  if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });
  // Node.js destroys the connection when nothing was written to it, and no pending data was sent, for this long.
  (c.env as Partial<HttpBindings>).incoming?.socket.setTimeout(stalledMs);
  return streamSSE(c, async (stream) => {
    const events: RunEvent[] = [];
    let wake = Promise.withResolvers<undefined>();
    const isRemoved = run.state === 'ended' && steps?.has(run.id) === false;
    const take = (event: RunEvent) => {
      if (isRemoved && event.type === 'tool') return;
      if (event === events.at(-1)) return;
      events.push(event);
      wake.resolve(undefined);
    };
    const unsubscribe = service.events.subscribe(run.id, after, take);
    if (!unsubscribe) {
      for (const event of toolEventsAfter(after, steps?.of(run.id)?.steps ?? [])) take(event);
      take({ id: LAST_EVENT, type: 'ended', run });
    }
    const keepAlive = setInterval(() => wake.resolve(undefined), keepAliveMs);
    stream.onAbort(() => wake.resolve(undefined));
    let lastQueued = '';
    try {
      while (!stream.aborted) {
        await wake.promise;
        wake = Promise.withResolvers();
        if (events.length === 0) await stream.write(': keep-alive\n\n');
        for (const event of events.splice(0)) {
          const data = JSON.stringify(dataOf(event, service));
          if (event.type === 'queued' && data === lastQueued) continue;
          if (event.type === 'queued') lastQueued = data;
          await stream.writeSSE({ id: event.id, event: event.type, data });
          if (event.type === 'ended') return;
        }
      }
    } finally {
      clearInterval(keepAlive);
      unsubscribe?.();
    }
  });
}

function toolEventsAfter(after: string | undefined, steps: readonly Step[]): RunEvent[] {
  const seen = stepNumberIn(after);
  const tools = steps.filter((step) => step.type === 'tool_call' || step.type === 'tool_result');
  return tools.filter(({ number }) => number > seen).map(toolEvent);
}

function dataOf(event: RunEvent, service: Watched): TextPiece | Decision | ToolStep | RunResource {
  if (event.type === 'tool') return event.step;
  if (event.type === 'decision') return event.decision;
  if (event.type === 'text') return { text: event.text };
  return resourceOf(event.run, event.type === 'queued' ? service.placeOf(event.run) : undefined);
}
