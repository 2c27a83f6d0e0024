import { z } from 'zod';

const block = z.looseObject({ type: z.string(), text: z.string().optional(), content: z.unknown().optional() });
const message = z.object({ role: z.string(), content: z.union([z.string(), z.array(block)]) });
const tool = z.looseObject({ name: z.string().optional(), input_schema: z.unknown().optional() });

/** The part of a `POST /v1/messages` body that the double reads. */
export const messagesRequest = z.looseObject({
  model: z.string(),
  stream: z.boolean().default(false),
  messages: z.array(message),
  tools: z.array(tool).default([]),
});

/** A checked `POST /v1/messages` body. */
export type MessagesRequest = z.infer<typeof messagesRequest>;

/** The state of a conversation: the last text of its user, and the tool results since. */
export interface Turn {
  readonly prompt: string;
  readonly toolResults: readonly string[];
}

/** Text that the CLI itself, or the agent, adds to user messages. */
const ADDED =
  /<system-reminder>.*?<\/system-reminder>|<run-files>.*?<\/run-files>|^\[(?:structured-output-enforce|Your previous response|Request interrupted)[^\n]*/gms;

type Message = MessagesRequest['messages'][number];
type Block = z.infer<typeof block>;

/** Reads the turn of a request. Text that the CLI or the agent adds around the prompt is not part of it. */
export function turnOf(request: MessagesRequest): Turn {
  const users = request.messages.filter(({ role }) => role === 'user').map(blocksOf);
  const start = users.findLastIndex((blocks) => typedText(blocks) !== '');
  const prompt = typedText(users[start] ?? []);
  const toolResults = users
    .slice(start)
    .flat()
    .filter(({ type }) => type === 'tool_result')
    .map(resultText);
  return { prompt, toolResults };
}

function blocksOf({ content }: Message): Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function typedText(blocks: readonly Block[]): string {
  return blocks
    .filter(({ type }) => type === 'text')
    .map(({ text = '' }) => text.replaceAll(ADDED, '').trim())
    .filter((text) => text !== '')
    .join('\n');
}

function resultText({ content }: Block): string {
  if (typeof content === 'string') return content;
  const parts = z.array(z.looseObject({ text: z.string().default('') })).safeParse(content);
  return parts.success ? parts.data.map(({ text }) => text).join('') : '';
}
