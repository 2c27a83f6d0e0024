import { z } from 'zod';
import { component, time, type Sent } from './component.ts';
import { loginReport } from './state.ts';

/** The body of `POST /auth/login`. */
export const newLoginRequest = component(
  'NewLoginRequest',
  z.strictObject({
    replace: z
      .boolean('true or false')
      .meta({
        description:
          "Whether the new login may replace the login of a person: the one in `~/.claude` that an agent outside a stack uses. An agent's own login needs no confirmation.",
      })
      .optional(),
  }),
);

/** The response of `POST /auth/login`. */
export const newLogin = component(
  'NewLogin',
  z.object({
    id: z.string().describe('Part of the paths that complete and cancel this login.'),
    url: z
      .string()
      .describe("Anthropic's login page, which shows a code at the end. Secret: open it, and do not store it."),
    expiresAt: time.describe('When the login ends if no code has completed it: ten minutes after its start.'),
  }),
);

/** The most characters of a code, or of the address that has it. */
export const LOGIN_CODE_CHARS = 4096;

/** What `code` must be. */
export const loginCodeRule = `a string of 1 to ${LOGIN_CODE_CHARS} characters`;

/** The body of `POST /auth/login/{id}`. */
export const loginCode = component(
  'LoginCode',
  z.strictObject({
    code: z.string(loginCodeRule).trim().min(1, loginCodeRule).max(LOGIN_CODE_CHARS, loginCodeRule).meta({
      description:
        'The code that the login page shows, with its `#`, or the address of the page that shows it. Spaces and line breaks are ignored.',
    }),
  }),
);

/** The response of `POST /auth/login/{id}`. */
export const newLoginReport = component(
  'NewLoginReport',
  loginReport.extend({
    account: z.string().describe('The e-mail address of the account, if the login has it.').optional(),
  }),
);

export type NewLogin = Sent<typeof newLogin>;
export type NewLoginReport = Sent<typeof newLoginReport>;
