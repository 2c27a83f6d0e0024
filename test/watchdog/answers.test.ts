import { describe, expect, test } from 'vitest';

import { endless, raw } from '../support/misbehaving.ts';
import '../support/two-at-a-time.ts';
import { World } from './world.ts';

const MIB = 1024 * 1024;
const RED = 'Claude needs a new login';

describe.concurrent('an answer without an end', () => {
  test('of the agent is read to a bound, and counts as none', async () => {
    await using world = await World.make();
    await using agent = await endless(200);
    world.env['WATCHDOG_AGENT_URL'] = agent.url;
    const pass = await world.pass();
    expect(pass.exitCode).toBe(1);
    expect(pass.said).toContain("the agent's answer is invalid: it is longer than 64 KiB");
    expect(agent.sent).toBeLessThan(16 * MIB);
  });

  test('of n8n is read to a bound, by smaller pages too, and holds up no card', async () => {
    await using world = await World.make();
    await using n8n = await endless(200);
    world.env['WATCHDOG_N8N_API_URL'] = n8n.url;
    world.agent.login = { state: 'auth_failed' };
    const pass = await world.pass();
    expect(pass.exitCode).toBe(57);
    expect(pass.said).toContain('larger than the 16 MiB that the watchdog reads');
    expect(n8n.sent).toBeLessThan(8 * 32 * MIB);
    expect(world.titles).toEqual([RED]);
  });

  test('of Teams accepts or refuses the card by its status', async () => {
    await using world = await World.make();
    await using teams = await endless(202);
    world.webhook = teams.url;
    world.agent.login = { state: 'auth_failed' };
    expect((await world.pass()).said).toContain(`Sent the card "${RED}" to Teams.`);
    expect(teams.sent).toBeLessThan(16 * MIB);
    expect(await world.state()).not.toHaveProperty('card');
  });
});

describe.concurrent('an n8n', () => {
  test('whose workflows are large is asked for fewer at once, and all of them are paused', async () => {
    await using world = await World.make();
    const { workflows } = world.n8n;
    for (let count = 0; count < 20; count++) workflows.add(`Large ${count}`, { nodes: ['x'.repeat(MIB)] });
    const before = world.published;
    world.agent.login = { state: 'auth_failed' };
    await world.pass();
    expect(world.published).toEqual({});
    world.agent.login = { state: 'ok' };
    await world.pass();
    expect(world.published).toEqual(before);
  });

  test('that redirects is reported, and its API key goes nowhere else', async () => {
    await using world = await World.make();
    await using n8n = await raw('HTTP/1.1 302 Found\r\nLocation: https://n8n.example.com/login?x=1\r\n\r\n');
    world.env['WATCHDOG_N8N_API_URL'] = n8n.url;
    world.agent.login = { state: 'auth_failed' };
    const { said } = await world.pass();
    expect(said).toContain(
      'n8n answered HTTP 302, a redirect to https://n8n.example.com, which is not followed because the request carries the API key',
    );
    expect(world.titles).toEqual([RED]);
  });
});

describe.concurrent('an agent', () => {
  test('that redirects is asked once, and the redirect is named', async () => {
    await using world = await World.make();
    await using agent = await raw(
      'HTTP/1.1 307 Temporary Redirect\r\nLocation: https://elsewhere.example.com/a\r\n\r\n',
    );
    world.env['WATCHDOG_AGENT_URL'] = agent.url;
    const { said } = await world.pass();
    expect(said).toContain('HTTP 307, a redirect to https://elsewhere.example.com, ');
  });

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['a header that is none', 'HTTP/1.1 200 OK\r\nno colon here\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
    ['nothing', ''],
  ])('that answers with %s is down for a reason that says something', async (_what, answer) => {
    await using world = await World.make();
    await using agent = await raw(answer);
    world.env['WATCHDOG_AGENT_URL'] = agent.url;
    const { said } = await world.pass();
    expect(said).toMatch(/the agent can't be reached at \S+ \([A-Z]\w.+\)/);
    expect(said).not.toContain('undefined');
  });
});
