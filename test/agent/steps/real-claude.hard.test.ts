import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Transcript } from '../../../agent/http/api/transcript.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

const KEY = 'sk-ant-api03-of-this-test';

describe('what the real CLI did', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  beforeAll(async () => {
    api = await startAnthropicDouble();
    const env = { ANTHROPIC_BASE_URL: api.url, AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: KEY };
    agent = await Agent.start({ env: { ...REAL_CLAUDE, ...env } });
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  const stepsOf = async (prompt: string, fields: object = {}) => {
    const { runId } = await agent.run(prompt, fields);
    return ((await (await agent.fetch(`/runs/${runId}/transcript`)).json()) as Transcript).steps;
  };

  it('is tools, errors and retries in their order, without the key in its environment', async () => {
    const tools = '[[bash:echo key $ANTHROPIC_API_KEY; exit 3]][[tool:Write {"file_path":"a.txt","content":"hi"}]]';
    const steps = await stepsOf(`${tools}[[tool:Read {"file_path":"a.txt"}]][[fail:overloaded]][[times:1]] go`);
    expect(steps.map(({ type }) => type)).toEqual([
      'retry',
      ...['tool_call', 'tool_result', 'tool_call', 'tool_result', 'tool_call', 'tool_result'],
      'text',
    ]);
    expect(steps[0]).toMatchObject({ status: 529, error: 'overloaded' });
    expect(steps[1]).toMatchObject({ tool: 'Bash', input: { command: 'echo key $ANTHROPIC_API_KEY; exit 3' } });
    expect(steps[2]).toMatchObject({ isError: true, output: expect.stringContaining('key [masked]') as string });
    expect(steps[3]).toMatchObject({ tool: 'Write', input: { file_path: 'a.txt', content: 'hi' } });
    expect(steps[6]).toMatchObject({ output: expect.stringContaining('hi') as string, isError: false });
    expect(JSON.stringify(steps)).not.toContain(KEY);
  });

  it('is a denied call once', async () => {
    const steps = await stepsOf('[[bash:touch x]] no', { permissionMode: 'dontAsk' });
    expect(steps.map(({ type }) => type)).toEqual(['tool_call', 'denied', 'tool_result', 'text']);
  });

  it('is a sub-agent with its own steps', async () => {
    const task = { description: 'd', prompt: '[[bash:echo done-$((40+2))]] sub', subagent_type: 'general-purpose' };
    const input = JSON.stringify(task).replaceAll('[', '\\u005b').replaceAll(']', '\\u005d');
    const steps = await stepsOf(`[[tool:Agent ${input}]] delegate`);
    const started = steps.find((step) => step.type === 'tool_call' && step.tool === 'Agent');
    const id = started?.type === 'tool_call' ? started.toolUseId : '';
    const within = steps.filter(({ parentToolUseId }) => parentToolUseId === id);
    expect(within).toMatchObject([
      { type: 'tool_call', tool: 'Bash' },
      { type: 'tool_result', output: 'done-42' },
    ]);
  });
});
