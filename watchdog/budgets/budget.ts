import { createHash } from 'node:crypto';

import { z } from 'zod';

import { AgentError } from '../agent.ts';
import type { AgentClient } from '../agent.ts';
import { parseBody } from '../http/body.ts';
import type { Log } from '../log.ts';

/** A budget as the agent lists it. One of a label is listed for each of its values. */
const budgetSchema = z.object({
  usd: z.number().positive(),
  /** A period of the calendar, such as `day`. */
  per: z.string(),
  caller: z.string().optional(),
  label: z.string().optional(),
  value: z.string().optional(),
  spentUsd: z.number().nonnegative(),
  leftUsd: z.number().nonnegative(),
  resetsAt: z.iso.datetime(),
});
const answerSchema = z.object({ budgets: z.array(budgetSchema) });

/** A budget, or its part for one value of a label, and what is spent of it. */
export type Budget = z.infer<typeof budgetSchema>;

const TIMEOUT_MS = 15_000;
/** Enough for 50 budgets with a hundred values of a label each. */
const MAX_BYTES = 8 * 1024 * 1024;

/** An agent that is older than budgets, or one that gives them to others only. */
const HAS_NONE: ReadonlySet<number> = new Set([401, 403, 404]);

/**
 * Asks the agent what is spent of its budgets, once: the next pass asks again.
 * @returns none if it has none, or if it gives no usable answer, which is logged.
 */
export async function budgetsOf(agent: AgentClient, log: Log): Promise<readonly Budget[]> {
  const failed = (why: string): readonly Budget[] => {
    log.warn({}, `It is unknown how much of the budgets is spent: ${why}. The next pass asks again.`);
    return [];
  };
  try {
    const options = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, retry: () => undefined };
    const { status, text, incomplete } = await agent.request('GET', '/budgets', options);
    if (HAS_NONE.has(status)) return [];
    const answer = parseBody(answerSchema, text);
    if (status === 200 && answer.success) return answer.data.budgets;
    if (status !== 200) return failed(`the agent answered GET /budgets with HTTP ${status}`);
    return failed(`the agent's answer to GET /budgets is invalid${incomplete ? `: ${incomplete.reason}` : ''}`);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return failed(error.message);
  }
}

/** Identifies a budget and the value of its label, in a length that a ledger has room for thousands of. */
export const idOf = ({ usd, per, caller, label, value }: Budget): string =>
  createHash('sha256')
    .update(JSON.stringify([usd, per, caller, label, value]))
    .digest('base64url')
    .slice(0, 16);
