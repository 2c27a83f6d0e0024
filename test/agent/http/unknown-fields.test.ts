import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Problem } from '../../../agent/http/api/problem.ts';
import { Agent } from '../../support/agent.ts';

let agent: Agent;
beforeAll(async () => {
  agent = await Agent.start();
});
afterAll(() => agent[Symbol.asyncDispose]());

const sendTo = (route: string, body: object) =>
  agent.fetch(route, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ prompt: 'refused', ...body }),
  });
const refusal = async (route: string, body: object) => {
  const response = await sendTo(route, body);
  expect(response.status).toBe(400);
  return (await response.json()) as Problem;
};

describe('unknown fields of a run', () => {
  it.each([
    ['system_prompt', 'systemPrompt'],
    ['workingDir', 'workdir'],
    ['working_directory', 'workdir'],
    ['timeoutMs', 'timeout'],
    ['outputShema', 'outputSchema'],
    ['callback_url', 'callbackUrl'],
  ])('are ignored by POST /run; for %s it suggests %s', async (name, meant) => {
    const { success, warnings } = await agent.run('go on', { [name]: 1 });
    expect({ success, warnings }).toEqual({
      success: true,
      warnings: [`The field "${name}" is unknown and was ignored. Did you mean \`${meant}\`?`],
    });
  });

  it.each([
    ['disallowed_tools', 'disallowedTools'],
    ['DisallowedTools', 'disallowedTools'],
    ['deniedTools', 'disallowedTools'],
    ['allowed-tools', 'allowedTools'],
    ['permission_mode', 'permissionMode'],
    ['max_turns', 'maxTurns'],
    ['maxTurn', 'maxTurns'],
    ['max_budget_usd', 'maxBudgetUsd'],
    ['tools', 'disallowedTools'],
    ['readOnly', 'permissionMode'],
  ])('are refused by both paths if they limit a run: %s, which is %s', async (name, meant) => {
    for (const route of ['/run', '/runs']) {
      const { errors } = await refusal(route, { [name]: 1 });
      expect(errors).toHaveLength(1);
      expect(errors?.[0]).toMatchObject({ field: name });
      expect(errors?.[0]?.message).toContain(`\`${name}\` is not a field of a run.`);
      expect(errors?.[0]?.message).toContain(`\`${meant}\``);
    }
  });

  it('are listed only up to a limit', async () => {
    const names = Array.from({ length: 110_001 }, (_, at) => at.toString(36)).filter((name) => name !== 'git');
    const many = Object.fromEntries(names.map((name) => [name, 1]));
    const response = await sendTo('/run', { ...many, prompt: 'with many' });
    expect(response.status).toBe(200);
    const { warnings } = (await response.json()) as { warnings: string[] };
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toBe('109990 more fields are unknown and were ignored.');
    const { errors, detail } = await refusal('/runs', many);
    expect(errors).toHaveLength(10);
    expect(detail).toContain('109990 more unknown fields are not listed.');
  });

  it('are cut if they are long', async () => {
    const { errors } = await refusal('/runs', { ['x'.repeat(500_000)]: 1 });
    expect(errors?.[0]?.field).toBe(`${'x'.repeat(100)}…`);
    expect(errors?.[0]?.message.length).toBeLessThan(200);
  });

  it('start nothing if one is refused', () => {
    expect(agent.claude.begun()).not.toContain('refused');
  });
});
