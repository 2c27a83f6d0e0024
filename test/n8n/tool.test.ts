import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { outputOf } from './author.ts';
import { behindProxy, Site } from './site.ts';

describe("n8n's AI Agent with the agent as a tool", needs(missingN8n), () => {
  let site: Site;
  let model: AnthropicDouble;
  beforeAll(async () => {
    [site, model] = await Promise.all([
      Site.scripted(
        {
          slow: [
            { do: 'wait', ms: 2000 },
            { do: 'result', text: 'slow' },
          ],
        },
        {},
        behindProxy('nginx'),
      ),
      startAnthropicDouble(),
    ]);
    await site.author.useModelAt(model.url);
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await model.close();
  });

  /** What the model answers after it has called the tools that its prompt names. */
  const answerOf = async (prompt: string) => {
    const execution = await (await site.author.make('claude-as-a-tool', { ...site.input, prompt })).execute();
    expect(execution).toMatchObject({ status: 'success', data: { resultData: { lastNodeExecuted: 'Answer' } } });
    return String(outputOf(execution, 'Answer')[0]?.['answer']);
  };
  const call = (args: object, tool = 'Claude_run') => `[[tool:${tool} ${JSON.stringify(args)}]] do it`;

  it('gives the model the tools, and Claude a task', async () => {
    const answer = await answerOf(call({ prompt: 'of the model', lane: 'a-lane', labels: { from: 'n8n' } }));
    expect(answer).toContain('echo: of the model');
    const { runs } = (await (await site.agent.fetch('/runs?limit=1')).json()) as { runs: object[] };
    expect(runs).toMatchObject([{ success: true, labels: { from: 'n8n' }, request: { lane: 'a-lane' } }]);
    const { tools } = model.messages()[0]?.body as { tools: { name: string; input_schema: object }[] };
    expect(tools.map(({ name }) => name).sort()).toEqual(['Claude_get_run', 'Claude_run']);
    expect(tools.find(({ name }) => name === 'Claude_run')?.input_schema).toMatchObject({ required: ['prompt'] });
  });

  it('gives the model the id of a run that goes on, and its result later', async () => {
    const started = await answerOf(call({ prompt: 'slow', waitSeconds: 0 }));
    const id = /call get_run with \{\\*"id\\*":\\*"([0-9a-f-]{36})/i.exec(started)?.[1];
    expect(await answerOf(call({ id, waitSeconds: 50 }, 'Claude_get_run'))).toMatch(/"output\\*":\\*"slow/);
  });

  it('tells the model why a run was refused, and what to do', async () => {
    await site.agent.fetch('/pause', { method: 'POST', body: '{"reason": "maintenance"}' });
    const refused = await answerOf(call({ prompt: 'x' }));
    await site.agent.fetch('/resume', { method: 'POST' });
    expect(refused).toMatch(/Paused: .*\(maintenance\)\. The run was not accepted\. Try again after 60 seconds\./);
    expect(await answerOf(call({ prompt: 'x', sessionId: 'a chat' }))).toContain('`sessionId` must be');
  });
});
