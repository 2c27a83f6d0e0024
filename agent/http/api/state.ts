import { z } from 'zod';
import { AUTH_MODES, AUTH_STATES, LOGIN_CAUSES } from '../../contract.ts';
import { component, time, type Sent } from './component.ts';

const load = {
  activeRequests: z.int().describe('Runs that are going on: 0 or 1.'),
  queued: z.int().describe('Runs that wait.'),
};

const pause = z.object({ since: time, reason: z.string().optional() });

/** The answer of `GET /health`. It needs no token, so it holds no secret. */
export const health = component(
  'Health',
  z.object({
    status: z.literal('ok'),
    timestamp: time,
    version: z.string(),
    ...load,
    paused: pause.describe('Where the agent is paused.').optional(),
    storage: z.string().describe('Why records of runs cannot be written, where they cannot.').optional(),
    auth: z.object({
      mode: z.enum(AUTH_MODES),
      source: z.string().describe('Where the credential is.'),
      state: z
        .enum(['unknown', ...AUTH_STATES])
        .exclude(['busy'])
        .describe('What the last run that tells met; `unknown` until there is one.'),
      seenAt: time.describe('When it met that.').optional(),
      resetsAt: time.describe('With `usage_limited`: when the limit ends.').optional(),
      expiresAt: time.describe('When the access token ends; it is refreshed before.').optional(),
      refreshable: z.boolean().describe('Whether the credential can be renewed without a person.'),
      problem: z.string().describe('Why there is no credential.').optional(),
    }),
  }),
);

/** The answer of `GET /ready`. */
export const ready = component('Ready', z.object({ status: z.literal('ready') }));

/** The answer of `POST /auth/check`. */
export const loginReport = component(
  'LoginReport',
  z.object({
    state: z.enum(AUTH_STATES),
    checkedAt: time,
    evidence: z
      .enum(['recent-run', 'probe', 'none'])
      .describe('A run that succeeded of late, a small prompt, or the look of the credential.'),
    detail: z.string().describe('A sentence for people.'),
    source: z.string().describe('Where the credential is.'),
    host: z.string().describe('The pod.'),
    cause: z.enum(LOGIN_CAUSES).describe('Why it is not `ok`, where that is known.').optional(),
    expiresAt: time.describe('When the access token ends; it is refreshed before.').optional(),
    resetsAt: time.describe('With `usage_limited`: when the limit ends.').optional(),
    paused: pause.describe('Where the agent is paused; it tries the login all the same.').optional(),
  }),
);

/** What `reason` of a pause must be. */
export const pauseReason = 'a string of 1 to 500 characters';

/** The body of `POST /pause`. */
export const pauseRequest = component(
  'PauseRequest',
  z.strictObject({
    reason: z
      .string(pauseReason)
      .min(1, pauseReason)
      .max(500, pauseReason)
      .meta({ description: 'For people who meet the pause.', examples: ['maintenance'] })
      .optional(),
  }),
);

/** The answer of `POST /pause` and of `POST /resume`. */
export const pauseState = component('PauseState', z.object({ paused: z.boolean(), ...pause.partial().shape, ...load }));

/** A pause of the agent. */
export type Pause = Sent<typeof pause>;
export type Health = Sent<typeof health>;
export type Ready = Sent<typeof ready>;
export type LoginReport = Sent<typeof loginReport>;
export type PauseState = Sent<typeof pauseState>;
