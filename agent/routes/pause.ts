import { Hono, type Context } from 'hono';
import { z } from 'zod';
import type { RunService } from '../runs/service.ts';
import { parseJsonObject, smallBody } from './json-body.ts';
import { problem } from './problem.ts';

const reason = 'a string of 1 to 500 characters';
const body = z.strictObject({ reason: z.string(reason).min(1, reason).max(500, reason).optional() });

/** `POST /pause`: accepts and begins no runs, over restarts too. The body, `{"reason": …}`, may be left out. */
export function pauseRoute(service: RunService): Hono {
  const route = new Hono();
  const pause = (c: Context, why: string | undefined) => {
    service.pause(why);
    return c.json(stateOf(service));
  };
  route.post('/', smallBody, async (c) => {
    const bytes = await c.req.arrayBuffer();
    const given = bytes.byteLength === 0 ? {} : parseJsonObject(bytes);
    const parsed = body.safeParse(given);
    if (parsed.success) return pause(c, parsed.data.reason);
    const detail = typeof given === 'string' ? given : `The body may have \`reason\`, ${reason}, and nothing else.`;
    return problem(c, { status: 400, kind: 'invalid-request', title: 'Invalid request', detail });
  });
  return route;
}

/** `POST /resume`: goes on after a pause. */
export function resumeRoute(service: RunService): Hono {
  const route = new Hono();
  route.post('/', (c) => {
    service.resume();
    return c.json(stateOf(service));
  });
  return route;
}

function stateOf(service: RunService) {
  const { active, queued } = service.load;
  return { paused: service.paused !== undefined, ...service.paused, activeRequests: active, queued };
}
