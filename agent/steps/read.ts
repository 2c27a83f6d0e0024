import { z } from 'zod';
import { MAX_STEP_CHARS, type Step } from '../http/api/transcript.ts';
import { jsonOf } from '../json.ts';
import type { Mask } from './mask.ts';

type WithoutPlace<S> = S extends unknown ? Omit<S, 'number' | 'at'> : never;

/** A step without its number and time. */
export type NewStep = WithoutPlace<Step>;

const MAX_NAME_CHARS = 200;
/** Of descriptions and error words. */
const MAX_WORDS_CHARS = 500;

const parent = z.string().nullish().catch(undefined);

const block = z.looseObject({ type: z.string() });
const textBlock = z.object({ type: z.literal('text'), text: z.string() });
const useBlock = z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.unknown() });
const resultBlock = z.object({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.union([z.string(), z.array(block)]).catch(''),
  is_error: z.boolean().nullish().catch(undefined),
});
const message = z.object({ content: z.array(z.unknown()) });

/** The events that are steps; each kind has a reader. */
const EVENTS = {
  assistant: z.object({ type: z.literal('assistant'), message, parent_tool_use_id: parent }),
  user: z.object({ type: z.literal('user'), message, parent_tool_use_id: parent }),
  result: z.object({
    type: z.literal('result'),
    permission_denials: z.array(z.object({ tool_name: z.string(), tool_use_id: z.string() })).catch([]),
  }),
} as const;

const SYSTEM = {
  api_retry: z.object({
    subtype: z.literal('api_retry'),
    error: z.string().catch('unknown'),
    error_status: z.int().nullish().catch(undefined),
    attempt: z.int().optional().catch(undefined),
    retry_delay_ms: z.number().nonnegative().catch(0),
  }),
  task_started: z.object({
    subtype: z.literal('task_started'),
    tool_use_id: z.string().optional().catch(undefined),
    description: z.string().catch(''),
  }),
  task_notification: z.object({
    subtype: z.literal('task_notification'),
    tool_use_id: z.string().optional().catch(undefined),
    status: z.string().catch('ended'),
    summary: z.string().catch(''),
  }),
  permission_denied: z.object({
    subtype: z.literal('permission_denied'),
    tool_name: z.string(),
    tool_use_id: z.string(),
  }),
} as const;

const event = z.discriminatedUnion('type', [EVENTS.assistant, EVENTS.user, EVENTS.result]);
const systemEvent = z.discriminatedUnion('subtype', [
  SYSTEM.api_retry,
  SYSTEM.task_started,
  SYSTEM.task_notification,
  SYSTEM.permission_denied,
]);

/** Whether an event of the CLI may be a step: most are pieces of text, which a whole message repeats. */
export function mayBeStep(value: unknown): value is { readonly type: string } {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  return value.type === 'system' ? 'subtype' in value && String(value.subtype) in SYSTEM : String(value.type) in EVENTS;
}

/** Reads the steps in an event of `claude --output-format stream-json`, in order; none in one of another shape. */
export function stepsIn(value: unknown, mask: Mask): NewStep[] {
  if (!mayBeStep(value)) return [];
  if (value.type === 'system') {
    const parsed = systemEvent.safeParse(value);
    return parsed.success ? [ofSystem(parsed.data, mask)] : [];
  }
  const parsed = event.safeParse(value);
  if (!parsed.success) return [];
  if (parsed.data.type === 'result') {
    return parsed.data.permission_denials.map(({ tool_name, tool_use_id }) => denial(tool_name, tool_use_id, mask));
  }
  const { parent_tool_use_id: within, message } = parsed.data;
  const place = within ? { parentToolUseId: short(within) } : {};
  const read = parsed.data.type === 'user' ? ofUser : ofAssistant;
  return message.content.flatMap((each) => read(each, mask).map((step) => ({ ...step, ...place })));
}

function ofAssistant(value: unknown, mask: Mask): NewStep[] {
  const text = textBlock.safeParse(value);
  if (text.success) {
    const { text: said, omitted } = mask.cut(text.data.text, MAX_STEP_CHARS);
    return said === '' ? [] : [{ type: 'text', text: said, ...omittedOf(omitted) }];
  }
  const use = useBlock.safeParse(value);
  if (!use.success) return [];
  const { id, name, input } = use.data;
  return [
    { type: 'tool_call', toolUseId: short(id), tool: masked(name, mask, MAX_NAME_CHARS), ...inputOf(input, mask) },
  ];
}

function ofUser(value: unknown, mask: Mask): NewStep[] {
  const parsed = resultBlock.safeParse(value);
  if (!parsed.success) return [];
  const { tool_use_id, content, is_error } = parsed.data;
  const { text, omitted } = mask.cut(textOf(content), MAX_STEP_CHARS);
  const isError = is_error === true;
  return [{ type: 'tool_result', toolUseId: short(tool_use_id), output: text, isError, ...omittedOf(omitted) }];
}

function ofSystem(said: z.output<typeof systemEvent>, mask: Mask): NewStep {
  switch (said.subtype) {
    case 'api_retry': {
      const { error_status: status, attempt, retry_delay_ms: delay } = said;
      return {
        type: 'retry',
        error: masked(said.error, mask),
        ...(typeof status === 'number' && { status }),
        ...(attempt !== undefined && { attempt }),
        delayMs: Math.round(delay),
      };
    }
    case 'permission_denied':
      return denial(said.tool_name, said.tool_use_id, mask);
    case 'task_started':
      return task(said.tool_use_id, 'started', masked(said.description, mask));
    case 'task_notification':
      return task(said.tool_use_id, said.status.slice(0, MAX_NAME_CHARS), masked(said.summary, mask));
  }
}

const task = (id: string | undefined, state: string, description: string): NewStep => ({
  type: 'task',
  ...(id !== undefined && { toolUseId: short(id) }),
  state,
  description,
});

const denial = (tool: string, id: string, mask: Mask): NewStep => ({
  type: 'denied',
  toolUseId: short(id),
  tool: masked(tool, mask, MAX_NAME_CHARS),
});

/** The input as it is, or the beginning of its JSON. */
function inputOf(input: unknown, mask: Mask): { input: unknown; omittedChars?: number } {
  const json = JSON.stringify(input ?? null);
  const { text, omitted } = mask.cut(json, MAX_STEP_CHARS);
  if (omitted > 0) return { input: text, omittedChars: omitted };
  // A secret may be a number.
  return { input: jsonOf(text) ?? text };
}

function textOf(content: z.output<typeof resultBlock>['content']): string {
  if (typeof content === 'string') return content;
  return content.map((each) => (typeof each['text'] === 'string' ? each['text'] : `[${each.type}]`)).join('\n');
}

const omittedOf = (omitted: number) => (omitted > 0 ? { omittedChars: omitted } : {});

const short = (id: string) => id.slice(0, MAX_NAME_CHARS);

const masked = (text: string, mask: Mask, maxChars = MAX_WORDS_CHARS) => mask.cut(text, maxChars).text;
