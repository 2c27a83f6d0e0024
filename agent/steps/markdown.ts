import type { Step, Transcript } from '../http/api/transcript.ts';

/** A transcript as Markdown. What Claude and its tools wrote stands in fences that it cannot end. */
export function transcriptMarkdown({ id, state, steps, omittedSteps }: Transcript): string {
  const left =
    omittedSteps > 0 ? [`_${omittedSteps} more steps are left out, because a transcript has at most 1 MiB._`] : [];
  return [`# Run ${id}`, `State: ${state}`, ...steps.map(stepMarkdown), ...left].join('\n\n') + '\n';
}

function stepMarkdown(step: Step): string {
  const within = step.parentToolUseId === undefined ? '' : ', in a sub-agent';
  const heading = `## ${step.number}. ${titleOf(step)}`;
  return [heading, `${step.at}${within}`, ...bodyOf(step)].join('\n\n');
}

function titleOf(step: Step): string {
  switch (step.type) {
    case 'text':
      return 'Text';
    case 'tool_call':
      return `Tool ${inline(step.tool)}`;
    case 'tool_result':
      return step.isError ? 'Error of the tool' : 'Result';
    case 'retry':
      return `Retry after ${inline(step.status === undefined ? step.error : `${step.status} ${step.error}`)}`;
    case 'task':
      return `Sub-agent ${inline(step.state)}`;
    case 'denied':
      return `Denied: ${inline(step.tool)}`;
    case 'decision':
      return `Decision about ${inline(step.tool)}: ${step.allowed === undefined ? 'asked' : step.allowed ? 'allowed' : 'denied'}`;
  }
}

function bodyOf(step: Step): string[] {
  switch (step.type) {
    case 'text':
      return fenced(step.text, 'markdown', step.omittedChars);
    case 'tool_call':
      return typeof step.input === 'string'
        ? fenced(step.input, '', step.omittedChars)
        : fenced(JSON.stringify(step.input, null, 2), 'json');
    case 'tool_result':
      return fenced(step.output, '', step.omittedChars);
    case 'retry':
      return [`In ${step.delayMs} ms.`];
    case 'task':
      return step.description === '' ? [] : fenced(step.description, '');
    case 'decision':
      return [...(step.by === undefined ? [] : [`By ${inline(step.by)}.`]), ...fencedIf(step.message)];
    case 'denied':
      return [];
  }
}

const fencedIf = (text: string | undefined) => (text === undefined ? [] : fenced(text, ''));

/** In a fence that is longer than any row of backticks in the text. */
function fenced(text: string, language: string, omitted = 0): string[] {
  const fence = '`'.repeat(Math.max(3, longestRow(text) + 1));
  return [`${fence}${language}\n${text}\n${fence}`, ...(omitted > 0 ? [`_${omitted} more characters._`] : [])];
}

/** As code within a line. */
function inline(text: string): string {
  const ticks = '`'.repeat(longestRow(text) + 1);
  const line = text.replaceAll(/\s+/g, ' ');
  return ticks.length > 1 ? `${ticks} ${line} ${ticks}` : `\`${line}\``;
}

const longestRow = (text: string) => Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
