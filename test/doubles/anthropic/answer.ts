import type { Directives } from './directives.ts';
import type { MessagesRequest, Turn } from './request.ts';
import { sampleOf } from './sample.ts';

/** A block of an assistant message. */
export type AnswerBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly name: string; readonly input: unknown };

/** The tool by which the CLI takes the answer to `--json-schema`. */
const STRUCTURED_OUTPUT = 'StructuredOutput';

/** The blocks of the next assistant message: the next tool use, or else the final text. */
export function answerTo(request: MessagesRequest, turn: Turn, text: string, directives: Directives): AnswerBlock[] {
  const command = directives.bash[turn.toolResults.length];
  if (command !== undefined) {
    return [{ type: 'tool_use', name: 'Bash', input: { command, description: 'A command of the double' } }];
  }
  const structured = request.tools.find(({ name }) => name === STRUCTURED_OUTPUT);
  const isAnswered = turn.toolResults.length > directives.bash.length;
  if (structured !== undefined && !isAnswered && directives.structured !== 'none') {
    const given = directives.structured;
    const input: unknown = given === undefined ? sampleOf(structured.input_schema, text) : JSON.parse(given);
    return [{ type: 'tool_use', name: STRUCTURED_OUTPUT, input }];
  }
  return [{ type: 'text', text: finalText(turn, text, directives) }];
}

function finalText(turn: Turn, text: string, { empty, huge, say, bash }: Directives): string {
  if (empty) return '';
  if (say !== undefined) return say;
  if (huge !== undefined) return 'x'.repeat(huge);
  if (bash.length > 0) return `tool: ${turn.toolResults.join('\n')}`;
  return `echo: ${text}`;
}
