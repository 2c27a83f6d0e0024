import { Hono } from 'hono';
import type { LoginCheck } from '../runs/login-check.ts';

/** `POST /auth/check`: whether Claude answers with this login. 200 whatever the state is. */
export function authRoute(check: LoginCheck): Hono {
  const route = new Hono();
  route.post('/check', async (c) => c.json(await check.check()));
  return route;
}
