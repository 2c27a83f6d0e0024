import type { Context, Handler } from 'hono';
import { callerOf, tokenOf } from '../http/bearer.ts';
import { traceHeadersIn } from '../http/request/read-run.ts';
import { parseJson } from '../http/request/json-body.ts';
import type { McpDependencies } from './server.ts';

const PARSE_ERROR = -32_700;
const BOTH = 'application/json, text/event-stream';

/** `POST /mcp`: the agent as an MCP server. The SDK is loaded with the first request, so that it costs nothing before. */
export function mcp(dependencies: McpDependencies): Handler {
  let loaded: ReturnType<typeof load> | undefined;
  return async (c) => {
    const body = parseJson(await c.req.arrayBuffer());
    if (typeof body === 'string') {
      return c.json({ jsonrpc: '2.0', id: null, error: { code: PARSE_ERROR, message: body } }, 400);
    }
    loaded ??= load(dependencies);
    const { handler, authOf } = await loaded;
    const authInfo = authOf(callerOf(c), tokenOf(c) ?? '', traceHeadersIn(c));
    return handler.fetch(requestOf(c), { parsedBody: body.value, authInfo });
  };
}

async function load(dependencies: McpDependencies) {
  const { mcpServer, authOf } = await import('./server.ts');
  return { handler: mcpServer(dependencies), authOf };
}

/** The request without its body, which was read. A client that accepts anything accepts both types that the SDK asks for. */
function requestOf({ req }: Context): Request {
  const headers = new Headers(req.header());
  const accept = headers.get('Accept');
  if (accept === null || accept.includes('*/*')) headers.set('Accept', BOTH);
  return new Request(req.url, { method: req.method, headers, signal: req.raw.signal });
}
