/**
 * A server of the Model Context Protocol over stdio, with one tool: `repeat {text}` returns the text and the
 * environment variable WORD. Each call is a line in the file that is its only argument, if there is one.
 * @module
 */
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const request = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string(),
  params: z.looseObject({ protocolVersion: z.string().optional(), arguments: z.unknown().optional() }).optional(),
});

const [, , journal] = process.argv;

const TOOL = {
  name: 'repeat',
  description: 'Says a text back.',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
};

function answerTo({ method, params }: z.infer<typeof request>): object | undefined {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'double', version: '1' },
      };
    case 'tools/list':
      return { tools: [TOOL] };
    case 'tools/call': {
      const { text } = z.object({ text: z.string() }).parse(params?.arguments);
      if (journal !== undefined) appendFileSync(journal, `${text}\n`);
      return { content: [{ type: 'text', text: `${text} ${process.env['WORD'] ?? ''}`.trim() }] };
    }
    case 'ping':
      return {};
    default:
      return undefined;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = request.parse(JSON.parse(line));
  // A message without an id is a notification and gets no response.
  if (message.id === undefined) continue;
  const result = answerTo(message);
  const body = result ? { result } : { error: { code: -32_601, message: `No ${message.method}` } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...body })}\n`);
}
