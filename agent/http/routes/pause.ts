import type { Handler } from 'hono';
import { pauseReason, pauseRequest, type PauseState } from '../api/state.ts';
import type { RunService } from '../../runs/service.ts';
import { parseJsonObject } from '../json-body.ts';
import { problem } from '../problem.ts';

/** `POST /pause`: accepts and begins no runs, over restarts too. The body, `{"reason": …}`, may be left out. */
export function pause(service: RunService): Handler {
  return async (c) => {
    const bytes = await c.req.arrayBuffer();
    const body = bytes.byteLength === 0 ? {} : parseJsonObject(bytes);
    if (typeof body === 'string') return problem(c, 'invalid-json', body);
    const parsed = pauseRequest.safeParse(body);
    if (!parsed.success) {
      return problem(c, 'invalid-request', `The body may have \`reason\`, ${pauseReason}, and nothing else.`);
    }
    service.pause(parsed.data.reason);
    return c.json(stateOf(service));
  };
}

/** `POST /resume`: goes on after a pause. */
export function resume(service: RunService): Handler {
  return (c) => {
    service.resume();
    return c.json(stateOf(service));
  };
}

function stateOf(service: RunService): PauseState {
  const { active, queued } = service.load;
  return { paused: service.paused !== undefined, ...service.paused, activeRequests: active, queued };
}
