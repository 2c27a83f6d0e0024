import { describe, expect, test } from 'vitest';

import '../support/two-at-a-time.ts';
import { budget } from './agent-double.ts';
import { later, type Kill, World } from './world.ts';
import { rounds, slice } from '../support/lane.ts';

/** How often a pass is killed in all at most, each time at another call; in the long lane at every call of every story. */
const KILLS = rounds(4, 400);

type Act = (world: World, kill?: Kill) => Promise<void>;

/** Runs a pass that may be killed, and then one that goes on from there. */
const pass =
  (...args: string[]): Act =>
  async (world, kill) => {
    const killed = await world.pass(args, kill);
    if (kill && killed.signal === 'SIGKILL') await world.pass(args);
  };

const login =
  (state: 'ok' | 'auth_failed' | 'outage'): Act =>
  (world) => {
    world.agent.login = { state };
    return Promise.resolve();
  };

const spend =
  (...spent: readonly number[]): Act =>
  (world) => {
    world.agent.budgets = spent.map((spentUsd, at) => budget({ spentUsd, label: 'workflow', value: `${at}` }));
    return Promise.resolve();
  };

/** A person edits a workflow that is paused. */
const edit: Act = (world) => {
  world.n8n.workflows.edit(world.n8n.workflows.named('Edited').id);
  return Promise.resolve();
};

/** What happens to the world; passes are what is killed. `cards` may each come once at most; `budgets` are told of at the end. */
interface Story {
  readonly title: string;
  readonly acts: readonly Act[];
  readonly cards: readonly string[];
  readonly edited: boolean;
  readonly budgets?: number;
}

const RED = 'Claude needs a new login';
const GREEN = 'Claude works again';
const STORIES: readonly Story[] = [
  {
    title: 'a failed login and its recovery',
    acts: [login('auth_failed'), pass(), pass(), login('ok'), pass(), pass()],
    cards: [RED, GREEN],
    edited: false,
  },
  {
    title: 'an outage that becomes a failed login, with an edit meanwhile',
    acts: [login('outage'), pass(), pass(), login('auth_failed'), pass(), edit, login('ok'), pass(), pass()],
    cards: ['Claude is not answering', RED, GREEN],
    edited: true,
  },
  {
    title: 'a maintenance',
    acts: [pass('maintenance-start'), pass(), pass('maintenance-end'), pass()],
    cards: ['Maintenance of the Claude agent', 'Maintenance is over'],
    edited: false,
  },
  {
    title: 'budgets that are nearly spent',
    acts: [spend(9, 8, 7), pass(), pass()],
    cards: ['2 Claude budgets are nearly spent'],
    edited: false,
    budgets: 2,
  },
  {
    title: 'a login that fails during a maintenance',
    acts: [
      pass('maintenance-start'),
      login('auth_failed'),
      pass(),
      pass('maintenance-end'),
      edit,
      pass(),
      login('ok'),
      pass(),
      pass(),
    ],
    cards: ['Maintenance of the Claude agent', RED, GREEN],
    edited: true,
  },
];

async function makeWorld(): Promise<World> {
  const world = await World.make();
  world.n8n.workflows.add('One');
  world.n8n.workflows.add('Edited');
  world.n8n.workflows.edit(world.n8n.workflows.add('With a draft').id);
  world.n8n.workflows.add('Off by hand', { published: false });
  return world;
}

/**
 * Tells the story, with one kill at most, and looks at how it ends.
 * @param kill its call is counted over all passes.
 * @returns how many calls the story took.
 */
async function tell(story: Story, kill?: Kill): Promise<number> {
  await using world = await makeWorld();
  const before = world.published;
  let calls = 0;
  for (const act of story.acts) {
    const call = (kill?.call ?? 0) - calls;
    await act(world, !kill || world.kills > 0 || call < 1 ? undefined : { ...kill, call });
    calls += world.takeCalls();
  }
  expect(world.kills).toBe(kill ? 1 : 0);
  const { Edited: edited, ...others } = before;
  expect(world.published).toEqual(story.edited ? others : { ...others, Edited: edited });
  expect(story.cards).toEqual(expect.arrayContaining(world.titles));
  expect(new Set(world.titles).size).toBe(world.titles.length);
  expect(world.agent.paused).toBeUndefined();
  // What may have arrived is not sent again at once; a quarter of an hour later it is.
  await world.amend((state) => later(state, 1));
  await world.pass();
  const { budgets = [], ...state } = await world.state();
  expect(state).toEqual({ format: 1, listed: false, workflows: [] });
  expect(budgets).toHaveLength(story.budgets ?? 0);
  expect(budgets.filter(({ attemptedAt }) => attemptedAt !== undefined)).toEqual([]);
  expect(world.titles.at(-1)).toBe(story.cards.at(-1));
  return calls;
}

/** `count` of the numbers from 1 to `last`, spread over them. */
const spread = (last: number, count: number): number[] =>
  count >= last
    ? Array.from({ length: last }, (_, index) => index + 1)
    : Array.from({ length: count }, (_, index) => 1 + Math.floor((index * last) / count));

describe.concurrent('a watchdog that is killed by SIGKILL at one of its calls', () => {
  const stories = slice(STORIES, 2);
  const each = Math.ceil(KILLS / stories.length / 2);
  test.each(stories)(
    'resumes what it paused, at its version, and sends no card twice: $title',
    async (story) => {
      const calls = await tell(story);
      for (const when of ['before', 'after'] as const) {
        for (const call of spread(calls, each)) await tell(story, { call, when });
      }
      console.info(`killed ${2 * Math.min(each, calls)} times, before and after calls: ${story.title}`);
    },
    3_600_000,
  );
});
