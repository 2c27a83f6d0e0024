import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BudgetList } from '../../../agent/http/api/budget.ts';
import type { Problem } from '../../../agent/http/api/problem.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent } from '../../support/agent.ts';
import { AS_ROOT, REAL_CLAUDE } from '../../support/claude.ts';

/** Ten cents an answer, with the model below. */
const TEN_CENTS = '[[usage:{"output_tokens":10000}]]';
const MODEL = 'claude-sonnet-5-5';

describe('an agent with budgets', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  const start = async (budgets: readonly object[]) => {
    agent = await Agent.start({
      env: {
        ...REAL_CLAUDE,
        ...AS_ROOT,
        AGENT_MODEL: MODEL,
        AGENT_AUTH_MODE: 'apiKey',
        ANTHROPIC_API_KEY: 'sk-ant-api03-test',
        ANTHROPIC_BASE_URL: api.url,
        AGENT_BUDGETS: JSON.stringify(budgets),
      },
    });
  };
  const listed = async () => (await (await agent.fetch('/budgets')).json()) as BudgetList;
  beforeEach(async () => {
    api = await startAnthropicDouble();
  });
  afterEach(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  it('ends a run that is over it after the answer that crosses it, and refuses the next ones', async () => {
    await start([
      { usd: 0.25, per: 'month' },
      { usd: 0.15, per: 'month', label: 'workflow' },
    ]);
    const labels = { workflow: 'loop' };
    const answer = await agent.run(`${TEN_CENTS} ${'[[bash:true]] '.repeat(5)} x`, { labels });
    expect(answer).toMatchObject({ outcome: 'failed' });
    expect(answer.error).toMatch(
      /^The budget of \$0\.15 a month of runs with the label workflow="loop" is spent \(\$0\.20\)\. It resets at .*-01T00:00:00\.000Z\. The run was stopped\.$/,
    );
    expect(api.messages()).toHaveLength(2);
    expect(answer.costUsd).toBeCloseTo(0.2, 3);

    const refused = await agent.post({ prompt: 'x', labels });
    expect(refused.status).toBe(429);
    const { type, resetsAt = '', detail } = (await refused.json()) as Problem;
    expect(type).toBe('urn:claude-code-agent:problem:budget-spent');
    expect(detail).toContain('The run was not accepted.');
    const seconds = (Date.parse(resetsAt) - Date.now()) / 1000;
    expect(Math.abs(Number(refused.headers.get('Retry-After')) - seconds)).toBeLessThan(30);
    expect(api.messages()).toHaveLength(2);

    // Another workflow still has what is left for all, but not more.
    const other = await agent.run(`${TEN_CENTS} [[bash:true]] x`, { labels: { workflow: 'other' }, maxBudgetUsd: 1 });
    expect(other.error).toMatch(/^The budget of \$0\.25 a month is spent \(\$0\.30\)\. .* The run was stopped\.$/);
    expect(api.messages()).toHaveLength(3);

    await agent.crash();
    const { budgets } = await listed();
    expect(budgets.map(({ usd, value, leftUsd }) => [usd, value, leftUsd > 0])).toEqual([
      [0.25, undefined, false],
      [0.15, 'loop', false],
      [0.15, 'other', true],
    ]);
    expect((await agent.post({ prompt: 'x' })).status).toBe(429);
    const metrics = await (await agent.fetch('/metrics')).text();
    expect(metrics).toMatch(/claude_agent_budget_spent_usd\{per="month",caller="",label=""\} 0\.3/);
    expect(metrics).toMatch(/claude_agent_budget_spent_usd\{per="month",caller="",label="workflow"\} 0\.2/);
    expect(metrics).toContain('claude_agent_budget_usd{per="month",caller="",label="workflow"} 0.15');
  });

  it('lets runs be that stay within it, and passes on a smaller limit of their own', async () => {
    await start([{ usd: 5, per: 'day' }]);
    const answer = await agent.run(`${TEN_CENTS} hello`);
    expect(answer).toMatchObject({ outcome: 'succeeded' });
    const limited = await agent.run(`${TEN_CENTS} [[bash:true]] x`, { maxBudgetUsd: 0.05 });
    expect(limited).toMatchObject({ outcome: 'failed' });
    expect(limited.error).not.toContain('The budget of');
    expect((await listed()).budgets).toMatchObject([
      { usd: 5, per: 'day', spentUsd: expect.closeTo(0.2, 3) as number },
    ]);
  });
});
