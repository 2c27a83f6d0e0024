import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BudgetList } from '../../../agent/http/api/budget.ts';
import type { RunAnswer } from '../../../agent/http/api/run.ts';
import { startAnthropicDouble } from '../../doubles/anthropic/server.ts';
import { until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';
import { NamedRunners } from '../../support/named-runners.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER } from '../../support/runner.ts';

const RUNS = 4;
/** What an answer costs, with the model below, and besides it a few input tokens. */
const ANSWER_USD = 0.1;
/** So many answers spend the budget. */
const ENOUGH = 11;
const BUDGET_USD = 1.05;

describe('several runs under one budget, on runners', needs(NO_CONTAINER), () => {
  it('overspend it by one answer of the API at most for each run that goes on', async () => {
    const api = await startAnthropicDouble();
    await using runners = new NamedRunners({
      ...REAL_CLAUDE,
      AGENT_MODEL: 'claude-sonnet-5-5',
      ANTHROPIC_BASE_URL: api.url,
      AGENT_BUDGETS: JSON.stringify([{ usd: BUDGET_USD, per: 'month' }]),
    });
    const programs = [];
    for (let i = 0; i < RUNS; i++) programs.push(await runners.runner(2 + i));
    runners.name(programs);
    await runners.start();
    const { agent } = runners;
    await until(async () => (await agent.health()).slots === RUNS, 'the runners');

    const go = path.join(runners.folder, 'go');
    const prompt = [
      '[[usage:{"output_tokens":10000}]][[wait:50]]',
      `[[bash:until [ -e ${go} ]; do sleep 0.02; done]]`,
      ...Array<string>(ENOUGH * 2).fill('[[bash:true]]'),
    ].join(' ');
    const runs = Array.from({ length: RUNS }, (_, i) => agent.run(`${prompt} ${i}`));
    await until(() => api.messages().length === RUNS, 'the first answers');
    runners.release('go');
    const answers: RunAnswer[] = await Promise.all(runs);

    for (const { outcome, error } of answers) {
      expect(outcome).toBe('failed');
      expect(error).toMatch(/^The budget of \$1\.05 a month is spent .* The run was stopped\.$/);
    }
    const sent = api.messages().length;
    expect(sent).toBeGreaterThanOrEqual(ENOUGH);
    expect(sent).toBeLessThanOrEqual(ENOUGH + RUNS - 1);
    const { budgets } = (await (await agent.fetch('/budgets')).json()) as BudgetList;
    const spent = budgets[0]?.spentUsd ?? 0;
    console.info(`${RUNS} runs under $${BUDGET_USD}: ${sent} answers, $${spent.toFixed(2)} spent`);
    expect(spent).toBeGreaterThanOrEqual(BUDGET_USD);
    expect(spent).toBeLessThan(sent * (ANSWER_USD + 0.01));
    expect(answers.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0)).toBeCloseTo(spent, 6);
    expect((await agent.post({ prompt: 'x' })).status).toBe(429);
    expect(api.messages()).toHaveLength(sent);
    await api.close();
  });
});
