import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import type { Budget } from '../../watchdog/budgets/budget.ts';

/** What `POST /auth/check` answers. */
export type LoginState = 'ok' | 'auth_failed' | 'usage_limited' | 'outage' | 'busy';

/** An agent with a login of which the test says how it is. */
export interface StatefulAgent extends AsyncDisposable {
  readonly url: string;
  /** `down` answers nothing. */
  login: { state: LoginState | 'down'; cause?: string; resetsAt?: string };
  paused: { since: string; reason?: string } | undefined;
  activeRequests: number;
  /** What `GET /budgets` answers: budgets, a status, or a body that is none; 404 like an agent without them by default. */
  budgets: readonly Budget[] | number | string;
  /** Method and path of every request. */
  readonly requests: readonly string[];
}

/** A budget of 10 dollars, nearly spent until tomorrow, unless the test says otherwise. */
export function budget(more: Partial<Budget> = {}): Budget {
  const { usd = 10, spentUsd = 9 } = more;
  const resetsAt = new Date(Date.now() + 86_400_000).toISOString();
  return { per: 'day', resetsAt, ...more, usd, spentUsd, leftUsd: Math.max(0, usd - spentUsd) };
}

type Gate = (when: 'before' | 'after', what: string) => Promise<void> | void;

/** Starts an agent that keeps its pause. */
export async function startStatefulAgent(gate?: Gate): Promise<StatefulAgent> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent: StatefulAgent = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    login: { state: 'ok' },
    paused: undefined,
    activeRequests: 0,
    budgets: 404,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return agent;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await text(request);
    const what = `${request.method ?? ''} ${request.url ?? ''}`;
    requests.push(what);
    await gate?.('before', what);
    if (agent.login.state === 'down') return void response.destroy();
    const answer = answerTo(what, asked);
    await gate?.('after', what);
    const isBudgets = what === 'GET /budgets';
    const status = isBudgets && typeof agent.budgets === 'number' ? agent.budgets : 200;
    const body = isBudgets && typeof agent.budgets === 'string' ? agent.budgets : JSON.stringify(answer);
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }

  function answerTo(what: string, body: string): object {
    const { paused, activeRequests, login } = agent;
    switch (what) {
      case 'POST /auth/check':
        return {
          checkedAt: new Date().toISOString(),
          evidence: 'probe',
          detail: `It is ${login.state}.`,
          source: 'session',
          host: 'claude-code-agent-5d9-x2x',
          ...login,
          ...(paused && { paused }),
        };
      case 'POST /pause':
        agent.paused ??= { since: new Date().toISOString(), ...(JSON.parse(body) as { reason?: string }) };
        return { paused: true, ...agent.paused, activeRequests, queued: 0 };
      case 'POST /resume':
        agent.paused = undefined;
        return { paused: false, activeRequests, queued: 0 };
      case 'GET /budgets':
        return { budgets: agent.budgets };
      case 'GET /health':
        return { activeRequests, queued: 0, ...(paused && { paused }) };
      default:
        throw new Error(what);
    }
  }
}
