import { Hono, type Context } from 'hono';
import { CONTENT_SECURITY_POLICY, runPage, statusPage, tokenPage } from '../page/document.ts';
import { READING } from '../page/parts.ts';
import type { OpenedRun } from '../page/run.ts';
import { statusOf, type StatusSources } from '../page/status.ts';
import { LoginError } from '../../login/new-login/errors.ts';
import type { FileStore } from '../../files/file-store.ts';
import type { RunSteps } from '../../steps/run-steps.ts';
import type { Run } from '../../store/run.ts';
import { withoutUndefined } from '../request/json-body.ts';
import { isAllowed, seesAllRuns, type Callers } from '../../callers/callers.ts';
import { lackOf, setCaller, tokenOf, TOO_MANY, type BearerOptions } from '../bearer.ts';
import { downloadOf, sendDownload } from './download.ts';
import { decideOnPage } from './page-decision.ts';
import { readForm, smallForm } from './page-form.ts';
import { problem } from '../problem.ts';

/** What the page needs. */
export interface PageDependencies extends StatusSources {
  readonly steps: RunSteps;
  readonly files: FileStore;
  readonly callers: Callers;
  /** Called for each request of a caller. */
  readonly onRequest: BearerOptions['onRequest'];
  readonly reach: BearerOptions['reach'];
  /** The URL of n8n, for links to executions. */
  readonly n8nUrl: string | undefined;
}

/**
 * The status page, and with `?run=ID` the page of a run. It is for people and not part of the API. `GET /` asks for the token: of a caller that may read, or of an
 * admin, who also gets the buttons. With scripts a browser sends it in
 * the header, as every client does; without scripts in a field of each form. There is no cookie, so another site cannot
 * send requests on someone's behalf.
 */
export function pageRoute(dependencies: PageDependencies): Hono {
  const { service, files, logins, version, callers, onRequest, reach, n8nUrl } = dependencies;
  const route = new Hono();
  const isKnown = (token: string) => callers.find(token) !== undefined;
  const asks = (c: Context, why?: string) => tokenPage(version, why, c.req.query('run'));
  const refuse = (c: Context, status: 401 | 403 | 413 | 415, why?: string) => c.html(asks(c, why), status);
  const refuseToken = (c: Context, token: string | undefined) => {
    const isWrong = token !== undefined && token !== '' && !isKnown(token);
    const seconds = isWrong ? reach.countWrongToken(c) : undefined;
    if (seconds === undefined) return refuse(c, 401, 'The token is not valid for this agent.');
    c.header('Retry-After', String(seconds));
    return c.html(asks(c, TOO_MANY), 429);
  };

  route.use('/', async (c, next) => {
    await next();
    c.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    c.header('Cache-Control', 'no-store');
    // With `no-referrer` browsers send the page's own forms with `Origin: null`.
    c.header('Referrer-Policy', 'same-origin');
    c.header('X-Content-Type-Options', 'nosniff');
  });
  route.get('/', (c) => c.html(asks(c)));
  route.post('/', ...smallForm({ isKnown, refuse, refuseToken }), async (c) => {
    const { form, all } = await readForm(c);
    const { action, id, run, decision: _, file, way, reason, code, replace, token, ...asked } = form;
    const given = tokenOf(c) ?? token;
    const known = callers.find(given ?? '');
    if (!known || known.caller.may.includes('watchdog')) return refuseToken(c, given);
    onRequest(known);
    setCaller(c, known.caller);
    const mayAct = isAllowed(known.caller, []);
    if (!seesAllRuns(known.caller)) return refuse(c, 403, lackOf(known.caller, 'this page', ['read']));
    if (!mayAct && !READING.has(action)) return refuse(c, 403, lackOf(known.caller, 'this button', []));
    if (action === 'cancel') service.cancel(id);
    else if (action === 'pause') service.pause(reason);
    else if (action === 'resume') service.resume();
    else if (action === 'start-login') await told(() => logins.start(replace));
    else if (action === 'send-code') await told(() => logins.submit(id, code));
    else if (action === 'cancel-login') await told(() => logins.cancel(id));
    const problem = decideOnPage(service, form, all, known.caller.name);
    if (run !== undefined) {
      const found = service.find(run);
      const download = found && action === 'download' ? downloadOf(found, way, file, files) : undefined;
      if (typeof download === 'object') return sendDownload(c, download);
      const shown = { version, decisionMs: service.decisionMs };
      const context = { token, mayAct, filter: {}, n8nUrl, problem, fileProblem: download, run };
      return c.html(runPage(found && opened(found, dependencies), shown, context), action === 'download' ? 404 : 200);
    }
    const filter = withoutUndefined(asked);
    const status = statusOf(dependencies, filter);
    return c.html(statusPage(status, { token, mayAct, filter, n8nUrl, problem }));
  });
  route.all('/', (c) =>
    problem(c, 'method-not-allowed', `/ supports GET, HEAD, POST, not ${c.req.method}.`, {
      headers: { Allow: 'GET, HEAD, POST' },
    }),
  );
  return route;
}

function opened(run: Run, { service, steps }: PageDependencies): OpenedRun {
  return {
    now: new Date(),
    run,
    queue: service.placeOf(run),
    prompt: steps.masked(run.request.prompt),
    steps: steps.of(run.id),
  };
}

/** What goes wrong with a login is part of the page. */
async function told(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LoginError)) throw error;
  }
}
