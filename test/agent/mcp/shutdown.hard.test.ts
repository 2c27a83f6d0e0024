import { describe, expect, it } from 'vitest';
import { Agent, until } from '../../support/agent.ts';
import { McpClient } from '../../support/mcp.ts';

describe('a call of the tool run', () => {
  it('hands out the id of a run that waits when the agent shuts down, which executes it after the next start', async () => {
    await using leaving = await Agent.start({ prompts: { slow: [{ do: 'hang' }] }, env: { AGENT_GRACE_SECONDS: '1' } });
    await using client = await McpClient.connect(leaving);
    await leaving.submit('slow');
    await until(() => leaving.claude.begun().includes('slow'));
    const called = client.call('run', { prompt: 'waits' });
    await until(async () => (await leaving.health()).queued === 1);
    const ended = leaving.end('SIGTERM');
    const { content } = await called;
    expect(content).toMatchObject({ state: 'queued', hint: expect.stringContaining(content.id) as string });
    await ended;
    await leaving.start();
    await using again = await McpClient.connect(leaving);
    const { content: later } = await again.call('get_run', { id: content.id, waitSeconds: 50 });
    expect(later).toMatchObject({ output: 'echo: waits' });
  });
});
