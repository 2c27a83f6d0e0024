import type { Handler } from 'hono';
import type { LoginReport } from '../api/state.ts';
import type { LoginCheck } from '../../login/check.ts';

/** `POST /auth/check`: whether Claude answers with this login. 200 whatever the state is. */
export function checkLogin(check: LoginCheck): Handler {
  return async (c) => c.json((await check.check()) satisfies LoginReport);
}
