import { jsonOf } from '../json.ts';
import { CappedText } from './capped-text.ts';
import { exchangeErrorOf } from './token-exchange.ts';
import { MAX_OUTPUT_CHARS, parseEvent, type ClaudeEvent, type ResultEvent } from './events.ts';

/** The CLI's states of an MCP server that it could not use. In other states it is connected or connecting. */
const NOT_THERE: ReadonlySet<string> = new Set(['failed', 'needs-auth']);

const BETWEEN_MESSAGES = '\n\n';

/** Why the API refused a request. */
export interface ApiError {
  /** The CLI's word: authentication_failed, rate_limit, server_error, …; see `token-exchange.ts` for cases without one. */
  readonly kind: string;
  /** HTTP status, if there was a response. */
  readonly status: number | undefined;
  /** A more specific word, if the CLI has one: usage_limit_reached, connection_failed, … */
  readonly detail: string | undefined;
  /** The message for people. */
  readonly message: string;
}

/** A part of a request that the API refused; the CLI sent it again without. */
export interface RemovedMedia {
  readonly media: 'image' | 'document';
  readonly reason: string | undefined;
}

/** The state of one `claude` process, built from its events. */
export class Transcript {
  /** The result of the last turn. */
  result: ResultEvent | undefined;
  /** Whether {@link result} is final. It is not while background tasks are running. */
  isComplete = false;
  apiError: ApiError | undefined;
  model: string | undefined;
  /** When the usage limit resets, in seconds since the epoch. An API that is only overloaded sends no such time. */
  usageLimitResetsAt: number | undefined;
  /** MCP servers of the agent's configuration that could not be used, with their states. */
  missingServers: readonly { readonly name: string; readonly status: string }[] = [];
  readonly removedMedia: RemovedMedia[] = [];
  /** When the API last began to answer, in milliseconds since the epoch. */
  answeredAt: number | undefined;
  /** Milliseconds that the CLI has waited for retries, including the current wait. */
  retryWaitMs = 0;
  /** The number of lines that were not events. */
  garbage = 0;
  /** Called with each piece of text as it arrives. */
  onText: ((text: string) => void) | undefined;
  /** Called with the value of each line before the final result has been taken. */
  onEvent: ((event: unknown) => void) | undefined;
  #backgroundTasks = 0;
  readonly #finished = new CappedText(MAX_OUTPUT_CHARS);
  readonly #streaming = new CappedText(MAX_OUTPUT_CHARS);

  /** Adds a line of stdout. Ignored after the final result. */
  add(line: string): void {
    if (this.isComplete) return;
    const value = jsonOf(line);
    this.onEvent?.(value);
    const event = parseEvent(value);
    if (event === 'garbage') this.garbage += 1;
    else if (event !== 'ignored') this.#take(event);
  }

  /** The answer of the result, or else the text so far; `omitted` code units did not fit. */
  get output(): { text: string; omitted: number } {
    const answer = this.result?.is_error === false ? this.result.result : undefined;
    const said = [this.#finished, this.#streaming];
    const text = new CappedText(MAX_OUTPUT_CHARS);
    text.append(answer ?? said.map(String).filter(Boolean).join(BETWEEN_MESSAGES));
    const lost = answer === undefined ? said.reduce((sum, part) => sum + part.omitted, 0) : 0;
    return { text: text.toString(), omitted: text.omitted + lost };
  }

  #take(event: ClaudeEvent): void {
    switch (event.type) {
      case 'assistant':
        if (!event.parent_tool_use_id) this.#takeMessage(event);
        return;
      case 'stream_event':
        if (event.event.type === 'message_start') this.answeredAt = Date.now();
        if (!event.parent_tool_use_id) this.#takeDelta(event);
        return;
      case 'rate_limit_event':
        if (event.rate_limit_info.status === 'rejected') this.usageLimitResetsAt = event.rate_limit_info.resetsAt;
        return;
      case 'system':
        if (event.subtype === 'api_retry') this.#takeRetry(event);
        if (event.subtype === 'background_tasks_changed') this.#backgroundTasks = event.tasks.length;
        if (event.subtype === 'init')
          this.missingServers = event.mcp_servers.filter(({ status }) => NOT_THERE.has(status));
        return;
      case 'result':
        this.result = event;
        this.isComplete = this.#backgroundTasks === 0;
        this.apiError ??= apiErrorOf(event);
    }
  }

  #takeMessage({
    message,
    error,
    api_error_status: status,
    api_error: detail,
    api_error_params: params,
  }: ClaudeEvent & { type: 'assistant' }): void {
    const text = message.content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
    const wasStreamed = this.#streaming.toString() !== '';
    this.#streaming.clear();
    if (detail === 'media_removed' && params) {
      this.removedMedia.push({ media: params.media, reason: params.media_reason });
    }
    if (error !== undefined) {
      const exchange = error === 'unknown' ? exchangeErrorOf(text) : undefined;
      this.apiError = { kind: error, status: status ?? undefined, detail, message: text, ...exchange };
      return;
    }
    this.apiError = undefined;
    this.model = message.model;
    if (text === '') return;
    if (!wasStreamed) this.onText?.(text);
    this.#finished.append(this.#finished.toString() === '' ? text : BETWEEN_MESSAGES + text);
  }

  #takeRetry({ error: kind, error_status: status, retry_delay_ms: delay }: ClaudeEvent & { type: 'system' }): void {
    this.retryWaitMs += delay;
    const code = status ?? undefined;
    const message = `The API rejected the request (${code === undefined ? kind : `${code} ${kind}`}).`;
    this.apiError = { kind, status: code, detail: undefined, message };
  }

  /** A message that was cut off starts again: the part that had arrived is discarded. */
  #takeDelta({ event }: ClaudeEvent & { type: 'stream_event' }): void {
    if (event.type === 'message_start') this.#streaming.clear();
    else if (event.type === 'content_block_delta') {
      this.#streaming.append(event.delta?.text ?? '');
      this.onText?.(event.delta?.text ?? '');
    }
  }
}

/** The API error of a failed result whose messages did not name the kind. */
function apiErrorOf(result: ResultEvent): ApiError | undefined {
  const { is_error: isError, api_error_status: status, api_error: detail } = result;
  if (!isError || ((status ?? undefined) === undefined && detail === undefined)) return undefined;
  return { kind: 'unknown', status: status ?? undefined, detail, message: result.result ?? result.errors.join('; ') };
}
