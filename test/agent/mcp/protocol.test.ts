import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Agent, until, WITHOUT_TOKEN } from '../../support/agent.ts';
import { callOf, McpClient, postMcp } from '../../support/mcp.ts';

const initialize = (protocolVersion: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});
/** The messages of a stream. */
const messagesIn = async (response: Response) =>
  [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(
    ([, data]) => JSON.parse(data ?? '') as { id: number; result: Record<string, unknown> },
  );
const errorIn = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as { error: { code: number; message: string } }).error,
});

describe('POST /mcp', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());
  const accepted = async () => ((await (await agent.fetch('/runs')).json()) as { runs: unknown[] }).runs.length;

  it('speaks each version of the protocol, and offers a newer one to a client with an unknown one', async () => {
    for (const version of ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']) {
      const [message] = await messagesIn(await postMcp(agent, initialize(version)));
      expect(message?.result).toMatchObject({
        protocolVersion: version,
        serverInfo: { name: 'claude-code-agent' },
        capabilities: { tools: {} },
      });
    }
    const [old] = await messagesIn(await postMcp(agent, initialize('2023-01-01')));
    expect(old?.result).toMatchObject({ protocolVersion: '2025-11-25' });
    await using modern = await McpClient.connect(agent, undefined, 'modern');
    expect(modern.client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
  });

  it('refuses a later request with a version that does not exist', async () => {
    const refused = await postMcp(agent, callOf(1, 'run', { prompt: 'x' }), { 'MCP-Protocol-Version': '2023-01-01' });
    const error = await errorIn(refused);
    expect(error).toMatchObject({ status: 400, message: expect.stringContaining('2023-01-01') as string });
    expect(error.message).toContain('2025-11-25');
    expect(await accepted()).toBe(0);
  });

  it('needs no session: each request stands alone', async () => {
    const [message] = await messagesIn(await postMcp(agent, callOf(7, 'list_runs', {})));
    expect(message).toMatchObject({ id: 7, result: { structuredContent: { runs: [], next: null } } });
    for (const method of ['GET', 'DELETE']) {
      const response = await agent.fetch('/mcp', { method, headers: { Accept: 'text/event-stream' } });
      expect({ status: response.status, allow: response.headers.get('Allow') }).toEqual({ status: 405, allow: 'POST' });
    }
    expect((await postMcp(agent, { jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202);
  });

  it('refuses what is no message, and says why', async () => {
    expect(await errorIn(await postMcp(agent, '{"jsonrpc": '))).toMatchObject({
      status: 400,
      code: -32_700,
      message: expect.stringContaining('not valid JSON') as string,
    });
    expect(await errorIn(await postMcp(agent, ''))).toMatchObject({
      message: expect.stringContaining('empty') as string,
    });
    for (const body of ['5', '"x"', 'null', '{}', '[]', '[[]]', '{"jsonrpc": "1.0", "id": 1, "method": "ping"}']) {
      expect((await errorIn(await postMcp(agent, body))).status, body).toBe(400);
    }
    expect((await postMcp(agent, '{}', { 'Content-Type': 'text/plain' })).status).toBe(415);
    expect((await postMcp(agent, `"${'x'.repeat(2_000_000)}"`)).status).toBe(413);
    expect((await postMcp(agent, initialize('2025-11-25'), { Accept: 'application/json' })).status).toBe(406);
  });

  it('executes a small batch, and nothing of a batch of a thousand calls', async () => {
    const batch = (size: number) =>
      Array.from({ length: size }, (_, at) => callOf(at, 'run', { prompt: `call ${at}` }));
    const refused = await errorIn(await postMcp(agent, batch(1000)));
    expect(refused).toMatchObject({ status: 400, message: expect.stringContaining('100') as string });
    expect(await accepted()).toBe(0);
    const responses = await messagesIn(await postMcp(agent, batch(3)));
    expect(responses.map(({ id }) => id).sort()).toEqual([0, 1, 2]);
    // Of two requests with the same id one gets no response, but the agent goes on.
    const [same] = batch(1);
    await (await postMcp(agent, [same, same])).text();
    await until(async () => (await accepted()) === 5);
    for (const { id, result } of responses) {
      expect(result['structuredContent']).toMatchObject({ output: `echo: call ${id}` });
    }
  });

  it('is closed without a token, and to web pages of other sites', async () => {
    const unknown = await postMcp(agent, initialize('2025-11-25'), { Authorization: 'Bearer unknown' });
    expect(unknown.status).toBe(401);
    expect(unknown.headers.get('WWW-Authenticate')).toContain('Bearer');
    expect((await postMcp(agent, initialize('2025-11-25'), WITHOUT_TOKEN.headers)).status).toBe(401);
    const foreign = await postMcp(agent, initialize('2025-11-25'), { Origin: 'https://evil.example' });
    expect(foreign.status).toBe(403);
    expect((await postMcp(agent, initialize('2025-11-25'), { Origin: agent.url })).status).toBe(200);
  });

  it('finishes the run of a client that leaves', async () => {
    const leaving = new AbortController();
    const response = await agent.fetch('/mcp', {
      method: 'POST',
      body: JSON.stringify(callOf(1, 'run', { prompt: 'of one who leaves' })),
      headers: { 'Content-Type': 'application/json' },
      signal: leaving.signal,
    });
    leaving.abort();
    await response.text().catch(() => undefined);
    await until(async () => {
      const { runs } = (await (await agent.fetch('/runs?state=ended&limit=1')).json()) as {
        runs: { success: boolean }[];
      };
      return runs[0]?.success === true && agent.claude.begun().includes('of one who leaves');
    });
  });
});
