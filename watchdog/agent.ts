import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { parseBody } from './http/body.ts';
import { backoff, NoAnswerError, send } from './http/client.ts';
import type { Reply, Request } from './http/client.ts';

/** Where the agent is. */
export interface AgentOptions {
  /** Base URL. */
  readonly agentUrl: string;
  /** Bearer token; a secret. */
  readonly token: string;
}

/** The agent did not do what it was asked to; the message says why. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
}

const TIMEOUT_MS = 15_000;
const RETRY = backoff(15_000);
const POLL_MS = 1000;
const MAX_BYTES = 64 * 1024;

const stateSchema = z.object({ paused: z.boolean(), reason: z.string().optional(), activeRequests: z.number() });
const healthSchema = z.object({
  activeRequests: z.number(),
  queued: z.number(),
  paused: z.object({ since: z.string(), reason: z.string().optional() }).optional(),
});

/** The agent's HTTP interface, as far as the watchdog uses it. */
export class AgentClient {
  readonly #options: AgentOptions;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /**
   * Sends a request with the watchdog's token.
   * @returns the last answer, whatever its status.
   * @throws AgentError when there is none.
   */
  async request(
    method: 'GET' | 'POST',
    path: string,
    {
      maxBytes = MAX_BYTES,
      ...options
    }: Pick<Request, 'timeoutMs' | 'retry' | 'body'> & Partial<Pick<Request, 'maxBytes'>>,
  ): Promise<Reply> {
    const { agentUrl, token } = this.#options;
    const headers = { authorization: `Bearer ${token}` };
    const url = new URL(path, agentUrl);
    try {
      return await send({ url, method, headers, maxBytes, ...options });
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      const why = error.isTimeout
        ? `the agent did not answer within ${options.timeoutMs / 1000} s`
        : `the agent can't be reached at ${agentUrl} (${error.message})`;
      throw new AgentError(why, { cause: error });
    }
  }

  /** Stops the agent from starting runs. An existing pause stays as it is. @throws AgentError */
  async pause(reason: string): Promise<void> {
    await this.#ask('POST', '/pause', stateSchema, { reason });
  }

  /**
   * Ends the pause that has this reason.
   * @returns why the agent stays paused, if someone else paused it.
   * @throws AgentError
   */
  async resume(reason: string): Promise<string | undefined> {
    const { paused } = await this.#ask('GET', '/health', healthSchema);
    if (!paused) return undefined;
    if (paused.reason !== reason) return `${paused.reason ?? 'no reason given'}, since ${paused.since}`;
    await this.#ask('POST', '/resume', stateSchema);
    return undefined;
  }

  /**
   * Waits until no run is active.
   * @returns false if one still was after `patienceMs`.
   * @throws AgentError
   */
  async drained(patienceMs: number): Promise<boolean> {
    for (const end = performance.now() + patienceMs; ;) {
      const { activeRequests } = await this.#ask('GET', '/health', healthSchema);
      if (activeRequests === 0) return true;
      if (performance.now() >= end) return false;
      await sleep(POLL_MS);
    }
  }

  async #ask<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    const { status, text, incomplete } = await this.request(method, path, {
      timeoutMs: TIMEOUT_MS,
      retry: RETRY,
      body,
    });
    const answer = parseBody(schema, text);
    if (status === 200 && answer.success) return answer.data;
    const why = status === 200 ? `, but the answer is invalid${incomplete ? `: ${incomplete.reason}` : ''}` : '';
    throw new AgentError(`the agent answered ${method} ${path} with HTTP ${status}${why}`);
  }
}
