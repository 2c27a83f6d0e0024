import { z } from 'zod';
import { jsonOf } from '../json.ts';

/** The tool with which Claude asks questions. */
export const QUESTION_TOOL = 'AskUserQuestion';

/** A call of a tool that `claude` makes only if it is allowed to. */
export interface ToolAsk {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Whether a rule of `permissions.ask` names the call. Otherwise the permission mode does not allow it. */
  readonly byRule: boolean;
}

/** Whether a call may be made, and with which input. */
export type ToolAnswer =
  | { readonly behavior: 'allow'; readonly updatedInput: Readonly<Record<string, unknown>> }
  | { readonly behavior: 'deny'; readonly message: string };

/** @param signal aborts when no answer is wanted any more: the run ends (reason `end`), or `claude` takes the call back (`claude`). */
export type Answerer = (ask: ToolAsk, signal: AbortSignal) => Promise<ToolAnswer>;

/** In sub-agents `matched_ask_rule` stands in the place of the reason, and so it does with a path outside the folder. */
const toolAsk = z.object({
  subtype: z.literal('can_use_tool'),
  tool_name: z.string(),
  input: z.record(z.string(), z.unknown()),
  decision_reason_type: z.string().optional().catch(undefined),
  matched_ask_rule: z.object({}).optional().catch(undefined),
});

const control = z.object({
  type: z.enum(['control_request', 'control_cancel_request']),
  request_id: z.string(),
  request: z.unknown(),
});

const NOT_UNDERSTOOD: ToolAnswer = { behavior: 'deny', message: 'The agent does not understand this request.' };
const NOT_ANSWERED: ToolAnswer = { behavior: 'deny', message: 'The agent failed to have this call allowed.' };

/** Answers what `claude` asks on its control channel, and tells when something is open. */
export class Asks {
  readonly #answer: Answerer;
  readonly #write: (message: object) => void;
  readonly #onChange: (open: number) => void;
  readonly #open = new Map<string, AbortController>();

  /** @param onChange called with the number of open questions. */
  constructor(answer: Answerer, write: (message: object) => void, onChange: (open: number) => void) {
    this.#answer = answer;
    this.#write = write;
    this.#onChange = onChange;
  }

  /** Reads a line of stdout. */
  take(line: string): void {
    if (!line.includes('"control_')) return;
    const parsed = control.safeParse(jsonOf(line));
    if (!parsed.success) return;
    const { type, request_id: id, request } = parsed.data;
    if (type === 'control_cancel_request') this.#open.get(id)?.abort('claude');
    else void this.#reply(id, request);
  }

  /** No answer is wanted any more. */
  end(): void {
    for (const asked of this.#open.values()) asked.abort('end');
  }

  async #reply(id: string, request: unknown): Promise<void> {
    const parsed = toolAsk.safeParse(request);
    if (!parsed.success) {
      this.#respond(id, NOT_UNDERSTOOD);
      return;
    }
    const asked = new AbortController();
    this.#open.set(id, asked);
    this.#onChange(this.#open.size);
    const { tool_name: tool, input, decision_reason_type: reason, matched_ask_rule: rule } = parsed.data;
    const byRule = reason === 'rule' || rule !== undefined;
    const answer = await this.#answer({ tool, input, byRule }, asked.signal).catch(() => NOT_ANSWERED);
    this.#open.delete(id);
    this.#onChange(this.#open.size);
    if (!asked.signal.aborted) this.#respond(id, answer);
  }

  #respond(id: string, response: ToolAnswer): void {
    this.#write({ type: 'control_response', response: { subtype: 'success', request_id: id, response } });
  }
}
