import type { Handler } from 'hono';
import type { Health, Ready } from '../api/state.ts';
import type { LoginStatus } from '../../login/status.ts';
import type { RunService } from '../../runs/service.ts';
import { problem } from '../problem.ts';

/** `GET /health`: the process is alive, and what it knows of itself. Needs no token, so it holds no secret. */
export function getHealth(service: RunService, loginStatus: LoginStatus, version: string): Handler {
  return (c) => {
    const { active, queued } = service.load;
    const { login, credential } = loginStatus.current;
    const { mode, source } = loginStatus.credential;
    return c.json({
      status: 'ok',
      timestamp: new Date().toISOString(),
      version,
      activeRequests: active,
      queued,
      paused: service.paused,
      storage: service.storageProblem,
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
    } satisfies Health);
  };
}

/** `GET /ready`: whether requests are to be sent here; those that are refused for a while get their answer, too. */
export function getReadiness(service: RunService): Handler {
  return (c) => {
    const why = service.unready;
    return why === undefined ? c.json({ status: 'ready' } satisfies Ready) : problem(c, 'not-ready', why);
  };
}
