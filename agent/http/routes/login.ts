import type { Handler } from 'hono';
import { loginCode, loginCodeRule, newLoginRequest, type NewLogin, type NewLoginReport } from '../api/login.ts';
import type { LoginAttempts } from '../../login/new-login/login-attempts.ts';
import { problem } from '../problem.ts';
import { parseJsonObject } from '../request/json-body.ts';

/** `POST /auth/login`: starts a login. The body, `{"replace": true}`, is optional. */
export function startLogin(logins: LoginAttempts): Handler {
  return async (c) => {
    const bytes = await c.req.arrayBuffer();
    const body = bytes.byteLength === 0 ? {} : parseJsonObject(bytes);
    if (typeof body === 'string') return problem(c, 'invalid-json', body);
    const parsed = newLoginRequest.safeParse(body);
    if (!parsed.success) {
      return problem(c, 'invalid-request', 'The body may contain only `replace`, true or false.');
    }
    return c.json((await logins.start(parsed.data.replace === true)) satisfies NewLogin, 201);
  };
}

/** `POST /auth/login/{id}`: completes a login with its code. */
export function completeLogin(logins: LoginAttempts): Handler {
  return async (c) => {
    const body = parseJsonObject(await c.req.arrayBuffer());
    if (typeof body === 'string') return problem(c, 'invalid-json', body);
    const parsed = loginCode.safeParse(body);
    if (!parsed.success) {
      return problem(c, 'invalid-request', `The body must contain only \`code\`, ${loginCodeRule}.`);
    }
    return c.json((await logins.submit(c.req.param('id') ?? '', parsed.data.code)) satisfies NewLoginReport);
  };
}

/** `DELETE /auth/login/{id}`: cancels a login. */
export function cancelLogin(logins: LoginAttempts): Handler {
  return (c) => {
    logins.cancel(c.req.param('id') ?? '');
    return c.body(null, 204);
  };
}
