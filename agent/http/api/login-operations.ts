import { z } from 'zod';
import { loginCode, newLogin, newLoginReport, newLoginRequest } from './login.ts';
import type { Operation } from './operation.ts';

const loginId = {
  id: {
    description: 'The id of an open login.',
    schema: z.string(),
    example: '0b7f9d1e-52c4-4f5a-9f0e-3c1a2b4d5e6f',
  },
} as const;

/** The operations that log in again. */
export const LOGIN_OPERATIONS = {
  startLogin: {
    method: 'POST',
    path: '/auth/login',
    rights: ['admin'],
    summary: 'Start a login',
    description:
      'Open `url` in a browser, log in, and send the code that the page shows to `POST /auth/login/{id}`. One login is open at a time: this ends an open one. The login in use does not change until the new one has answered a prompt. The body is optional.',
    body: { schema: newLoginRequest, required: false, example: { replace: true } },
    answers: {
      201: {
        description: 'The login waits for its code.',
        content: {
          schema: newLogin,
          example: {
            id: loginId.id.example,
            url: 'https://claude.ai/oauth/authorize?…',
            expiresAt: '2026-01-31T12:10:00.000Z',
          },
        },
      },
    },
    problems: [
      'body-too-large',
      'invalid-json',
      'invalid-request',
      'login-not-possible',
      'login-not-confirmed',
      'login-unavailable',
    ],
  },
  completeLogin: {
    method: 'POST',
    path: '/auth/login/{id}',
    rights: ['admin'],
    summary: 'Complete a login',
    description:
      'Claude tries the new login with a small prompt. If it is answered, `state` is `ok`, and the new login has replaced the earlier one, which may be that of another account. With any other `state` the earlier login stays, and `detail` says why.',
    pathParameters: loginId,
    body: { schema: loginCode, required: true, example: { code: 'Zt4…#L7c…' } },
    answers: {
      200: {
        description: 'The state of the new login.',
        content: {
          schema: newLoginReport,
          example: {
            state: 'ok',
            checkedAt: '2026-01-31T12:00:00.000Z',
            evidence: 'probe',
            detail: 'A prompt was answered.',
            source: '/data/claude/.credentials.json',
            host: 'claude-code-agent-6c9f7d5b8-x2x7k',
            expiresAt: '2026-01-31T20:00:00.000Z',
            account: 'operations@example.com',
          },
        },
      },
    },
    problems: [
      'body-too-large',
      'unsupported-media-type',
      'invalid-json',
      'invalid-request',
      'no-such-login',
      'wrong-code',
      'login-unavailable',
    ],
  },
  cancelLogin: {
    method: 'DELETE',
    path: '/auth/login/{id}',
    rights: ['admin'],
    summary: 'Cancel a login',
    description: 'The login in use does not change.',
    pathParameters: loginId,
    answers: { 204: { description: 'The login has ended.' } },
    problems: ['no-such-login'],
  },
} as const satisfies Record<string, Operation>;
