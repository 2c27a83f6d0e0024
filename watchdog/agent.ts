import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { parseJson } from './http/body.ts';
import { NoAnswerError, send } from './http/client.ts';

/** Where the agent is. */
export interface AgentOptions {
  /** Base URL. */
  readonly agentUrl: string;
  /** Bearer token; a secret. */
  readonly token: string;
}

/** The agent does not do what it was asked; the message says why. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
}

const TIMEOUT_MS = 15_000;
const PATIENCE_MS = 15_000;
const LOOK_AGAIN_MS = 1000;
/** Of an answer: a state is some hundred bytes. */
const MAX_BYTES = 64 * 1024;

const stateSchema = z.object({ paused: z.boolean(), reason: z.string().optional(), activeRequests: z.number() });
const healthSchema = z.object({
  activeRequests: z.number(),
  queued: z.number(),
  paused: z.object({ since: z.string(), reason: z.string().optional() }).optional(),
});

/** Pauses the agent and lets it go on. */
export class AgentClient {
  readonly #options: AgentOptions;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** From then on no run begins. A pause that is there already stays as it is. @throws AgentError */
  async pause(reason: string): Promise<void> {
    await this.#ask('POST', '/pause', stateSchema, { reason });
  }

  /**
   * Ends the pause that was made for this reason.
   * @returns why the agent stays paused, where the pause is somebody else's.
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
   * Waits until no run is going on.
   * @returns false when one still was after `patienceMs`.
   * @throws AgentError
   */
  async drained(patienceMs: number): Promise<boolean> {
    for (const end = performance.now() + patienceMs; ;) {
      const { activeRequests } = await this.#ask('GET', '/health', healthSchema);
      if (activeRequests === 0) return true;
      if (performance.now() >= end) return false;
      await sleep(LOOK_AGAIN_MS);
    }
  }

  async #ask<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    const { agentUrl, token } = this.#options;
    const headers = { authorization: `Bearer ${token}` };
    const url = new URL(path, agentUrl);
    const call = { url, method, headers, body, timeoutMs: TIMEOUT_MS, patienceMs: PATIENCE_MS, maxBytes: MAX_BYTES };
    const { status, text, cut } = await send(call).catch((error: unknown) => {
      if (!(error instanceof NoAnswerError)) throw error;
      throw new AgentError(`the agent can't be reached at ${agentUrl} (${error.message})`, { cause: error });
    });
    const answer = schema.safeParse(parseJson(text));
    if (status === 200 && answer.success) return answer.data;
    const why = status === 200 ? `, which can't be understood${cut ? `: ${cut.reason}` : ''}` : '';
    throw new AgentError(`the agent answered ${method} ${path} with HTTP ${status}${why}`);
  }
}
