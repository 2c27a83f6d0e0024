import { Hono } from 'hono';
import type { Logger } from 'pino';
import type { CallbackHosts } from './callbacks/hosts.ts';
import { authRoute } from './routes/auth.ts';
import { bearer } from './routes/bearer.ts';
import { healthRoute, readyRoute } from './routes/health.ts';
import { metricsRoute } from './routes/metrics.ts';
import { pauseRoute, resumeRoute } from './routes/pause.ts';
import { problem } from './routes/problem.ts';
import { runRoute } from './routes/run.ts';
import { runsRoute } from './routes/runs.ts';
import type { LoginEvidence } from './runs/evidence.ts';
import type { LoginCheck } from './runs/login-check.ts';
import type { RunMetrics } from './runs/metrics.ts';
import type { RunService } from './runs/service.ts';

/** What the application is made of. */
export interface AppParts {
  readonly service: RunService;
  readonly evidence: LoginEvidence;
  readonly loginCheck: LoginCheck;
  readonly metrics: RunMetrics;
  readonly log: Logger;
  /** SHA-256 in hex of the token that opens everything. */
  readonly tokenSha256: string;
  /** SHA-256 in hex of the token that opens `/auth/check` only. */
  readonly watchdogTokenSha256: string | undefined;
  /** The folder that runs work in. */
  readonly workspaceDir: string;
  readonly callbackHosts: CallbackHosts;
  readonly version: string;
}

/** Puts the routes together. Does not listen. */
export function createApp(parts: AppParts): Hono {
  const { service, log, tokenSha256, watchdogTokenSha256 } = parts;
  const app = new Hono();

  app.use(async (c, next) => {
    const begun = performance.now();
    await next();
    const level = QUIET.has(c.req.path) ? 'debug' : 'info';
    const ms = Math.round(performance.now() - begun);
    log[level]({ method: c.req.method, path: c.req.path, status: c.res.status, ms }, 'request');
  });

  app.route('/health', healthRoute(service, parts.evidence, parts.version));
  app.route('/ready', readyRoute(service));

  app.use('/auth/*', bearer(...[tokenSha256, watchdogTokenSha256].filter((hash) => hash !== undefined)));
  app.route('/auth', authRoute(parts.loginCheck));

  app.use(bearer(tokenSha256));
  app.route('/run', runRoute(service, parts.workspaceDir, parts.callbackHosts));
  app.route('/pause', pauseRoute(service));
  app.route('/resume', resumeRoute(service));
  app.route('/metrics', metricsRoute(parts.metrics));
  app.route('/runs', runsRoute(service, parts.workspaceDir, parts.callbackHosts));

  app.notFound((c) => {
    const paths = app.routes.filter(({ method }) => method !== 'ALL');
    const methods = [...new Set(paths.filter(({ path }) => path === c.req.path).map(({ method }) => method))];
    if (methods.length > 0) {
      const allowed = methods.join(', ');
      return problem(c, {
        status: 405,
        kind: 'method-not-allowed',
        title: 'Method not allowed',
        detail: `${c.req.path} takes ${allowed}, not ${c.req.method}.`,
        headers: { Allow: allowed },
      });
    }
    const known = [...new Set(paths.map(({ method, path }) => `${method} ${path}`))].join(', ');
    return problem(c, {
      status: 404,
      kind: 'not-found',
      title: 'Not found',
      detail: `There is no ${c.req.method} ${c.req.path}. There is ${known}.`,
    });
  });
  app.onError((error, c) => {
    const clientLeft = c.req.raw.signal.aborted;
    log[clientLeft ? 'info' : 'error']({ err: error, method: c.req.method, path: c.req.path }, 'a request failed');
    return problem(c, {
      status: 500,
      kind: 'internal',
      title: 'Internal error',
      detail: 'The agent made a mistake; its log says which.',
    });
  });
  return app;
}

const QUIET: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);
