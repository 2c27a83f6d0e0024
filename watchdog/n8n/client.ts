import { z } from 'zod';

import { parseBody, shortened } from '../http/body.ts';
import { backoff, NoAnswerError, send } from '../http/client.ts';
import type { Reply } from '../http/client.ts';

/** A workflow of n8n, as far as pausing needs to know it. */
export interface Workflow {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly isArchived: boolean;
  /** The draft; changes with every edit, and only then. */
  readonly draftVersion: string | undefined;
  /** The published version. n8n before 2.0 has no versions. */
  readonly publishedVersion: string | undefined;
  /** n8n runs it when another workflow fails. */
  readonly isErrorWorkflow: boolean;
}

/** Where n8n is. */
export interface N8nOptions {
  /** Base URL, with or without `/api/v1`. */
  readonly apiUrl: string;
  /** A secret. */
  readonly apiKey: string;
}

/** n8n is not available: it is down, or rejects the key. */
export class N8nUnavailableError extends Error {
  override readonly name = 'N8nUnavailableError';
}

/** n8n rejected the call for this workflow; the message is n8n's own. */
export class N8nRefusedError extends Error {
  override readonly name = 'N8nRefusedError';
}

/** Workflows in one answer at first; fewer if the answer is too large. */
const PAGE = 100;
/** Against a cursor that never ends. */
const MAX_PAGES = 1000;
/** n8n itself accepts no workflow above 16 MiB. */
const MAX_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 15_000;
const RETRY = backoff(10_000);
const TOO_LARGE = `larger than the ${MAX_BYTES / 1024 / 1024} MiB that the watchdog reads`;
const SCOPES = 'workflow:list, workflow:read, workflow:activate, workflow:deactivate';

const ERROR_TRIGGER = 'n8n-nodes-base.errorTrigger';

const workflowSchema = z
  .object({
    id: z.coerce.string(),
    name: z.string(),
    active: z.boolean(),
    isArchived: z.boolean().default(false),
    versionId: z.string().nullish(),
    activeVersionId: z.string().nullish(),
    nodes: z.array(z.object({ type: z.string(), disabled: z.boolean().default(false) })).default([]),
  })
  .transform(({ versionId, activeVersionId, nodes, ...rest }): Workflow => ({
    ...rest,
    isErrorWorkflow: nodes.some(({ type, disabled }) => type === ERROR_TRIGGER && !disabled),
    draftVersion: versionId ?? undefined,
    publishedVersion: activeVersionId ?? undefined,
  }));

const pageSchema = z.object({ data: z.array(workflowSchema), nextCursor: z.string().nullish() });

/** The public API of n8n, as far as the watchdog uses it. */
export class N8nClient {
  readonly #base: string;
  readonly #key: string;

  constructor({ apiUrl, apiKey }: N8nOptions) {
    this.#base = `${apiUrl.replace(/\/+$/, '').replace(/\/api\/v1$/, '')}/api/v1`;
    this.#key = apiKey;
  }

  /**
   * Lists every published workflow with the tag, except error workflows. Read all pages before pausing any: a cursor is a
   * position in what the filter matches.
   * @throws N8nUnavailableError
   */
  async listPublished(tag: string): Promise<Workflow[]> {
    for (let limit = PAGE; ; limit = Math.ceil(limit / 4)) {
      const found = await this.#listBy(limit, tag);
      if (found !== 'too-large') return found;
      if (limit === 1) throw new N8nUnavailableError(`a workflow in n8n with the tag ${tag} is ${TOO_LARGE}`);
    }
  }

  /** @param limit workflows in one answer; a cursor keeps it. */
  async #listBy(limit: number, tag: string): Promise<Workflow[] | 'too-large'> {
    const found = new Map<string, Workflow>();
    const seen = new Set<string>();
    let cursor: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const query = new URLSearchParams({ tags: tag, active: 'true', limit: String(limit), ...(cursor && { cursor }) });
      const reply = await this.#call('GET', `/workflows?${query.toString()}`);
      if (reply.incomplete?.kind === 'too-large') return 'too-large';
      const page = this.#parse(pageSchema, reply);
      for (const workflow of page.data) {
        if (workflow.active && !workflow.isErrorWorkflow) found.set(workflow.id, workflow);
      }
      if (!page.nextCursor || seen.has(page.nextCursor)) return [...found.values()];
      cursor = page.nextCursor;
      seen.add(cursor);
    }
    throw new N8nUnavailableError(`n8n's list of workflows has more than ${MAX_PAGES} pages`);
  }

  /**
   * @returns undefined if there is none with that id.
   * @throws N8nUnavailableError
   */
  async find(id: string): Promise<Workflow | undefined> {
    const reply = await this.#call('GET', `/workflows/${encodeURIComponent(id)}`);
    return reply.status === 404 ? undefined : this.#parse(workflowSchema, reply);
  }

  /** @throws N8nUnavailableError @throws N8nRefusedError */
  async unpublish(id: string): Promise<void> {
    this.#succeeded(await this.#callEither(id, ['unpublish', 'deactivate']));
  }

  /**
   * Publishes this version; without one (n8n before 2.0) the workflow.
   * @throws N8nUnavailableError @throws N8nRefusedError
   */
  async publish(id: string, version: string | undefined): Promise<void> {
    const body = version === undefined ? undefined : { versionId: version };
    const reply = this.#succeeded(await this.#callEither(id, ['publish', 'activate'], body));
    const { publishedVersion } = this.#parse(workflowSchema, reply);
    if (version !== undefined && publishedVersion !== version) {
      throw new N8nRefusedError(`n8n published version ${publishedVersion ?? 'unknown'} instead of ${version}`);
    }
  }

  /** An n8n that does not know the first path answers 404, or 405 if it has another method there. */
  async #callEither(id: string, [current, older]: readonly [string, string], body?: object): Promise<Reply> {
    const path = `/workflows/${encodeURIComponent(id)}`;
    const reply = await this.#call('POST', `${path}/${current}`, body);
    if (reply.status !== 404 && reply.status !== 405) return reply;
    const again = await this.#call('POST', `${path}/${older}`, body);
    return again.status === 404 || again.status === 405 ? reply : again;
  }

  async #call(method: 'GET' | 'POST', path: string, body?: object): Promise<Reply> {
    let reply: Reply;
    try {
      reply = await send({
        url: this.#base + path,
        method,
        headers: { 'X-N8N-API-KEY': this.#key },
        body,
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BYTES,
        retry: RETRY,
      });
    } catch (error) {
      if (error instanceof NoAnswerError) {
        throw new N8nUnavailableError(`n8n can't be reached at ${this.#base} (${error.message})`, { cause: error });
      }
      throw error;
    }
    const { status, redirect } = reply;
    if (redirect !== undefined) {
      throw new N8nUnavailableError(
        `n8n answered ${redirect}, which is not followed because the request carries the API key; set config n8nApiUrl to the URL of n8n itself`,
      );
    }
    if (status === 401)
      throw new N8nUnavailableError('n8n rejected the API key (HTTP 401); create a new one and set config n8nApiKey');
    if (status === 403) throw new N8nUnavailableError(`n8n's API key lacks a scope (HTTP 403); it needs ${SCOPES}`);
    if (status === 429 || status >= 500) throw new N8nUnavailableError(`n8n answered HTTP ${status}`);
    return reply;
  }

  #succeeded(reply: Reply): Reply {
    if (reply.status >= 200 && reply.status < 300) return reply;
    throw new N8nRefusedError(messageOf(reply));
  }

  #parse<T>(schema: z.ZodType<T>, reply: Reply): T {
    const parsed = parseBody(schema, reply.text);
    if (reply.status === 200 && parsed.success) return parsed.data;
    const reason = reply.incomplete?.reason ?? "the answer does not match n8n's API";
    const why = reply.status === 200 ? reason : messageOf(reply);
    throw new N8nUnavailableError(`unexpected answer from n8n at ${this.#base}: ${why}`);
  }
}

function messageOf({ status, text }: Reply): string {
  const answer = parseBody(z.object({ message: z.string() }), text);
  return answer.success ? `${shortened(answer.data.message)} (HTTP ${status})` : `HTTP ${status}`;
}
