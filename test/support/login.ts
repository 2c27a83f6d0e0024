import type { NewLogin, NewLoginReport } from '../../agent/http/api/login.ts';
import type { Problem } from '../../agent/http/api/problem.ts';
import type { Agent } from './agent.ts';

/** A response: its status, and its body as a value of whatever kind the test expects. */
export interface Answered {
  readonly status: number;
  readonly body: NewLogin & NewLoginReport & Problem;
}

async function post(agent: Agent, route: string, body?: object): Promise<Answered> {
  const response = await agent.fetch(route, {
    method: 'POST',
    ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as Answered['body'] };
}

/** Sends `POST /auth/login`. */
export const startLogin = (agent: Agent, body?: object): Promise<Answered> => post(agent, '/auth/login', body);

/** Sends a code to `POST /auth/login/{id}`. */
export const sendCode = (agent: Agent, id: string, code: string): Promise<Answered> =>
  post(agent, `/auth/login/${id}`, { code });
