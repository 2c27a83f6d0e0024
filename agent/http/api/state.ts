import { z } from 'zod';
import { AUTH_MODES, AUTH_STATES, LOGIN_CAUSES } from '../../contract.ts';
import { component, time, type Sent } from './component.ts';

const load = {
  activeRequests: z.int().describe('Runs in progress. A login check counts as one.'),
  queued: z.int().describe('Runs waiting in the queue.'),
};

const pause = z.object({ since: time, reason: z.string().optional() });

const quotaWindow = z.object({
  window: z.string().describe('Such as `five_hour` or `seven_day`.'),
  utilization: z.number().describe('The part of the window that is used: 0 to 1, and above 1 for what went over it.'),
  status: z.enum(['allowed', 'allowed_warning', 'rejected']).optional(),
  resetsAt: time,
});

/** Why waiting runs may not start. */
export const HOLD_REASONS = ['usage_limit', 'outage'] as const;

/** Why waiting runs do not start, and until when. */
export const hold = component(
  'Hold',
  z.object({
    reason: z
      .enum(HOLD_REASONS)
      .describe('`usage_limit`: until the limit resets. `outage`: several runs in a row were `unavailable`.'),
    since: time,
    until: time.describe('When one run goes first. Missing from then until Claude has answered it.').optional(),
  }),
);

/** The response of `GET /health`. It needs no token, so it contains no secret. */
export const health = component(
  'Health',
  z.object({
    status: z.literal('ok'),
    timestamp: time,
    version: z.string(),
    ...load,
    slots: z.int().describe('The most runs in progress at a time.'),
    paused: pause.describe('Only while the agent is paused.').optional(),
    hold: hold.describe('Why waiting runs do not start. Only while Anthropic answers none.').optional(),
    quota: z
      .array(quotaWindow)
      .describe("The windows of the subscription's usage limit. Only if Anthropic has told them.")
      .optional(),
    files: z.string().describe('That the files of runs are nearly at their limit. Only while they are.').optional(),
    storage: z.string().describe('Why records of runs cannot be written. Only while they cannot.').optional(),
    auth: z.object({
      mode: z.enum(AUTH_MODES),
      source: z.string().describe('The location of the credential.'),
      state: z
        .enum(['unknown', ...AUTH_STATES])
        .exclude(['busy'])
        .describe('What the last conclusive run showed; `unknown` until there is one.'),
      seenAt: time.describe('When that run ended.').optional(),
      resetsAt: time.describe('With `usage_limited`: when the limit resets.').optional(),
      expiresAt: time.describe('When the access token expires. It is refreshed before that.').optional(),
      refreshable: z.boolean().describe('Whether the credential can be renewed automatically.'),
      problem: z.string().describe('Why there is no credential.').optional(),
    }),
  }),
);

/** The response of `GET /ready`. */
export const ready = component(
  'Ready',
  z.object({
    status: z.literal('ready'),
    notice: z.string().describe('Why runs wait although none is in progress. Only while they do.').optional(),
  }),
);

/** The response of `POST /auth/check`. */
export const loginReport = component(
  'LoginReport',
  z.object({
    state: z.enum(AUTH_STATES),
    checkedAt: time,
    evidence: z
      .enum(['recent-run', 'probe', 'none'])
      .describe('What the state is based on: a recent successful run, a small prompt, or only the credential itself.'),
    detail: z.string().describe('A sentence for people.'),
    source: z.string().describe('The location of the credential.'),
    host: z.string().describe('The name of the pod.'),
    cause: z.enum(LOGIN_CAUSES).describe('Why the state is not `ok`, if known.').optional(),
    expiresAt: time.describe('When the access token expires. It is refreshed before that.').optional(),
    resetsAt: time.describe('With `usage_limited`: when the limit resets.').optional(),
    paused: pause.describe('Only while the agent is paused. The login is checked anyway.').optional(),
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
      .meta({ description: 'The reason for the pause, shown to people.', examples: ['maintenance'] })
      .optional(),
  }),
);

/** The response of `POST /pause` and of `POST /resume`. */
export const pauseState = component('PauseState', z.object({ paused: z.boolean(), ...pause.partial().shape, ...load }));

/** A window of the usage limit. Its name is that of the CLI. */
export type QuotaWindow = Sent<typeof quotaWindow>;
export type Hold = Sent<typeof hold>;
/** A pause of the agent. */
export type Pause = Sent<typeof pause>;
export type Health = Sent<typeof health>;
export type Ready = Sent<typeof ready>;
export type LoginReport = Sent<typeof loginReport>;
export type PauseState = Sent<typeof pauseState>;
