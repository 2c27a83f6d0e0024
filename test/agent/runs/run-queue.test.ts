import { beforeEach, describe, expect, it } from 'vitest';
import { QueueFullError, RunQueue, type Ticket } from '../../../agent/runs/queue.ts';

const LIMIT = 5;

let begun: string[];
let ends: Map<string, () => void>;
let changes: number;
/** How many of the waiting pieces of work may begin. */
let admitted: number;
beforeEach(() => {
  admitted = Infinity;
  begun = [];
  ends = new Map();
  changes = 0;
});

const queueOf = (slots: number, limit = LIMIT) => {
  const queue = new RunQueue(
    limit,
    slots,
    () => (changes += 1),
    () => admitted,
  );
  queue.open();
  return queue;
};

const admit = (queue: RunQueue, count: number) => {
  admitted = count;
  queue.wake();
};

/** Work that begins, and ends when it is told to. */
const work = (name: string) => () => {
  begun.push(name);
  admitted -= 1;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  ends.set(name, () => resolve(undefined));
  return promise;
};

/** Pushes work that is named after its lanes and a number: `a1` is in lane `a`, `ab1` in both. */
const push = (queue: RunQueue, name: string): Ticket => queue.push(work(name), name.match(/[a-z]/g) ?? []);

/** Ends work, and lets what follows begin. */
async function end(name: string): Promise<void> {
  ends.get(name)?.();
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a queue with four slots', () => {
  it('begins four at once and the others in order, each when a slot becomes free', async () => {
    const queue = queueOf(4);
    for (const name of ['1', '2', '3', '4', '5', '6', '7']) push(queue, name);
    expect(begun).toEqual(['1', '2', '3', '4']);
    await end('3');
    await end('1');
    expect(begun).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(queue.waiting).toBe(1);
  });

  it('lets no work hold another: what never ends keeps its slot and nothing else', async () => {
    const queue = queueOf(4);
    for (const name of ['stuck', 'a1', 'b1', 'c1', 'd1', 'e1']) queue.push(work(name), [name]);
    for (const name of ['a1', 'b1', 'c1', 'd1', 'e1']) await end(name);
    expect(begun).toEqual(['stuck', 'a1', 'b1', 'c1', 'd1', 'e1']);
    expect(queue.running).toBe(1);
  });

  it('begins more work when it gets more slots, and leaves work in progress alone when it gets fewer', async () => {
    const queue = queueOf(0);
    for (const name of ['1', '2', '3', '4']) push(queue, name);
    expect(begun).toEqual([]);
    queue.resize(3);
    expect(begun).toEqual(['1', '2', '3']);
    queue.resize(1);
    await end('1');
    await end('2');
    expect(begun).toEqual(['1', '2', '3']);
    await end('3');
    expect(begun).toEqual(['1', '2', '3', '4']);
  });

  it('never runs two of one lane at once, and passes a waiting one by for the first whose lanes are free', async () => {
    const queue = queueOf(4);
    for (const name of ['a1', 'a2', 'b1', 'ab1', 'c1', 'b2', 'a3']) push(queue, name);
    expect(begun).toEqual(['a1', 'b1', 'c1']);
    await end('b1');
    expect(begun).toEqual(['a1', 'b1', 'c1', 'b2']);
    await end('a1');
    expect(begun).toEqual(['a1', 'b1', 'c1', 'b2', 'a2']);
    await end('a2');
    expect(begun).toEqual(['a1', 'b1', 'c1', 'b2', 'a2', 'a3']);
    await end('b2');
    await end('a3');
    expect(begun).toEqual(['a1', 'b1', 'c1', 'b2', 'a2', 'a3', 'ab1']);
  });

  it('puts work ahead before all that waits, also while none of that may begin', async () => {
    const queue = queueOf(1);
    push(queue, 'a1');
    push(queue, 'b1');
    queue.push(work('check'), [], { ahead: true });
    admitted = 0;
    await end('a1');
    await end('check');
    expect(begun).toEqual(['a1', 'check']);
    admit(queue, Infinity);
    expect(begun).toEqual(['a1', 'check', 'b1']);
  });

  it.each([
    [0, []],
    [1, ['a1']],
    [Infinity, ['a1', 'b1']],
  ])('begins as many as there are slots, and at most the %f that may begin', (count, expected) => {
    const queue = queueOf(2);
    admitted = 0;
    for (const name of ['a1', 'a2', 'b1', 'c1']) push(queue, name);
    admit(queue, count);
    expect(begun).toEqual(expected);
  });

  it('begins the next one that comes if one may begin and none waits', () => {
    const queue = queueOf(2);
    admit(queue, 1);
    for (const name of ['a1', 'b1']) push(queue, name);
    expect(begun).toEqual(['a1']);
  });

  it('begins nothing once it is closed', async () => {
    const queue = queueOf(2);
    for (const name of ['a1', 'b1', 'c1']) push(queue, name);
    queue.close();
    await end('a1');
    queue.push(work('check'), [], { ahead: true });
    expect(begun).toEqual(['a1', 'b1']);
    expect(queue.waiting).toBe(2);
  });

  it('forgets work that leaves, unless it has begun', async () => {
    const queue = queueOf(1);
    const [first, second] = ['a1', 'b1', 'c1'].map((name) => push(queue, name));
    expect(first?.leave()).toBe(false);
    expect(second?.leave()).toBe(true);
    expect(second?.leave()).toBe(false);
    await end('a1');
    expect(begun).toEqual(['a1', 'c1']);
  });

  it('reports each change: when it opens, and when work is pushed, leaves and ends', async () => {
    const queue = queueOf(1);
    expect(changes).toBe(1);
    push(queue, 'a1');
    expect(changes).toBe(2);
    const waiting = push(queue, 'b1');
    expect(changes).toBe(3);
    waiting.leave();
    expect(changes).toBe(4);
    await end('a1');
    expect(changes).toBe(5);
  });
});

describe('the plan of a queue', () => {
  /** What becomes of each piece of work, named as for `push`. */
  const planned = (queue: RunQueue, names: readonly string[]) => {
    const plan = queue.plan();
    return names.map((name) => {
      const lanes = name.match(/[a-z]/g) ?? [];
      try {
        const starts = plan.startsAtOnce(lanes);
        plan.add(lanes);
        return starts ? 'starts' : 'waits';
      } catch (error) {
        if (!(error instanceof QueueFullError)) throw error;
        return 'full';
      }
    });
  };

  it.each([
    [1, 1, ['a1', 'b1', 'c1'], ['starts', 'waits', 'full']],
    [1, 0, ['a1', 'b1'], ['starts', 'full']],
    [
      4,
      2,
      ['a1', 'a2', 'b1', 'a3', 'a4', 'c1', 'd1', 'e1'],
      'starts waits starts waits full starts starts full'.split(' '),
    ],
    [4, 5, ['ab1', 'b1', 'c1', 'a1', 'd1'], ['starts', 'waits', 'starts', 'waits', 'starts']],
  ])('with %i slot(s) and room for %i says which of %j start at once', (slots, limit, names, expected) => {
    expect(planned(queueOf(slots, limit), names)).toEqual(expected);
  });

  it('does not count work that was asked about and not added', () => {
    const plan = queueOf(1, 0).plan();
    expect([plan.startsAtOnce([]), plan.startsAtOnce([])]).toEqual([true, true]);
  });

  it('says that nothing starts while the queue is not open yet', () => {
    expect(planned(new RunQueue(LIMIT, 4, () => undefined), ['a1', 'b1'])).toEqual(['waits', 'waits']);
  });

  it.each([
    [0, ['waits', 'waits', 'waits']],
    [1, ['starts', 'waits', 'waits']],
    [Infinity, ['starts', 'starts', 'waits']],
  ])('says which start while %f may', (count, expected) => {
    admitted = count;
    expect(planned(queueOf(2), ['a1', 'b1', 'c1'])).toEqual(expected);
  });

  it('comes true for any work in any state of the queue', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `${'abc'[i % 3] ?? ''}${i % 4 === 0 ? 'd' : ''}${i}`);
    for (const slots of [1, 2, 4]) {
      begun = [];
      const queue = queueOf(slots, 100);
      for (let from = 0; from < names.length; from += 3) {
        const batch = names.slice(from, from + 3);
        const foretold = planned(queue, batch);
        for (const name of batch) push(queue, name);
        expect(batch.map((name) => (begun.includes(name) ? 'starts' : 'waits'))).toEqual(foretold);
        await end(begun.at(-1) ?? '');
      }
    }
  });
});

describe('a queue that is used at random', () => {
  const ROUNDS = 100;
  const STEPS = 200;

  /** Numbers below `most` that are the same for the same seed. */
  const randomOf = (seed: number) => {
    let state = seed;
    return (most: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * most);
    };
  };

  it(`never runs too many, shares no lane, leaves no slot free that could be used, and keeps the order, in ${ROUNDS} rounds`, async () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const random = randomOf(seed);
      const slots = 1 + random(5);
      const queue = queueOf(slots, STEPS);
      begun = [];
      ends = new Map();
      const running = new Map<string, readonly string[]>();
      const waiting = new Map<string, { readonly lanes: readonly string[]; readonly ticket: Ticket }>();
      const isFree = (lanes: readonly string[]) => ![...running.values()].flat().some((lane) => lanes.includes(lane));
      /** What must have begun by now, in order. */
      const startNext = () => {
        const expected: string[] = [];
        for (const [name, { lanes }] of waiting) {
          if (running.size === slots || may === 0) break;
          if (!isFree(lanes)) continue;
          may -= 1;
          waiting.delete(name);
          running.set(name, lanes);
          expected.push(name);
        }
        return expected;
      };
      admitted = Infinity;
      let may = Infinity;
      const all: string[] = [];
      for (let step = 0; step < STEPS; step += 1) {
        const action = random(10);
        if (action < 5) {
          const lanes = ['a', 'b', 'c', 'd', 'e', 'f'].filter(() => random(5) === 0);
          const name = `${step}`;
          waiting.set(name, { lanes, ticket: queue.push(work(name), lanes) });
        } else if (action < 8) {
          const name = [...running.keys()][random(running.size)];
          if (name !== undefined) {
            running.delete(name);
            await end(name);
          }
        } else if (action === 8) {
          const name = [...waiting.keys()][random(waiting.size)];
          if (name !== undefined) {
            expect(waiting.get(name)?.ticket.leave()).toBe(true);
            waiting.delete(name);
          }
        } else {
          may = [0, 1, Infinity][random(3)] ?? 0;
          admit(queue, may);
        }
        all.push(...startNext());
        expect(begun, `seed ${seed}, step ${step}`).toEqual(all);
        expect(queue.waiting).toBe(waiting.size);
      }
    }
  });
});
