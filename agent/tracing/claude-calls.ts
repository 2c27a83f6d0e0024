import { assistant, streamed, system, toolResult, toolUse, user, type Used } from './claude-events.ts';
import { newSpanId } from './trace.ts';
import { nameIn, present, tokenAttributes, type FinishedSpan } from './span.ts';

/** A call of the API or of a tool that has ended, without its trace. */
export type Call = Pick<FinishedSpan, 'name' | 'kind' | 'spanId' | 'start' | 'end' | 'attributes' | 'isError'> & {
  /** The call that it is part of: that of the tool which started the sub-agent; undefined for none. */
  readonly parentId: string | undefined;
};

/** The events of a stream that matter. Most are pieces of text, for which the schemas would cost too much. */
const STREAMED: ReadonlySet<unknown> = new Set(['message_start', 'message_delta', 'message_stop']);

interface Message {
  readonly id: string;
  readonly spanId: string;
  readonly start: number;
  end: number;
  model: string;
  usage: Used;
  stopReason?: string | undefined;
  /** Whether its end is told. Those of sub-agents come as whole messages, without one. */
  readonly isStreamed: boolean;
}

interface Tool {
  readonly spanId: string;
  readonly name: string;
  readonly start: number;
  readonly parentId: string | undefined;
}

/** What Claude itself does, besides its sub-agents. */
const MAIN = '';
/** A run that opens more tools without their results is not usual; further ones have no spans. */
const MAX_OPEN = 1000;

/** Reads the calls of the API and of tools from the events of one CLI, as they come. Its output is nothing to be trusted. */
export class ClaudeCalls {
  readonly #onEnded: (call: Call) => void;
  readonly #now: () => number;
  /** When the next call of the API began at the earliest, by the tool whose sub-agent makes it. */
  readonly #since = new Map<string, number>();
  readonly #messages = new Map<string, Message>();
  readonly #tools = new Map<string, Tool>();

  /**
   * @param onEnded called with each call, in the order of their ends.
   * @param now the time, in milliseconds since the epoch.
   */
  constructor(onEnded: (call: Call) => void, now = Date.now) {
    this.#onEnded = onEnded;
    this.#now = now;
    this.#since.set(MAIN, now());
  }

  /** Takes an event of the CLI. */
  take(value: unknown): void {
    if (typeof value !== 'object' || value === null || !('type' in value)) return;
    switch (value.type) {
      case 'stream_event':
        if (STREAMED.has((value as { event?: { type?: unknown } }).event?.type)) this.#takeStreamed(value);
        return;
      case 'assistant':
        this.#takeAssistant(value);
        return;
      case 'user':
        this.#takeUser(value);
        return;
      case 'system':
        this.#takeSystem(value);
    }
  }

  /** Ends the calls that are open: their run has ended. */
  end(): void {
    for (const within of [...this.#messages.keys()]) this.#endMessage(within, { errorType: 'interrupted' });
    for (const tool of [...this.#tools.keys()]) this.#endTool(tool, 'interrupted');
  }

  #takeStreamed(value: unknown): void {
    const { data } = streamed.safeParse(value);
    if (!data) return;
    const within = data.parent_tool_use_id ?? MAIN;
    const { event } = data;
    if (event.type === 'message_start') {
      const { id: messageId, model, usage: used } = event.message;
      // One that was cut off starts again.
      this.#endMessage(within, { errorType: 'incomplete' });
      this.#open(within, { id: messageId, model, usage: used, isStreamed: true });
      return;
    }
    const message = this.#messages.get(within);
    if (!message) return;
    if (event.type === 'message_delta') {
      message.usage = { ...message.usage, ...event.usage };
      message.stopReason = event.delta?.stop_reason ?? undefined;
    } else this.#endMessage(within);
  }

  #takeAssistant(value: unknown): void {
    const { data } = assistant.safeParse(value);
    if (!data) return;
    const within = data.parent_tool_use_id ?? MAIN;
    const { message, error, api_error_status: status } = data;
    if (error !== undefined) {
      this.#fail(within, String(status ?? error));
      return;
    }
    const open = this.#messages.get(within);
    if (open?.id === message.id) Object.assign(open, { end: this.#now(), usage: { ...open.usage, ...message.usage } });
    else if (within !== MAIN) {
      this.#endMessage(within);
      this.#open(within, { id: message.id, model: message.model, usage: message.usage, isStreamed: false });
    }
    for (const block of message.content) {
      const use = toolUse.safeParse(block).data;
      if (!use || this.#tools.size >= MAX_OPEN) continue;
      const parentId = this.#tools.get(within)?.spanId;
      this.#tools.set(use.id, { spanId: newSpanId(), name: use.name, start: this.#now(), parentId });
      this.#since.set(use.id, this.#now());
    }
  }

  #takeUser(value: unknown): void {
    const { data } = user.safeParse(value);
    if (!data) return;
    const within = data.parent_tool_use_id ?? MAIN;
    for (const block of data.message.content) {
      const result = toolResult.safeParse(block).data;
      if (result) this.#endTool(result.tool_use_id, result.is_error === true ? 'tool_error' : undefined);
    }
    if (this.#messages.get(within)?.isStreamed === false) this.#endMessage(within);
    if (within === MAIN || this.#tools.has(within)) this.#since.set(within, this.#now());
  }

  #takeSystem(value: unknown): void {
    const { data } = system.safeParse(value);
    if (data?.subtype === 'status') this.#since.set(MAIN, this.#now());
    if (data?.subtype !== 'api_retry') return;
    this.#fail(MAIN, String(data.error_status ?? data.error));
    this.#since.set(MAIN, this.#now() + data.retry_delay_ms);
  }

  #open(within: string, message: Pick<Message, 'id' | 'model' | 'usage' | 'isStreamed'>): void {
    const now = this.#now();
    const start = Math.min(this.#since.get(within) ?? now, now);
    this.#messages.set(within, { ...message, spanId: newSpanId(), start, end: now });
  }

  /** A call of the API that had no answer, or whose answer broke off. */
  #fail(within: string, errorType: string): void {
    if (!this.#messages.has(within)) this.#open(within, { id: '', model: '', usage: undefined, isStreamed: true });
    this.#endMessage(within, { errorType });
  }

  #endMessage(within: string, { errorType }: { readonly errorType?: string } = {}): void {
    const message = this.#messages.get(within);
    if (!message) return;
    this.#messages.delete(within);
    const { spanId, start, isStreamed, id: messageId, stopReason } = message;
    const end = isStreamed ? this.#now() : message.end;
    this.#since.set(within, end);
    const model = nameIn(message.model);
    this.#onEnded({
      name: model === undefined ? 'chat' : `chat ${model}`,
      kind: 'client',
      spanId,
      parentId: this.#tools.get(within)?.spanId,
      start,
      end,
      isError: errorType !== undefined,
      attributes: present({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.request.model': model,
        'gen_ai.response.model': messageId === '' ? undefined : model,
        'gen_ai.response.id': nameIn(messageId),
        'gen_ai.response.finish_reasons': stopReason === undefined ? undefined : [nameIn(stopReason) ?? 'other'],
        ...(message.usage && tokensOf(message.usage)),
        'error.type': errorType === undefined ? undefined : (nameIn(errorType) ?? 'other'),
      }),
    });
  }

  #endTool(toolUseId: string, errorType: string | undefined): void {
    const tool = this.#tools.get(toolUseId);
    if (!tool) return;
    this.#endMessage(toolUseId);
    this.#tools.delete(toolUseId);
    this.#since.delete(toolUseId);
    const name = nameIn(tool.name);
    this.#onEnded({
      name: name === undefined ? 'execute_tool' : `execute_tool ${name}`,
      kind: 'internal',
      spanId: tool.spanId,
      parentId: tool.parentId,
      start: tool.start,
      end: this.#now(),
      isError: errorType !== undefined,
      attributes: present({
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': name,
        'gen_ai.tool.call.id': nameIn(toolUseId),
        'error.type': errorType,
      }),
    });
  }
}

function tokensOf(used: NonNullable<Used>): Record<string, number | undefined> {
  return tokenAttributes({
    inputTokens: used.input_tokens ?? undefined,
    outputTokens: used.output_tokens ?? undefined,
    cacheReadInputTokens: used.cache_read_input_tokens ?? undefined,
    cacheCreationInputTokens: used.cache_creation_input_tokens ?? undefined,
  });
}
