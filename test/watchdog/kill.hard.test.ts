import { describe, expect, test } from 'vitest';

import '../support/two-at-a-time.ts';
import { budget } from './agent-double.ts';
import { later, type Kill, World } from './world.ts';

type Act = (world: World, kill?: Kill) => Promise<void>;

/** Runs a pass that is killed if it comes to that call, and then one that goes on from there. */
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
 * Tells the story, and looks at how it ends.
 * @param kill each pass is killed at this call, if it makes as many.
 * @returns how many calls the longest pass made, and how many passes were killed.
 */
async function tell(story: Story, kill?: Kill): Promise<{ calls: number; kills: number }> {
  await using world = await makeWorld();
  const before = world.published;
  for (const act of story.acts) await act(world, kill);
  const { calls, kills } = world;
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
  return { calls, kills };
}

describe.concurrent('a watchdog that is killed by SIGKILL at one call of each pass', () => {
  test.each(STORIES)(
    'resumes what it paused, at its version, and sends no card twice: $title',
    async (story) => {
      const { calls } = await tell(story);
      let all = 0;
      for (let call = 1; call <= calls; call += 1) {
        for (const when of ['before', 'after'] as const) {
          const { kills } = await tell(story, { call, when });
          expect(kills).toBeGreaterThan(0);
          all += kills;
        }
      }
      console.info(`killed ${all} times, before and after each call of each pass: ${story.title}`);
    },
    600_000,
  );
});
