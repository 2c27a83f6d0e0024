import { z } from 'zod';

import { AgentError } from './agent.ts';
import type { AgentClient } from './agent.ts';
import { parseBody, shortened } from './http/body.ts';
import { NoAnswerError } from './http/client.ts';
import type { Reply, RetryPolicy } from './http/client.ts';

/** The agent's answer to `POST /auth/check`; unknown members are left out. */
const loginStatusSchema = z.object({
  state: z.enum(['ok', 'auth_failed', 'usage_limited', 'outage', 'busy']),
  checkedAt: z.string(),
  evidence: z.enum(['recent-run', 'probe', 'none']),
  /** Goes into the ledger and onto a card. */
  detail: z.string().transform((text) => shortened(text)),
  source: z.string(),
  expiresAt: z.string().optional(),
  resetsAt: z.iso.datetime().optional(),
  /** The agent's word for the cause. */
  cause: z.string().optional(),
  /** The pod. */
  host: z.string().optional(),
  /** The agent's pause, if it is paused; it checks the login all the same. */
  paused: z.object({ since: z.string(), reason: z.string().optional() }).optional(),
});

/** What the agent reported about its login. */
export type LoginStatus = z.infer<typeof loginStatusSchema>;

/** What one check found. `agent_down`: there was no usable answer, for this `reason`. */
export type CheckResult = LoginStatus | { readonly state: 'agent_down'; readonly reason: string };

/** How to ask; times in milliseconds. */
export interface CheckOptions {
  /** For one attempt. */
  readonly timeoutMs: number;
  /** At least 1. */
  readonly attempts: number;
  /** Between two attempts. */
  readonly retryPauseMs: number;
}

/**
 * Asks the agent whether its login works. Asks again while the agent can't be reached or is shutting down, as it is during a
 * rollout; every other answer is final. Never rejects for what the agent does.
 */
export async function checkAgent(agent: AgentClient, options: CheckOptions): Promise<CheckResult> {
  try {
    const retry = repeat(options);
    return resultOf(await agent.request('POST', '/auth/check', { timeoutMs: options.timeoutMs, retry }));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return down(error.message);
  }
}

/** The check changes nothing, so it may be repeated even if the agent got it; after a timeout another one would too. */
const repeat =
  ({ attempts, retryPauseMs }: CheckOptions): RetryPolicy =>
  (outcome, { count }) => {
    const isRetryable =
      outcome instanceof NoAnswerError
        ? !outcome.isTimeout
        : outcome.status >= 500 || (outcome.status === 200 && outcome.incomplete?.kind === 'connection-lost');
    return isRetryable && count < attempts ? retryPauseMs : undefined;
  };

function resultOf({ status, redirect, text, incomplete }: Reply): CheckResult {
  if (status === 200) {
    const answer = parseBody(loginStatusSchema, text);
    if (answer.success) return answer.data;
    if (incomplete) return down(`the agent's answer is invalid: ${incomplete.reason}`);
    const wrong = answer.error.issues.map((issue) => issue.path.join('.') || 'the body').join(', ');
    return down(
      `the agent's answer is invalid (wrong or missing: ${wrong}); check that the agent and the watchdog run the same image`,
    );
  }
  if (status === 401 || status === 403) {
    return down(`the agent rejected the watchdog's token (HTTP ${status}); \`pulumi up\` renews it on both sides`);
  }
  if (redirect !== undefined) {
    return down(
      `the agent answered ${redirect}, which is not followed because the request carries the watchdog's token; check that no other server has that address`,
    );
  }
  return down(`the agent answered HTTP ${status}${problemOf(text)}`);
}

const down = (reason: string): CheckResult => ({ state: 'agent_down', reason });

/** The `detail` of an RFC 9457 problem, if it is one. */
function problemOf(body: string): string {
  const problem = parseBody(z.object({ detail: z.string() }), body);
  return problem.success ? `: ${shortened(problem.data.detail)}` : '';
}
