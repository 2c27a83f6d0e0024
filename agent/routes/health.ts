import { Hono } from 'hono';
import type { LoginEvidence } from '../runs/evidence.ts';
import type { RunService } from '../runs/service.ts';
import { problem } from './problem.ts';

const RETRY_AFTER_S = 10;

/** `GET /health`: the process is alive, and what it knows of itself. Needs no token, so it holds no secret. */
export function healthRoute(service: RunService, evidence: LoginEvidence, version: string): Hono {
  const route = new Hono();
  route.get('/', (c) => {
    const { active, queued } = service.load;
    const { login, credential } = evidence.current;
    const { mode, source } = evidence.credential;
    return c.json({
      status: 'ok',
      timestamp: new Date().toISOString(),
      version,
      activeRequests: active,
      queued,
      paused: service.paused,
      auth: {
        mode,
        source,
        state: login.state,
        seenAt: login.seenAt,
        resetsAt: login.resetsAt,
        expiresAt: credential.expiresAt,
        refreshable: credential.refreshable,
        problem: credential.problem,
      },
    });
  });
  return route;
}

/** `GET /ready`: whether a run would be accepted now. */
export function readyRoute(service: RunService): Hono {
  const route = new Hono();
  route.get('/', (c) => {
    const why = service.unready;
    if (why === undefined) return c.json({ status: 'ready' });
    return problem(c, { status: 503, kind: 'not-ready', title: 'Not ready', detail: why, retryAfter: RETRY_AFTER_S });
  });
  return route;
}
