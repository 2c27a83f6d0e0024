import { z } from 'zod';
import { component } from './component.ts';
import type { Operation } from './operation.ts';

const message = component(
  'McpMessage',
  z.looseObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.int()]).describe('Missing in a notification.').optional(),
    method: z.string(),
    params: z.looseObject({}).optional(),
  }),
);

const response = component(
  'McpResponse',
  z.looseObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.int()]).nullable().optional(),
    result: z.looseObject({}).optional(),
    error: z.looseObject({ code: z.int(), message: z.string() }).optional(),
  }),
);

const refused = (description: string) => ({ description, content: { schema: response } });

/** The operation of the Model Context Protocol. */
export const MCP_OPERATIONS = {
  mcp: {
    method: 'POST',
    path: '/mcp',
    rights: ['run', 'read'],
    summary: 'Use the agent as an MCP server',
    description:
      'Streamable HTTP of the Model Context Protocol, without sessions. The tools are `run`, `get_run`, `list_runs` and `cancel_run`. Each needs the same right as the operation with the same effect.',
    body: {
      schema: message,
      required: true,
      example: { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} },
    },
    answers: {
      200: {
        description: 'The responses of the server, as JSON or as a stream of messages.',
        content: { schema: response },
        orAs: { mediaType: 'text/event-stream', schema: z.string() },
      },
      202: { description: 'A notification was received.' },
      400: refused('The message is not valid JSON or not valid JSON-RPC, or names an unknown protocol version.'),
      404: refused('The method does not exist.'),
      406: refused('The client does not accept both `application/json` and `text/event-stream`.'),
    },
    problems: ['forbidden', 'unsupported-media-type', 'body-too-large'],
  },
} as const satisfies Record<string, Operation>;
