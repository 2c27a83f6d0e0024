import { createHash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { Agent } from '../support/agent.ts';
import { endless } from '../support/misbehaving.ts';
import '../support/two-at-a-time.ts';
import { budget } from './agent-double.ts';
import { TOKEN } from './double.ts';
import { later, World } from './world.ts';

const RED = 'Claude needs a new login';
const ONE = 'A Claude budget is nearly spent';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe.concurrent('a pass', () => {
  test('sends one card about all budgets that are nearly spent, and none again until they reset', async () => {
    await using world = await World.make();
    const own = { label: 'workflow', value: 'Invoices' };
    world.agent.budgets = [budget(), budget(own), budget({ ...own, value: 'Mail', spentUsd: 7 })];
    const first = await world.pass();
    expect(first.exitCode).toBe(0);
    expect(first.said).toContain('Sent the card "2 Claude budgets are nearly spent" to Teams.');
    world.agent.budgets = [budget({ spentUsd: 12 }), budget(own), budget({ ...own, value: 'Mail', spentUsd: 8 })];
    await world.pass();
    await world.pass();
    expect(world.titles).toEqual(['2 Claude budgets are nearly spent', ONE]);
    expect(JSON.stringify(world.teams.cards[1])).not.toContain('Invoices');
    await world.amend((state) => later(state, 24));
    await world.pass();
    expect(world.titles.at(-1)).toBe('3 Claude budgets are spent or nearly spent');
    await world.amend((state) => later(state, 24));
    world.agent.budgets = [];
    await world.pass();
    expect(await world.state()).toEqual({ format: 1, listed: false, workflows: [] });
  });

  test('sends it again a quarter of an hour after it may have arrived, says so, and then no more', async () => {
    await using world = await World.make();
    world.agent.budgets = [budget()];
    await world.pass([], { call: 3, when: 'after' });
    expect(world.titles).toEqual([ONE]);
    const soon = await world.pass();
    expect(soon.said).toContain('It is unknown whether the last card arrived');
    expect(soon.exitCode).toBe(1);
    await world.amend((state) => later(state, 0.3));
    await world.pass();
    expect(JSON.stringify(world.teams.cards[1])).toContain('You may have received this card before');
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.titles).toEqual([ONE, ONE]);
  });

  test('leaves a card that Teams refuses to the next pass', async () => {
    await using world = await World.make();
    world.agent.budgets = [budget()];
    world.teams.failures.push({ status: 404 });
    const refused = await world.pass();
    expect(refused.exitCode).toBe(1);
    expect(refused.said).toContain(`The card "${ONE}" could not be sent to Teams: HTTP 404`);
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.titles).toEqual([ONE]);
    expect(JSON.stringify(world.teams.cards)).not.toContain('You may have received this card before');
  });

  test('sends the card of a failed login, too, and that first', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    world.agent.budgets = [budget()];
    world.agent.login = { state: 'auth_failed', cause: 'refused' };
    expect((await world.pass()).exitCode).toBe(57);
    expect(world.titles).toEqual([RED, ONE]);
    expect(world.published).toEqual({});
  });

  test('tells of no budget during a maintenance, and of each after it', async () => {
    await using world = await World.make();
    const [announced, over] = ['Maintenance of the Claude agent', 'Maintenance is over'];
    await world.pass(['maintenance-start']);
    world.agent.budgets = [budget()];
    await world.pass();
    await world.pass(['maintenance-end']);
    expect(world.titles).toEqual([announced, over]);
    await world.pass();
    expect(world.titles).toEqual([announced, over, ONE]);
  });

  test('with --dry-run says what card it would send, and sends none', async () => {
    await using world = await World.make();
    world.agent.budgets = [budget(), budget({ per: 'month' })];
    expect((await world.pass(['--dry-run'])).said).toContain('Would send a card to Teams: 2 budget(s) nearly spent.');
    expect(world.titles).toEqual([]);
    expect(await world.state()).toEqual({ format: 1, listed: false, workflows: [] });
  });

  test.each([404, 403, 401])('asks an agent that answers HTTP %i for its budgets without a word', async (status) => {
    await using world = await World.make();
    world.agent.budgets = status;
    const { exitCode, logged } = await world.pass();
    expect([exitCode, logged.length]).toEqual([0, 1]);
    expect(world.agent.requests).toEqual(['POST /auth/check', 'GET /budgets']);
  });

  test.each([
    [500, 'the agent answered GET /budgets with HTTP 500'],
    ['<html>', "the agent's answer to GET /budgets is invalid"],
    ['{"budgets":[{"usd":0}]}', "the agent's answer to GET /budgets is invalid"],
  ] as const)('finds out the same about the login if the budgets are %j, and logs that', async (answer, why) => {
    await using world = await World.make();
    world.agent.budgets = answer;
    const well = await world.pass();
    expect(well.exitCode).toBe(0);
    expect(well.said).toContain(`It is unknown how much of the budgets is spent: ${why}. The next pass asks again.`);
    world.agent.login = { state: 'auth_failed' };
    expect((await world.pass()).exitCode).toBe(57);
    expect(world.titles).toEqual([RED]);
  });

  test('does not ask an agent for its budgets that does not answer', async () => {
    await using world = await World.make();
    await using agent = await endless(200);
    world.env['WATCHDOG_AGENT_URL'] = agent.url;
    expect((await world.pass()).said).not.toContain('budgets');
  });

  test('reads five thousand budgets', async () => {
    await using world = await World.make();
    world.agent.budgets = Array.from({ length: 5000 }, (_, index) =>
      budget({ label: 'workflow', value: `${index}`.padEnd(200, 'ä') }),
    );
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.titles).toEqual(['5000 Claude budgets are nearly spent']);
    expect((await world.state()).budgets).toHaveLength(5000);
  });

  test("asks a real agent with the watchdog's token, and tells of what a run has spent there", async () => {
    await using world = await World.make();
    const [budgets, prompt] = [[{ usd: 1, per: 'month', label: 'workflow' }], 'Hi'];
    const result = { type: 'result', subtype: 'success', is_error: false, result: 'Hello', total_cost_usd: 0.9 };
    await using agent = new Agent({
      prompts: { [prompt]: [{ do: 'event', event: result }] },
      env: {
        AGENT_AUTH_MODE: 'apiKey',
        ANTHROPIC_API_KEY: 'sk-ant-api03-test',
        AGENT_WATCHDOG_TOKEN_SHA256: sha256(TOKEN),
        AGENT_BUDGETS: JSON.stringify(budgets),
      },
    });
    await agent.start();
    expect(await agent.run(prompt, { labels: { workflow: 'Invoices' } })).toMatchObject({ success: true });
    world.env['WATCHDOG_AGENT_URL'] = agent.url;
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.titles).toEqual([ONE]);
    expect(JSON.stringify(world.teams.cards)).toContain(
      String.raw`• $1.00 per month for workflow \"Invoices\": $0.90 spent (90 %), $0.10 left; it resets at`,
    );
  });
});
