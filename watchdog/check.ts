import { setTimeout as pause } from 'node:timers/promises';

import { z } from 'zod';

import { parseJson, shortened } from './http/body.ts';
import type { Cut } from './http/body.ts';
import { ask, NoAnswerError } from './http/client.ts';
import type { Reply } from './http/client.ts';

/** Of an answer. What is in it goes into the ledger and onto a card. */
const MAX_BYTES = 64 * 1024;

/** The agent's answer to `POST /auth/check`; unknown members are left out. */
const answerSchema = z.object({
  state: z.enum(['ok', 'auth_failed', 'usage_limited', 'outage', 'busy']),
  checkedAt: z.string(),
  evidence: z.enum(['recent-run', 'probe', 'none']),
  detail: z.string().transform((text) => shortened(text)),
  source: z.string(),
  expiresAt: z.string().optional(),
  resetsAt: z.iso.datetime().optional(),
  /** The agent's word for the cause. */
  cause: z.string().optional(),
  /** The pod. */
  host: z.string().optional(),
  /** The pause that the agent is in; it tries the login all the same. */
  paused: z.object({ since: z.string(), reason: z.string().optional() }).optional(),
});

/** What the agent said of its login. */
export type LoginStatus = z.infer<typeof answerSchema>;

/** What one pass found out. `agent_down`: there was no answer that means anything, and `reason` says why. */
export type CheckResult = LoginStatus | { readonly state: 'agent_down'; readonly reason: string };

/** How to ask; times in milliseconds. */
export interface CheckOptions {
  /** Base URL of the agent. */
  readonly agentUrl: string;
  /** Bearer token, sent in a header and never part of a verdict. */
  readonly token: string;
  /** For one answer. */
  readonly timeoutMs: number;
  /** At least 1. */
  readonly attempts: number;
  /** Between two attempts. */
  readonly pauseMs: number;
}

/**
 * Asks the agent whether its login works. An agent that can't be reached or is shutting down is asked again, since a
 * rollout takes it away for a while; every other answer is final. Never rejects
 * for what the agent does.
 */
export async function checkAgent(options: CheckOptions): Promise<CheckResult> {
  let verdict: CheckResult = { state: 'agent_down', reason: 'it was not asked' };
  for (let attempt = 1; attempt <= options.attempts; attempt++) {
    const { again, ...found } = await lookOnce(options);
    verdict = found.verdict;
    if (!again || attempt === options.attempts) break;
    await pause(options.pauseMs);
  }
  return verdict;
}

type Finding = { readonly verdict: CheckResult; readonly again: boolean };

async function lookOnce({ agentUrl, token, timeoutMs }: CheckOptions): Promise<Finding> {
  const url = new URL('/auth/check', agentUrl);
  const headers = { authorization: `Bearer ${token}` };
  try {
    return findingOf(await ask({ url, method: 'POST', headers, timeoutMs, maxBytes: MAX_BYTES }));
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    if (error.isLate) return down(`it did not answer within ${timeoutMs / 1000} s`, false);
    return down(`it can't be reached at ${agentUrl} (${error.message})`, true);
  }
}

function findingOf({ status, redirectsTo, text, cut }: Reply): Finding {
  if (status === 200) return understand(text, cut);
  if (status === 401 || status === 403) {
    return down(`it refused the watchdog's token (HTTP ${status}); \`pulumi up\` renews it on both sides`, false);
  }
  if (status >= 300 && status < 400) {
    const to = redirectsTo === undefined ? '' : ` to ${redirectsTo}`;
    return down(
      `it answered HTTP ${status}, a redirect${to}, where the watchdog's token must not go; is another server at that address?`,
      false,
    );
  }
  return down(`it answered HTTP ${status}${problemOf(text)}`, status >= 500);
}

function understand(text: string, cut: Cut | undefined): Finding {
  const answer = answerSchema.safeParse(parseJson(text));
  if (answer.success) return { verdict: answer.data, again: false };
  if (cut) return down(`its answer can't be understood: ${cut.reason}`, cut.kind === 'broken-off');
  const wrong = answer.error.issues.map((issue) => issue.path.join('.') || 'the body').join(', ');
  return down(
    `its answer can't be understood (wrong or missing: ${wrong}); do the agent and the watchdog run the same image?`,
    false,
  );
}

const down = (reason: string, again: boolean): Finding => ({ verdict: { state: 'agent_down', reason }, again });

/** The `detail` of an RFC 9457 problem, else nothing. */
function problemOf(body: string): string {
  const problem = z.object({ detail: z.string() }).safeParse(parseJson(body));
  return problem.success ? `: ${shortened(problem.data.detail)}` : '';
}
