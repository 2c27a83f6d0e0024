import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOKEN, until } from '../../support/agent.ts';
import { NamedRunners } from '../../support/named-runners.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, type RunnerProgram } from '../../support/runner.ts';

describe('the runners at the addresses of a name', needs(NO_CONTAINER), () => {
  let runners: NamedRunners;
  let first: RunnerProgram;
  let second: RunnerProgram;
  beforeAll(async () => {
    runners = new NamedRunners();
    [first, second] = [await runners.runner(2), await runners.runner(3)];
    await runners.start();
  });
  afterAll(() => runners[Symbol.asyncDispose]());

  const slots = (count: number) => until(async () => (await runners.agent.health()).slots === count, `${count} slots`);
  const hasBegun = (prompt: string) => until(() => runners.placeOf(prompt) !== undefined, `${prompt} begins`);
  const ready = async () => (await runners.agent.fetch('/ready')).json();

  it('are none while the name does not exist: runs wait, and say why, until it does', async () => {
    const waiting = runners.agent.run('waits');
    await until(async () => (await runners.agent.health()).queued === 1, 'it waits');
    expect(await ready()).toMatchObject({ notice: expect.stringContaining('No runner is ready') as string });
    const body = new URLSearchParams({ token: TOKEN, action: 'show' });
    const page = await fetch(runners.agent.url, { method: 'POST', body });
    const text = (await page.text()).replaceAll(/<[^>]*>|\s+/g, ' ');
    expect(text).toMatch(/ No runner +No runner is ready\. Runs wait until one is\. /);
    runners.name([first, second]);
    expect(await waiting).toMatchObject({ success: true });
    await slots(2);
    expect(await ready()).not.toHaveProperty('notice');
  });

  it('have a run each at the same time, and one that appears takes a run that waits', async () => {
    await slots(2);
    const held = ['hold-1', 'hold-2'].map((prompt) => runners.agent.run(prompt));
    await Promise.all(['hold-1', 'hold-2'].map(hasBegun));
    expect(new Set(['hold-1', 'hold-2'].map((prompt) => runners.placeOf(prompt)))).toEqual(
      new Set([first.folder, second.folder]),
    );
    const third = await runners.runner(4);
    const waiting = runners.agent.run('waits for the third');
    runners.name([first, second, third]);
    expect(await waiting).toMatchObject({ success: true });
    expect(runners.placeOf('waits for the third')).toBe(third.folder);
    for (const prompt of ['hold-1', 'hold-2']) runners.release(prompt);
    for (const answer of await Promise.all(held)) expect(answer).toMatchObject({ success: true });
    runners.name([first, second]);
    await slots(2);
  });

  it('interrupt no run but that of the one that is lost, and the next run takes another one', async () => {
    await slots(2);
    const prompts = ['hold-3', 'hold-4'];
    const held = prompts.map((prompt) => runners.agent.run(prompt));
    await Promise.all(prompts.map(hasBegun));
    const lost = prompts.findIndex((prompt) => runners.placeOf(prompt) === first.folder);
    await first[Symbol.asyncDispose]();
    expect(await held[lost]).toMatchObject({
      outcome: 'interrupted',
      warnings: [
        expect.stringContaining('before claude had saved the conversation') as string,
        'Files that the run left could not be copied (the connection to its runner was lost).',
      ],
    });
    runners.release(prompts[1 - lost] ?? '');
    expect(await held[1 - lost]).toMatchObject({ success: true });
    expect(await runners.agent.run('next')).toMatchObject({ success: true });
    expect(runners.placeOf('next')).toBe(second.folder);
  });

  it('may all be gone, and a run whose runner is only looked up no more goes on', async () => {
    const held = runners.agent.run('hold-5');
    await hasBegun('hold-5');
    runners.name([]);
    await until(async () => (await runners.count('unreachable')) === 0, 'the lost one is forgotten');
    const waiting = runners.agent.run('waits for any');
    runners.release('hold-5');
    expect(await held).toMatchObject({ success: true });
    await slots(0);
    expect(await ready()).toMatchObject({ notice: expect.stringContaining('No runner is ready') as string });
    runners.name([second]);
    expect(await waiting).toMatchObject({ success: true });
  });
});

it(
  'a runner that is kept warm has a process ready for the run that waits for the other one',
  needs(NO_CONTAINER),
  async () => {
    await using runners = new NamedRunners({ AGENT_WARM_RUNNERS: '1' });
    runners.name([await runners.runner(2), await runners.runner(3)]);
    await runners.start();
    const { agent } = runners;
    await until(async () => (await runners.count('ready')) + (await runners.count('busy')) === 2, 'both are there');
    expect((await agent.health()).slots).toBe(1);
    const metric = async (name: string) => {
      const lines = (await (await agent.fetch('/metrics')).text()).split('\n');
      return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length));
    };
    const held = agent.run('hold-1');
    await until(() => runners.placeOf('hold-1') !== undefined, 'it begins');
    const waiting = agent.run('waits');
    await until(async () => (await agent.health()).queued === 1, 'the other waits');
    await until(async () => (await metric('claude_agent_warm_processes')) === 1, 'its process is ready');
    const hits = await metric('claude_agent_warm_starts_total{result="hit"}');
    runners.release('hold-1');
    expect(await held).toMatchObject({ success: true });
    expect(await waiting).toMatchObject({ success: true });
    expect(await metric('claude_agent_warm_starts_total{result="hit"}')).toBe(hits + 1);
    expect(runners.placeOf('waits')).not.toBe(runners.placeOf('hold-1'));
  },
);
