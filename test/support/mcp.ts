import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { RunResource } from '../../agent/http/api/run.ts';
import { TOKEN, type Agent } from './agent.ts';

/** What a tool returned. */
export interface Called {
  readonly isError: boolean;
  /** The text that a model reads. */
  readonly text: string;
  readonly content: RunResource & { readonly hint?: string; readonly runs?: readonly RunResource[] };
}

/** The official client, connected to the agent. It checks each result against the schema of its tool. */
export class McpClient implements AsyncDisposable {
  readonly client: Client;

  private constructor(client: Client) {
    this.client = client;
  }

  /** @param version of the protocol: the current one, which has no sessions, or those before. */
  static async connect(
    { url }: Pick<Agent, 'url'>,
    token = TOKEN,
    version: 'modern' | 'legacy' = 'legacy',
  ): Promise<McpClient> {
    const client = new Client(
      { name: 'test', version: '1' },
      version === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {},
    );
    const requestInit = { headers: { Authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
    await client.listTools();
    return new McpClient(client);
  }

  /** @param onProgress gets the messages about the progress; without, none are asked for. */
  async call(
    name: string,
    args: Record<string, unknown> = {},
    onProgress?: (message: string) => void,
  ): Promise<Called> {
    const result = await this.client.callTool(
      { name, arguments: args },
      onProgress && { onprogress: ({ message }) => onProgress(message ?? '') },
    );
    const [first] = result.content;
    return {
      isError: result.isError === true,
      text: first?.type === 'text' ? first.text : '',
      content: result.structuredContent as Called['content'],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** Sends a body to `POST /mcp`. */
export function postMcp(agent: Agent, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return agent.fetch('/mcp', {
    method: 'POST',
    body: text,
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
  });
}

/** A JSON-RPC request that calls a tool. */
export const callOf = (id: number, name: string, args: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});
