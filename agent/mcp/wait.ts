import type { RunEvent } from '../runs/events.ts';
import type { RunService } from '../runs/service.ts';
import type { Run } from '../store/run.ts';

/** How long a call may wait for the end of a run. n8n's MCP Client Tool gives a call up after 60 seconds. */
export const MAX_WAIT_SECONDS = 50;

/** The client of a call that waits. */
export interface Waiting {
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Gets the run when the wait begins. */
  readonly onBegin: (run: Run) => void;
  /** Gets what happens to the run from then on, but its end. */
  readonly onEvent: (event: RunEvent) => void;
}

type Watched = Pick<RunService, 'find' | 'events' | 'draining'>;

/**
 * Waits until a run has ended, but no longer than the client can wait. The run does not depend on it. A run that has not
 * started when the agent shuts down is executed after the next start, so nobody waits for it.
 * @returns the run afterwards.
 */
export async function waitForEnd(run: Run, seconds: number, service: Watched, waiting: Waiting): Promise<Run> {
  const now = () => service.find(run.id) ?? run;
  if (run.state === 'ended' || seconds === 0) return now();
  const over = Promise.withResolvers<Run>();
  const stop = () => over.resolve(now());
  const stopIfQueued = () => now().state === 'queued' && stop();
  const timer = setTimeout(stop, seconds * 1000);
  waiting.signal.addEventListener('abort', stop);
  service.draining.addEventListener('abort', stopIfQueued);
  waiting.onBegin(now());
  let isNews = false;
  const unsubscribe = service.events.subscribe(run.id, undefined, (event) => {
    if (event.type === 'ended') over.resolve(event.run);
    else if (isNews) waiting.onEvent(event);
  });
  isNews = true;
  if (!unsubscribe || waiting.signal.aborted) stop();
  if (service.draining.aborted) stopIfQueued();
  try {
    return await over.promise;
  } finally {
    clearTimeout(timer);
    waiting.signal.removeEventListener('abort', stop);
    service.draining.removeEventListener('abort', stopIfQueued);
    unsubscribe?.();
  }
}
