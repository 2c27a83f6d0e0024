import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Transcript } from '../../../agent/http/api/transcript.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { contentOf, DecidedAgent, inside } from './deciding.ts';

let api: AnthropicDouble;
let agent: DecidedAgent;
beforeAll(async () => {
  api = await startAnthropicDouble();
  agent = new DecidedAgent(api);
  await agent.start();
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await api.close();
});

const QUESTION = {
  questions: [
    {
      question: 'Which colour?',
      header: 'Colour',
      options: [
        { label: 'Red', description: 'r' },
        { label: 'Blue', description: 'b' },
      ],
      multiSelect: false,
    },
  ],
};

describe('a run with rules for what a person must allow', () => {
  it('waits, and uses the tool when a person allows it', async () => {
    const file = agent.file('allowed');
    const id = await agent.submit(`[[bash:echo done > ${file}]] x`, { approve: ['Bash'] });
    const [decision] = await agent.asked(id);
    expect(decision).toMatchObject({ tool: 'Bash', input: { command: `echo done > ${file}` } });
    expect(await agent.get(id)).toMatchObject({ state: 'waiting', request: { approve: ['Bash'] } });
    const listed = (await (await agent.fetch('/runs?state=waiting')).json()) as { runs: { id: string }[] };
    expect(listed.runs).toMatchObject([{ id, state: 'waiting' }]);
    expect(await (await agent.fetch('/metrics')).text()).toMatch(/^claude_agent_waiting_runs 1$/m);
    expect(contentOf(file)).toBeUndefined();

    const response = await agent.decide(id, decision?.id ?? '', { allow: true });
    expect(await response.json()).toMatchObject({ id, decisions: [{ by: 'operator', allowed: true }] });
    const run = await agent.ended(id);
    expect(run).toMatchObject({
      outcome: 'succeeded',
      decisions: [{ id: decision?.id, by: 'operator', allowed: true }],
    });
    expect(contentOf(file)).toBe('done\n');
    const { steps } = (await (await agent.fetch(`/runs/${id}/transcript`)).json()) as Transcript;
    const [asked, decided, ...more] = steps.filter(({ type }) => type === 'decision');
    expect(asked).toMatchObject({ decisionId: decision?.id, tool: 'Bash' });
    expect(asked).not.toHaveProperty('allowed');
    expect(decided).toMatchObject({ decisionId: decision?.id, by: 'operator', allowed: true });
    expect(more).toEqual([]);

    const again = await agent.decide(id, decision?.id ?? '', { allow: false });
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({
      detail: expect.stringMatching(/by: operator\. The call was allowed/) as string,
    });
  });

  it('tells Claude the reason of a denial, and goes on', async () => {
    const file = agent.file('denied');
    const id = await agent.submit(`[[bash:touch ${file}]] x`, { approve: ['Bash'] });
    await agent.next(id, { allow: false, message: 'not on a Friday' });
    const run = await agent.ended(id);
    expect(run).toMatchObject({ outcome: 'succeeded', output: 'tool: not on a Friday' });
    expect(run).toMatchObject({ decisions: [{ allowed: false, message: 'not on a Friday' }] });
    expect(contentOf(file)).toBeUndefined();
  });

  it('asks for a call of a sub-agent', async () => {
    const file = agent.file('sub');
    const task = { description: 'd', prompt: `[[bash:touch ${file}]] sub`, subagent_type: 'general-purpose' };
    const id = await agent.submit(`[[tool:Agent ${inside(JSON.stringify(task))}]] x`, { approve: ['Bash'] });
    await agent.next(id, { allow: true });
    expect(await agent.ended(id)).toMatchObject({ outcome: 'succeeded' });
    expect(contentOf(file)).toBe('');
  });

  it('has the questions of Claude answered', async () => {
    const id = await agent.submit(`[[tool:AskUserQuestion ${JSON.stringify(QUESTION)}]] x`, { askQuestions: true });
    const [decision] = await agent.asked(id);
    expect(decision).toMatchObject({ question: 'Which colour?', choices: ['Red', 'Blue'] });
    const of = (body: object) => agent.decide(id, decision?.id ?? '', body);
    expect((await of({ allow: true })).status).toBe(400);
    expect((await of({ answers: { 'Which size?': 'Red' } })).status).toBe(400);
    expect((await of({ answers: { 'Which colour?': 'Blue' } })).status).toBe(200);
    expect((await agent.ended(id)).output).toContain('"Which colour?"="Blue"');
  });
});
