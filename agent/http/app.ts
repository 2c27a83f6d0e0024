import { Hono } from 'hono';
import type { H } from 'hono/types';
import type { Logger } from 'pino';
import { OPERATIONS, operations, type OperationId } from './api/operations.ts';
import type { Budgets } from '../budgets/budgets.ts';
import type { CallbackHosts } from '../callbacks/hosts.ts';
import type { Callers, KnownCaller } from '../callers/callers.ts';
import { CALLER_RIGHTS } from '../contract.ts';
import { bearer, knownCallerOf } from './bearer.ts';
import type { Reach } from './reach/reach.ts';
import { seenSource } from './reach/source.ts';
import type { Decisions } from '../decisions/decisions.ts';
import { checkGit } from './routes/git.ts';
import { listBudgets } from './routes/budgets.ts';
import { decideRun } from './routes/decisions.ts';
import { checkLogin, getHealth, getMetrics, getOpenApi, getReadiness, pause, resume } from './routes/state.ts';
import { jsonBody, runBody, smallBody } from './request/json-body.ts';
import { ownSite } from './own-site.ts';
import { pageRoute } from './routes/page.ts';
import { cancelLogin, completeLogin, startLogin } from './routes/login.ts';
import { getRunFile, uploadFile } from './routes/files.ts';
import { mcp } from '../mcp/route.ts';
import { problem } from './problem.ts';
import { refusalOf } from './refusals.ts';
import { watchRun, WATCHING } from './routes/run-events.ts';
import { runAndWait } from './routes/run.ts';
import { getTranscript } from './routes/transcript.ts';
import { cancelRun, createRun, getRun, listRuns } from './routes/runs.ts';
import { fairness } from './fairness.ts';
import type { LoginAttempts } from '../login/new-login/login-attempts.ts';
import type { LoginStatus } from '../login/status.ts';
import type { LoginCheck } from '../runs/login-check.ts';
import type { RunMetrics } from './metrics.ts';
import type { Quota } from '../quota/quota.ts';
import type { GitHosts } from '../git/hosts.ts';
import type { FileStore } from '../files/file-store.ts';
import type { RunService } from '../runs/service.ts';
import type { RunSteps } from '../steps/run-steps.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** What the application needs. */
export interface AppDependencies {
  readonly service: RunService;
  readonly loginStatus: LoginStatus;
  readonly loginCheck: LoginCheck;
  readonly logins: LoginAttempts;
  readonly metrics: RunMetrics;
  readonly log: Logger;
  readonly callers: Callers;
  /** The folder that runs work in. */
  readonly workspace: Workspace;
  /** Host names of the agent besides those of its machine, see {@link ownSite}. */
  readonly allowedHosts: readonly string[];
  /** From where it may be called. */
  readonly reach: Reach;
  readonly callbackHosts: CallbackHosts;
  readonly gitHosts: GitHosts;
  /** Where files of runs are kept. */
  readonly files: FileStore;
  readonly decisions: Decisions;
  readonly steps: RunSteps;
  readonly budgets: Budgets;
  /** Undefined if runs have no spans. */
  readonly tracing: Tracing | undefined;
  readonly quota: Quota;
  /** The longest `timeout` of `POST /runs`. */
  readonly maxRunMinutes: number;
  readonly version: string;
  /** The URL of n8n, for links on the status page. */
  readonly n8nUrl: string | undefined;
}

/** Builds the app from its routes. Does not listen. */
export function createApp(dependencies: AppDependencies): Hono {
  const { log, callers, metrics, reach } = dependencies;
  const app = new Hono();

  app.use(reach.guard);

  app.use(async (c, next) => {
    const begun = performance.now();
    await next();
    const ms = Math.round(performance.now() - begun);
    const { address, isForwarded = false } = seenSource(c) ?? {};
    const caller = knownCallerOf(c)?.name;
    const { status } = c.res;
    const isUnknown = caller === undefined && (status === 401 || status === 429);
    const fields = { method: c.req.method, path: c.req.path, status, ms, caller };
    if (isUnknown) reach.logUnknown({ ...fields, address });
    else log[QUIET.has(c.req.path) ? 'debug' : 'info']({ ...fields, ...(isForwarded && { address }) }, 'request');
  });

  const withoutToken = ownSite(dependencies.allowedHosts);
  app.use('/', withoutToken);
  const onRequest = (known: KnownCaller) => metrics.countRequest(known);
  app.route('/', pageRoute({ ...dependencies, onRequest }));
  const guards = { callers, onRequest, reach };

  const handlers = handlersOf(dependencies);
  for (const [id, { method, path, rights }] of operations) {
    const guard = rights.length > 0 ? [fairness, bearer(guards, rights)] : [withoutToken];
    app.on(method, [honoPath(path)], ...guard, ...handlers[id]);
  }
  app.use(bearer(guards, CALLER_RIGHTS));

  app.notFound((c) => {
    const methods = operations.filter(([, { path }]) => matches(path, c.req.path)).map(([, { method }]) => method);
    if (methods.length === 0) {
      const known = operations.map(([, { method, path }]) => `${method} ${path}`).join(', ');
      return problem(c, 'not-found', `${c.req.method} ${c.req.path} does not exist. Available: the page /, ${known}.`);
    }
    const allowed = methods.join(', ');
    return problem(c, 'method-not-allowed', `${c.req.path} supports ${allowed}, not ${c.req.method}.`, {
      headers: { Allow: allowed },
    });
  });
  app.onError((error, c) => {
    const refusal = refusalOf(c, error);
    if (refusal) return refusal;
    const clientLeft = c.req.raw.signal.aborted;
    log[clientLeft ? 'info' : 'error']({ err: error, method: c.req.method, path: c.req.path }, 'request failed');
    return problem(c, 'internal', 'The agent failed to handle the request. See its log.');
  });
  return app;
}

/** The handlers of each operation. The type ensures that every described operation has one, and no other. */
function handlersOf(dependencies: AppDependencies): Record<OperationId, readonly H[]> {
  const { service, steps, files, version, allowedHosts } = dependencies;
  return {
    run: [runBody(files), runAndWait(service, dependencies)],
    createRun: [runBody(files), createRun(service, dependencies)],
    listRuns: [listRuns(service)],
    getRun: [getRun(service)],
    cancelRun: [cancelRun(service)],
    watchRun: [watchRun(service, WATCHING, steps)],
    getTranscript: [getTranscript(service, steps)],
    uploadFile: [uploadFile(files)],
    getRunFile: [getRunFile(service, files)],
    listBudgets: [listBudgets(dependencies.budgets)],
    checkGit: [checkGit(dependencies.gitHosts)],
    mcp: [ownSite(allowedHosts), jsonBody, mcp(dependencies)],
    decide: [jsonBody, decideRun(service)],
    checkLogin: [checkLogin(dependencies.loginCheck)],
    startLogin: [smallBody, startLogin(dependencies.logins)],
    completeLogin: [jsonBody, completeLogin(dependencies.logins)],
    cancelLogin: [cancelLogin(dependencies.logins)],
    pause: [smallBody, pause(service)],
    resume: [resume(service)],
    health: [getHealth(dependencies)],
    ready: [getReadiness(service)],
    metrics: [getMetrics(dependencies.metrics)],
    openapi: [getOpenApi(version)],
  };
}

const honoPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');

const matches = (path: string, actual: string) =>
  new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(actual);

/** An open page, probes and Prometheus request these every few seconds. */
const QUIET: ReadonlySet<string> = new Set([
  '/',
  OPERATIONS.health.path,
  OPERATIONS.ready.path,
  OPERATIONS.metrics.path,
]);
