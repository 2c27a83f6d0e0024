import type { Handler } from 'hono';
import { openApiDocument } from '../api/document.ts';
import { pauseReason, pauseRequest, type Health, type LoginReport, type PauseState, type Ready } from '../api/state.ts';
import type { FileStore } from '../../files/file-store.ts';
import type { Quota } from '../../quota/quota.ts';
import { sentenceOf } from '../../quota/sentence.ts';
import type { LoginStatus } from '../../login/status.ts';
import type { RunService } from '../../runs/service.ts';
import type { LoginCheck } from '../../runs/login-check.ts';
import type { RunMetrics } from '../metrics.ts';
import { problem } from '../problem.ts';
import { parseJsonObject } from '../request/json-body.ts';

/** What `GET /health` needs. */
export interface HealthDependencies {
  readonly service: RunService;
  readonly loginStatus: LoginStatus;
  readonly files: Pick<FileStore, 'problem'>;
  readonly quota: Pick<Quota, 'windows'>;
  readonly version: string;
}

/** `GET /health`: the process is alive, and its status. Needs no token, so it contains no secret. */
export function getHealth({ service, loginStatus, files, quota, version }: HealthDependencies): Handler {
  return (c) => {
    const { windows } = quota;
    const { active, queued, slots } = service.load;
    const { login, credential } = loginStatus.current;
    const { mode, source } = loginStatus.credential;
    return c.json({
      status: 'ok',
      timestamp: new Date().toISOString(),
      version,
      activeRequests: active,
      queued,
      slots,
      paused: service.paused,
      hold: service.hold,
      ...(windows.length > 0 && { quota: windows }),
      files: files.problem,
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

/** `GET /ready`: whether requests should be sent here. A temporary refusal, such as a pause, does not count. */
export function getReadiness(service: RunService): Handler {
  return (c) => {
    const why = service.unready;
    return why === undefined
      ? c.json({ status: 'ready', notice: noticeOf(service) } satisfies Ready)
      : problem(c, 'not-ready', why);
  };
}

function noticeOf({ startProblem, hold }: RunService): string | undefined {
  return startProblem ?? (hold && sentenceOf(hold));
}

/** `POST /pause`: stops accepting and starting runs, even after a restart. The body, `{"reason": …}`, is optional. */
export function pause(service: RunService): Handler {
  return async (c) => {
    const bytes = await c.req.arrayBuffer();
    const body = bytes.byteLength === 0 ? {} : parseJsonObject(bytes);
    if (typeof body === 'string') return problem(c, 'invalid-json', body);
    const parsed = pauseRequest.safeParse(body);
    if (!parsed.success) {
      return problem(c, 'invalid-request', `The body may contain only \`reason\`, ${pauseReason}.`);
    }
    service.pause(parsed.data.reason);
    return c.json(stateOf(service));
  };
}

/** `POST /resume`: ends a pause. */
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

/** `POST /auth/check`: whether Claude answers with this login. Responds with 200 whatever the state is. */
export function checkLogin(check: LoginCheck): Handler {
  return async (c) => c.json((await check.check()) satisfies LoginReport);
}

/** `GET /metrics`: for Prometheus. */
export function getMetrics(metrics: RunMetrics): Handler {
  return async (c) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType });
}

/** `GET /openapi.json`: the description of the API. */
export function getOpenApi(version: string): Handler {
  let document: string | undefined;
  return (c) => {
    document ??= JSON.stringify(openApiDocument(version));
    return c.body(document, 200, { 'Content-Type': 'application/json' });
  };
}
