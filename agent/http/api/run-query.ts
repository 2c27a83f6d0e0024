import { z } from 'zod';
import { CALLER_NAME, RUN_LIMITS } from '../../contract.ts';
import { lane } from './run-request.ts';
import { outcome } from './run.ts';

/** Runs on a page of `GET /runs`. */
export const MAX_PAGE = 200;

const limit = `a whole number from 1 to ${MAX_PAGE}`;
const cursor = 'the `next` of an earlier response';
const label = 'NAME:VALUE, such as workflow:report';
const caller = 'the name of a caller';
const time = 'a time in UTC, such as 2026-01-31T12:00:00.000Z';

/** The query of `GET /runs`. */
export const runQuery = z.strictObject({
  limit: z.coerce
    .number(limit)
    .int(limit)
    .min(1, limit)
    .max(MAX_PAGE, limit)
    .describe('The number of runs per page.')
    .default(50),
  cursor: z
    .string()
    .regex(/^[1-9][0-9]{0,15}$/, cursor)
    .transform(Number)
    .describe('The `next` of the previous page.')
    .optional(),
  state: z.enum(['queued', 'running', 'waiting', 'ended'], 'queued, running, waiting or ended').optional(),
  outcome: z.enum(outcome.options, `one of ${outcome.options.join(', ')}`).optional(),
  label: z
    .array(z.string().regex(/^[^:]+:./s, label))
    .max(RUN_LIMITS.labels, `given at most ${RUN_LIMITS.labels} times`)
    .meta({ description: 'Only runs with this label, as `NAME:VALUE`. If repeated, runs with all of the labels.' })
    .optional(),
  lane: lane.describe('Only runs of this lane.').optional(),
  caller: z.string().regex(CALLER_NAME, caller).describe('Only runs of this caller.').optional(),
  since: z.iso.datetime(time).describe('Only runs accepted at or after this time.').optional(),
  until: z.iso.datetime(time).describe('Only runs accepted before this time.').optional(),
});
