import type { Directives } from './directives.ts';
import type { MessagesRequest, Turn } from './request.ts';
import { sampleOf } from './sample.ts';

/** A block of an assistant message. */
export type AnswerBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly name: string; readonly input: unknown };

/** The tool with which Claude returns the answer for `--json-schema`. */
const STRUCTURED_OUTPUT = 'StructuredOutput';

/** The blocks of the next assistant message: the next tool use, or else the final text. */
export function answerTo(request: MessagesRequest, turn: Turn, text: string, directives: Directives): AnswerBlock[] {
  const tools = toolsOf(directives);
  const asked = tools.slice(turn.toolResults.length, directives.together ? tools.length : turn.toolResults.length + 1);
  if (asked.length > 0) return asked;
  const structured = request.tools.find(({ name }) => name === STRUCTURED_OUTPUT);
  const isAnswered = turn.toolResults.length > tools.length;
  if (structured !== undefined && !isAnswered && directives.structured !== 'none') {
    const given = directives.structured;
    const input: unknown = given === undefined ? sampleOf(structured.input_schema, text) : JSON.parse(given);
    return [{ type: 'tool_use', name: STRUCTURED_OUTPUT, input }];
  }
  return [{ type: 'text', text: finalText(turn, text, directives) }];
}

/** Every tool use that the prompt requests, in order. */
function toolsOf({ bash, tool }: Directives): AnswerBlock[] {
  const commands = bash.map((command): AnswerBlock => {
    return { type: 'tool_use', name: 'Bash', input: { command, description: 'A command of the double' } };
  });
  const tools = tool.map((each): AnswerBlock => {
    const [name = '', input = '{}'] = each.split(/ (.*)/s);
    return { type: 'tool_use', name, input: JSON.parse(input) as unknown };
  });
  return [...commands, ...tools];
}

function finalText(turn: Turn, text: string, directives: Directives): string {
  const { empty, huge, say } = directives;
  if (empty) return '';
  if (say !== undefined) return say;
  if (huge !== undefined) return 'x'.repeat(huge);
  if (toolsOf(directives).length > 0) return `tool: ${turn.toolResults.join('\n')}`;
  return `echo: ${text}`;
}
