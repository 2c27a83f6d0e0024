import { describe, expect, test } from 'vitest';

import '../support/two-at-a-time.ts';
import { later, World } from './world.ts';

const RED = 'Claude needs a new login';
const GREEN = 'Claude works again';

describe.concurrent('a login that fails', () => {
  test('pauses the tagged workflows and sends one red card; once it works, they come back and one green card goes out', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    world.n8n.workflows.add('Mail_triage [urgent]');
    world.n8n.workflows.add('Off by hand', { published: false });
    world.n8n.workflows.add('Of others', { tags: ['other'] });
    world.n8n.workflows.add('On error', { nodes: ['errorTrigger', 'httpRequest'] });
    const before = world.published;
    world.agent.login = { state: 'auth_failed', cause: 'refused' };

    const red = await world.pass();
    expect(red.exitCode).toBe(57);
    expect(Object.keys(world.published).sort()).toEqual(['Of others', 'On error']);
    expect(world.titles).toEqual([RED]);
    expect(red.said).toMatch(/Paused 2 workflow\(s\) in n8n: .*Invoices/);
    expect((await world.pass()).exitCode).toBe(57);
    expect(world.titles).toHaveLength(1);

    world.agent.login = { state: 'ok' };
    const green = await world.pass();
    expect(green.exitCode).toBe(0);
    expect(world.published).toEqual(before);
    expect(world.titles).toEqual([RED, GREEN]);
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.teams.asked).toBe(2);
    expect(await world.state()).toEqual({ format: 1, listed: false, workflows: [] });
  });

  test('is reported again after four hours, and in the log every time', async () => {
    await using world = await World.make();
    world.agent.login = { state: 'auth_failed', cause: 'refused' };
    await world.pass();
    await world.amend((state) => later(state, 3.9));
    expect((await world.pass()).said).toContain('no longer works');
    expect(world.titles).toEqual([RED]);
    await world.amend((state) => later(state, 0.2));
    await world.pass();
    expect(world.titles).toEqual([RED, `Still: ${RED}`]);
  });
});

describe.concurrent('an outage', () => {
  test('is believed after two passes in a row, never asks for a login, and is over with the first good pass', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    world.agent.login = { state: 'outage', cause: 'anthropic_error' };
    expect((await world.pass()).exitCode).toBe(1);
    expect(world.titles).toEqual([]);
    expect(Object.keys(world.published)).toEqual(['Invoices']);
    await world.pass();
    expect(world.titles).toEqual(['Claude is not answering']);
    expect(JSON.stringify(world.teams.cards)).not.toMatch(/npm run login|Refresh Tokens/);
    expect(world.published).toEqual({});
    world.agent.login = { state: 'ok' };
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.titles).toEqual(['Claude is not answering', GREEN]);
    expect(Object.keys(world.published)).toEqual(['Invoices']);
  });

  test('of the agent itself counts too, but not after a single pass', async () => {
    await using world = await World.make();
    world.agent.login = { state: 'down' };
    expect((await world.pass()).exitCode).toBe(1);
    world.agent.login = { state: 'ok' };
    await world.pass();
    world.agent.login = { state: 'down' };
    await world.pass();
    expect(world.titles).toEqual([]);
    await world.pass();
    expect(world.titles).toEqual(['The Claude agent is not answering']);
  });
});

describe.concurrent('workflows that a person did something to meanwhile', () => {
  test('are left as that person wanted them, and named on the green card with what happened', async () => {
    await using world = await World.make();
    const { workflows } = world.n8n;
    for (const name of ['Edited', 'Archived', 'Deleted', 'On again', 'On and off again', 'Untouched'])
      workflows.add(name);
    const drafted = workflows.add('With a draft');
    workflows.edit(drafted.id);
    const before = world.published;
    world.agent.login = { state: 'auth_failed', cause: 'refused' };
    await world.pass();
    expect(world.published).toEqual({});

    workflows.edit(workflows.named('Edited').id);
    workflows.archive(workflows.named('Archived').id);
    workflows.remove(workflows.named('Deleted').id);
    for (const name of ['On again', 'On and off again']) workflows.publish(workflows.named(name).id, undefined);
    await world.pass();
    workflows.unpublish(workflows.named('On and off again').id);
    world.agent.login = { state: 'ok' };
    await world.pass();

    expect(world.published).toEqual({
      Untouched: before['Untouched'],
      'With a draft': before['With a draft'],
      'On again': before['On again'],
    });
    const green = JSON.stringify(world.teams.cards.at(-1));
    for (const named of [
      'Edited was edited',
      'Archived was archived',
      'Deleted was deleted',
      'On again was published by hand',
      'On and off again was published by hand',
    ]) {
      expect(green).toContain(named);
    }
    expect(green).toContain('Resumed workflows (2)');
  });

  test('are not switched on when the person was faster than the watchdog', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Faster');
    world.agent.login = { state: 'auth_failed' };
    const { id } = world.n8n.workflows.named('Faster');
    await world.pass([], { call: 4, when: 'before' });
    expect(await world.state()).toMatchObject({ listed: true, workflows: [{ step: 'planned' }] });
    world.n8n.workflows.unpublish(id);
    await world.pass();
    world.agent.login = { state: 'ok' };
    await world.pass();
    expect(world.published).toEqual({});
    expect(JSON.stringify(world.teams.cards)).toContain('Faster was unpublished by hand');
  });
});

describe.concurrent('n8n', () => {
  test('before 2.0 is paused and resumed by its older calls', async () => {
    await using world = await World.make({ generation: 'first' });
    world.n8n.workflows.add('Old');
    world.agent.login = { state: 'auth_failed' };
    await world.pass();
    expect(world.published).toEqual({});
    world.agent.login = { state: 'ok' };
    expect((await world.pass()).exitCode).toBe(0);
    expect(Object.keys(world.published)).toEqual(['Old']);
    expect(world.n8n.requests).toContain(`POST /workflows/${world.n8n.workflows.named('Old').id}/activate`);
  });

  test('of many pages loses none of them', async () => {
    await using world = await World.make();
    world.n8n.pageSize = 3;
    for (let count = 0; count < 10; count++) world.n8n.workflows.add(`Workflow ${count}`);
    const before = world.published;
    world.agent.login = { state: 'auth_failed' };
    await world.pass();
    expect(world.published).toEqual({});
    world.agent.login = { state: 'ok' };
    await world.pass();
    expect(world.published).toEqual(before);
  });

  test('that is down holds up no card; the workflows are paused, and resumed, by the first pass that can', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    const before = world.published;
    world.n8n.failing = 401;
    world.agent.login = { state: 'auth_failed' };
    const red = await world.pass();
    expect(red.exitCode).toBe(57);
    expect(red.said).toContain('n8n rejected the API key');
    expect(world.titles).toEqual([RED]);
    expect(JSON.stringify(world.teams.cards)).toContain('Workflows are paused as soon as n8n is available');
    world.n8n.failing = undefined;
    await world.pass();
    expect(world.published).toEqual({});

    world.n8n.failing = 401;
    world.agent.login = { state: 'ok' };
    expect((await world.pass()).exitCode).toBe(1);
    expect((await world.pass()).exitCode).toBe(1);
    expect(JSON.stringify(world.teams.cards.at(-1))).toContain('Still paused (1)');
    world.n8n.failing = undefined;
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.published).toEqual(before);
    expect(world.titles).toEqual([RED, GREEN, 'The workflows are back']);
  });
});

describe.concurrent('Teams', () => {
  test('is asked again as its Retry-After says', async () => {
    await using world = await World.make();
    world.teams.failures.push({ status: 429, retryAfter: '1' }, { status: 503, retryAfter: '0' });
    world.agent.login = { state: 'auth_failed' };
    expect((await world.pass()).exitCode).toBe(57);
    expect(world.teams.asked).toBe(3);
    expect(world.titles).toEqual([RED]);
  });

  test('that refuses stops nothing else, shows in log and exit code, and gets the card with the next pass', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    world.agent.login = { state: 'auth_failed' };
    await world.pass();
    world.teams.failures.push({ status: 404 });
    world.agent.login = { state: 'ok' };
    const pass = await world.pass();
    expect(pass.exitCode).toBe(1);
    expect(pass.said).toContain('could not be sent to Teams: HTTP 404; the workflow in Teams may have been deleted');
    expect(Object.keys(world.published)).toEqual(['Invoices']);
    expect(world.titles).toEqual([RED]);
    expect((await world.pass()).exitCode).toBe(0);
    expect(world.titles).toEqual([RED, GREEN]);
    expect(JSON.stringify(world.teams.cards.at(-1))).toContain('Resumed workflows (1)');
    expect(pass.everything).not.toContain('canary-webhook');
  });

  test('may be left out, and n8n too: then there is the log and the exit code', async () => {
    await using world = await World.make();
    const env = ['TEAMS_WEBHOOK_FILE', 'N8N_API_URL', 'N8N_API_KEY_FILE'].map((name) => [`WATCHDOG_${name}`, '']);
    Object.assign(world.env, Object.fromEntries(env));
    world.agent.login = { state: 'auth_failed' };
    const red = await world.pass();
    expect(red.exitCode).toBe(57);
    world.agent.login = { state: 'ok' };
    expect((await world.pass()).exitCode).toBe(0);
    expect(await world.state()).toEqual({ format: 1, listed: false, workflows: [] });
  });

  test('is not sent a card again that may have arrived, until a quarter of an hour later, and then the card says so', async () => {
    await using world = await World.make();
    world.agent.login = { state: 'auth_failed' };
    await world.pass([], { call: 4, when: 'before' });
    expect((await world.pass()).said).toContain('It is unknown whether the last card arrived');
    expect(world.titles).toEqual([]);
    await world.amend((state) => later(state, 0.3));
    await world.pass();
    expect(world.titles).toEqual([RED]);
    expect(JSON.stringify(world.teams.cards)).toContain('You may have received this card before');
    await world.pass();
    expect(world.titles).toHaveLength(1);
  });
});

describe.concurrent('a clock that was set back', () => {
  test('keeps no card for longer than a quarter of an hour', async () => {
    await using world = await World.make();
    world.agent.login = { state: 'auth_failed' };
    await world.pass([], { call: 4, when: 'before' });
    await world.amend((state) => later(state, -1));
    expect((await world.pass()).said).toContain(`Sent the card "${RED}" to Teams.`);
    expect(world.titles).toEqual([RED]);
  });
});

describe.concurrent('two passes at once', () => {
  test('act once', async () => {
    await using world = await World.make();
    for (const name of ['A', 'B', 'C']) world.n8n.workflows.add(name);
    world.agent.login = { state: 'auth_failed' };
    const passes = await Promise.all([world.pass(), world.pass(), world.pass()]);
    expect(passes.map(({ exitCode }) => exitCode)).toEqual([57, 57, 57]);
    expect(world.titles).toEqual([RED]);
    expect(world.n8n.requests.filter((request) => request.endsWith('/unpublish'))).toHaveLength(3);
  });
});

describe.concurrent('--dry-run', () => {
  test('reports what would be done, and does nothing', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    world.agent.login = { state: 'auth_failed' };
    const pass = await world.pass(['--dry-run']);
    expect(pass.exitCode).toBe(57);
    expect(pass.said).toContain('Would pause 1 workflow(s) in n8n with the tag claude-agent: Invoices.');
    expect(pass.said).toContain('Would send a card to Teams: trouble.');
    expect(world.teams.asked).toBe(0);
    expect(Object.keys(world.published)).toEqual(['Invoices']);
    expect(await world.state()).toEqual({ format: 1, listed: false, workflows: [] });
  });
});

describe.concurrent('maintenance', () => {
  test('is announced, pauses workflows and agent, hides what it breaks, and ends with everything back', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    const before = world.published;
    const start = await world.pass(['maintenance-start', '--reason', 'Upgrade of the nodes', '--expected-end', '90m']);
    expect(start.exitCode).toBe(0);
    expect(start.said).toContain('No run is active. The maintenance can begin.');
    expect(world.titles).toEqual(['Maintenance of the Claude agent']);
    const blue = JSON.stringify(world.teams.cards);
    for (const said of ['Upgrade of the nodes', 'Expected end', 'Invoices']) expect(blue).toContain(said);
    expect(world.published).toEqual({});
    expect(world.agent.paused?.reason).toMatch(/^Maintenance since .*: Upgrade of the nodes$/);

    world.agent.login = { state: 'down' };
    for (let pass = 0; pass < 2; pass++) await world.pass();
    const early = await world.pass(['maintenance-end']);
    expect(early.exitCode).toBe(1);
    expect(early.said).toContain('The maintenance continues');
    expect(world.titles).toHaveLength(1);

    world.agent.login = { state: 'ok' };
    expect((await world.pass(['maintenance-end'])).exitCode).toBe(0);
    expect(world.agent.paused).toBeUndefined();
    expect(world.published).toEqual(before);
    expect(world.titles).toEqual(['Maintenance of the Claude agent', 'Maintenance is over']);
  });

  test('that ends with a dead login becomes a red card, and the next good pass brings everything back', async () => {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    await world.pass(['maintenance-start']);
    world.agent.login = { state: 'auth_failed', cause: 'no_credential' };
    expect((await world.pass(['maintenance-end'])).exitCode).toBe(57);
    expect(world.agent.paused).toBeUndefined();
    expect(world.published).toEqual({});
    world.agent.login = { state: 'ok' };
    await world.pass();
    expect(Object.keys(world.published)).toEqual(['Invoices']);
    expect(world.titles).toEqual(['Maintenance of the Claude agent', RED, GREEN]);
  });

  test('leaves a pause that someone else made, and reports it', async () => {
    await using world = await World.make();
    world.agent.paused = { since: '2026-01-01T00:00:00.000Z', reason: 'Do not touch' };
    await world.pass(['maintenance-start']);
    const end = await world.pass(['maintenance-end']);
    expect(end.said).toContain('The agent stays paused by someone else: Do not touch');
    expect(world.agent.paused.reason).toBe('Do not touch');
  });

  test('waits for the run that is going on, and fails where that does not end', async () => {
    await using world = await World.make();
    world.agent.activeRequests = 1;
    world.env['WATCHDOG_DRAIN_SECONDS'] = '1';
    const start = await world.pass(['maintenance-start']);
    expect(start.exitCode).toBe(1);
    expect(start.said).toContain('A run is still active after 1 s');
  });

  test.each([
    [['maintenance-start', '--expected-end', 'soon'], 'the expected end'],
    [['maintenance-start', '--expected-end', '2020-01-01T00:00Z'], 'the expected end'],
    [['maintenance-start', '--reason', ' '], 'the reason'],
    [['maintenance-begin'], 'unknown command "maintenance-begin"'],
    [['--reason', 'x'], 'options of maintenance-start'],
    [['--now'], "Unknown option '--now'"],
  ])('%j is refused before anything is done', async (args, said) => {
    await using world = await World.make();
    const pass = await world.pass(args);
    expect(pass.exitCode).toBe(1);
    expect(pass.said).toContain(said);
    expect([world.teams.asked, world.n8n.requests, world.agent.requests]).toEqual([0, [], []]);
  });
});
