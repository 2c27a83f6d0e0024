import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../../agent/contract.ts';
import { QueueHold, type QueueHoldParts } from '../../../agent/quota/queue-hold.ts';
import type { KeptHold } from '../../../agent/store/run.ts';

const NOW = Date.parse('2026-01-31T12:00:00.000Z');
const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (ms: number) => new Date(NOW + ms).toISOString();

let hold: QueueHold;
let kept: KeptHold | undefined;
let credential: string;
/** How many waiting runs could start after each change. */
let admitted: number[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: NOW });
  [kept, credential, admitted] = [undefined, 'one', []];
  hold = make();
});
afterEach(() => {
  hold[Symbol.dispose]();
  vi.useRealTimers();
});

function make(parts: Partial<QueueHoldParts> = {}): QueueHold {
  const own: QueueHold = new QueueHold({
    waitsForReset: true,
    stopsAllRuns: () => true,
    credential: () => credential,
    kept,
    keep: (each) => (kept = each),
    onChange: () => admitted.push(own.admits),
    log: { info: () => undefined, warn: () => undefined },
    waits: { afterResetMs: 0, outageMs: [15, 30, 60, 120].map((seconds) => seconds * SECOND) },
    ...parts,
  });
  return own;
}

/** Ends a run. @param answered whether Claude answered it just before. */
function end(
  id: string,
  outcome: Outcome,
  { resetsAt, answered = false }: { resetsAt?: string; answered?: boolean } = {},
) {
  const result = { outcome, ...(resetsAt !== undefined && { resetsAt }) };
  hold.ended({ id, result, answeredAt: answered ? Date.now() : undefined });
}
const limited = (id: string, ms: number) => end(id, 'usage_limited', { resetsAt: at(ms) });
const fail = (...ids: string[]) => {
  for (const id of ids) end(id, 'unavailable');
};
const pass = (ms: number) => vi.advanceTimersByTime(ms);

describe('at a usage limit', () => {
  it('no waiting run starts until the reset; then one, and the others when it succeeded', () => {
    limited('a', HOUR);
    expect(hold.current).toEqual({ reason: 'usage_limit', since: at(0), until: at(HOUR) });
    expect(hold.admits).toBe(0);
    pass(HOUR - 1);
    expect(hold.admits).toBe(0);
    pass(1);
    expect([hold.admits, hold.current]).toEqual([1, { reason: 'usage_limit', since: at(0) }]);
    hold.started('b');
    expect(hold.admits).toBe(0);
    end('b', 'succeeded');
    expect([hold.admits, hold.current]).toEqual([Infinity, undefined]);
    expect(admitted).toEqual([0, 1, Infinity]);
  });

  it('the queue waits again if the first run is limited again', () => {
    limited('a', HOUR);
    pass(HOUR);
    hold.started('b');
    limited('b', 2 * HOUR);
    expect(hold.current).toEqual({ reason: 'usage_limit', since: at(0), until: at(2 * HOUR) });
    pass(HOUR);
    expect(hold.admits).toBe(1);
  });

  it.each(['cancelled', 'timed_out', 'interrupted', 'failed', 'unavailable'] as const)(
    'the next run goes first if the first one was %s and Claude did not answer it',
    (outcome) => {
      limited('a', HOUR);
      pass(HOUR);
      hold.started('b');
      end('b', outcome);
      expect(hold.admits).toBe(1);
      hold.started('c');
      expect(hold.admits).toBe(0);
      end('c', 'succeeded');
      expect(hold.admits).toBe(Infinity);
    },
  );

  it.each(['cancelled', 'timed_out', 'interrupted', 'failed'] as const)(
    'the others start if Claude had answered the first one before it was %s',
    (outcome) => {
      limited('a', HOUR);
      pass(HOUR);
      hold.started('b');
      pass(1);
      end('b', outcome, { answered: true });
      expect(hold.admits).toBe(Infinity);
    },
  );

  it('that the first run meets with a reset in the past, the next one goes first: the others are not let loose', () => {
    limited('a', HOUR);
    pass(HOUR);
    hold.started('b');
    limited('b', HOUR - SECOND);
    expect(hold.admits).toBe(1);
  });

  it('the end of another run does not let a second one go first', () => {
    limited('a', HOUR);
    pass(HOUR);
    hold.started('b');
    end('older', 'cancelled');
    end('older too', 'unavailable');
    expect(hold.admits).toBe(0);
  });

  it('a run in progress that succeeds without a further answer shows nothing, and one with a later answer ends the wait', () => {
    limited('a', HOUR);
    end('b', 'succeeded');
    expect(hold.admits).toBe(0);
    hold.ended({ id: 'c', result: { outcome: 'succeeded' }, answeredAt: NOW - 1 });
    expect(hold.admits).toBe(0);
    pass(1);
    end('d', 'succeeded', { answered: true });
    expect(hold.admits).toBe(Infinity);
  });

  it('the latest reset counts while it is waited for', () => {
    limited('a', HOUR);
    limited('b', DAY);
    limited('c', 2 * HOUR);
    expect(hold.current?.until).toBe(at(DAY));
  });

  it.each([
    ['in the past', at(-SECOND)],
    ['now', at(0)],
    ['nine days away', at(9 * DAY)],
    ['missing', undefined],
    ['no time', 'soon'],
  ])('with a reset that is %s the queue does not wait', (_, resetsAt) => {
    end('a', 'usage_limited', resetsAt === undefined ? {} : { resetsAt });
    hold.checked({ state: 'usage_limited', resetsAt });
    expect([hold.admits, hold.current, kept]).toEqual([Infinity, undefined, undefined]);
  });

  it('waits for as long as eight days', () => {
    limited('a', 8 * DAY);
    pass(8 * DAY - 1);
    expect(hold.admits).toBe(0);
    pass(1);
    expect(hold.admits).toBe(1);
  });

  it('that does not stop all runs, or with the setting fail, the queue does not wait', () => {
    for (const parts of [{ stopsAllRuns: () => false }, { waitsForReset: false }]) {
      hold = make(parts);
      limited('a', HOUR);
      expect(hold.admits).toBe(Infinity);
    }
  });

  it('waits a little longer than until the reset, as clocks differ', () => {
    hold = make({ waits: { afterResetMs: 2 * SECOND, outageMs: [] } });
    limited('a', HOUR);
    pass(HOUR + 2 * SECOND - 1);
    expect(hold.admits).toBe(0);
    pass(1);
    expect(hold.admits).toBe(1);
  });

  it('goes by the clock of the machine, also when that is changed', () => {
    limited('a', HOUR);
    vi.setSystemTime(NOW + HOUR);
    pass(30 * SECOND);
    expect(hold.admits).toBe(1);
  });

  it('a login check starts the wait, extends it, and ends it', () => {
    hold.checked({ state: 'usage_limited', resetsAt: at(HOUR) });
    hold.checked({ state: 'usage_limited', resetsAt: at(2 * HOUR) });
    expect(hold.current?.until).toBe(at(2 * HOUR));
    for (const state of ['outage', 'auth_failed', 'busy']) hold.checked({ state });
    expect(hold.admits).toBe(0);
    hold.checked({ state: 'ok' });
    expect([hold.admits, kept]).toEqual([Infinity, undefined]);
  });

  it('one run goes first when the login is another one', () => {
    limited('a', HOUR);
    credential = 'two';
    pass(30 * SECOND);
    expect(hold.admits).toBe(1);
  });

  it('the wait goes on when a check of a renewed login meets the same limit', () => {
    limited('a', HOUR);
    credential = 'renewed';
    hold.checked({ state: 'usage_limited', resetsAt: at(HOUR) });
    pass(30 * SECOND);
    expect([hold.admits, kept?.credential]).toEqual([0, 'renewed']);
  });

  it('the wait ends when it is released, once', () => {
    limited('a', HOUR);
    hold.release('the login was replaced');
    hold.release('the login was replaced');
    expect([admitted, kept]).toEqual([[0, Infinity], undefined]);
  });
});

describe('after a restart', () => {
  const restart = (parts: Partial<QueueHoldParts> = {}) => {
    hold[Symbol.dispose]();
    hold = make(parts);
  };

  it('the wait for a reset goes on', () => {
    limited('a', HOUR);
    pass(SECOND);
    restart();
    expect([hold.current, hold.admits]).toEqual([{ reason: 'usage_limit', since: at(0), until: at(HOUR) }, 0]);
    pass(HOUR - SECOND);
    expect(hold.admits).toBe(1);
  });

  it('one run goes first if the reset has passed, or if the agent ended while one did', () => {
    limited('a', HOUR);
    pass(HOUR);
    hold.started('b');
    restart();
    expect(hold.admits).toBe(0);
    pass(0);
    expect(hold.admits).toBe(1);
  });

  it('the wait does not go on with another login, or with the setting fail', () => {
    limited('a', HOUR);
    restart({ waitsForReset: false });
    expect(hold.admits).toBe(Infinity);
    credential = 'two';
    restart();
    expect(hold.admits).toBe(Infinity);
  });

  it('the wait is over if it was over before, and an outage is forgotten', () => {
    limited('a', HOUR);
    hold.checked({ state: 'ok' });
    restart();
    expect(hold.admits).toBe(Infinity);
    fail('b', 'c', 'd');
    expect(hold.admits).toBe(0);
    restart();
    expect(hold.admits).toBe(Infinity);
  });
});

describe('in an outage', () => {
  it('the queue waits after three unavailable runs in a row, and one goes first after 15, 30, 60 and then every 120 s', () => {
    fail('a', 'b');
    expect(hold.admits).toBe(Infinity);
    fail('c');
    for (const [try_, seconds] of [15, 30, 60, 120, 120].entries()) {
      expect(hold.current).toEqual({
        reason: 'outage',
        since: at(0),
        until: new Date(Date.now() + seconds * SECOND).toISOString(),
      });
      pass(seconds * SECOND - 1);
      expect(hold.admits).toBe(0);
      pass(1);
      expect(hold.admits).toBe(1);
      hold.started(`try ${try_}`);
      fail(`try ${try_}`);
    }
    expect(kept).toBeUndefined();
  });

  it('is over when the first run succeeded, and three more must fail for another', () => {
    fail('a', 'b', 'c');
    pass(15 * SECOND);
    hold.started('d');
    end('d', 'succeeded');
    fail('e', 'f');
    expect(hold.admits).toBe(Infinity);
    fail('g');
    expect(hold.current?.until).toBe(new Date(Date.now() + 15 * SECOND).toISOString());
  });

  it('runs that were in progress and fail too do not lengthen the wait', () => {
    fail('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
    expect(hold.current?.until).toBe(at(15 * SECOND));
    pass(15 * SECOND);
    hold.started('i');
    fail('late');
    expect(hold.admits).toBe(0);
    fail('i');
    expect(hold.current?.until).toBe(at(45 * SECOND));
  });

  it.each(['succeeded', 'auth_failed', 'usage_limited'] as const)('ends with any run that is %s', (outcome) => {
    fail('a', 'b', 'c');
    end('d', outcome);
    expect(hold.admits).toBe(Infinity);
  });

  it.each(['succeeded', 'auth_failed', 'usage_limited'] as const)(
    'needs three in a row: %s in between counts anew',
    (outcome) => {
      fail('a', 'b');
      end('c', outcome);
      fail('d', 'e');
      expect(hold.admits).toBe(Infinity);
    },
  );

  it.each(['cancelled', 'timed_out', 'interrupted', 'failed'] as const)(
    'a run in between that was %s without an answer does not count',
    (outcome) => {
      fail('a', 'b');
      end('c', outcome);
      fail('d');
      expect(hold.admits).toBe(0);
      end('e', outcome);
      expect(hold.admits).toBe(0);
    },
  );

  it('ends when a login check shows that Anthropic answers', () => {
    for (const state of ['ok', 'auth_failed']) {
      fail('a', 'b', 'c');
      hold.checked({ state });
      expect(hold.admits).toBe(Infinity);
    }
  });

  it('becomes the wait for a reset when the first run is limited, and the other way round', () => {
    fail('a', 'b', 'c');
    pass(15 * SECOND);
    hold.started('d');
    limited('d', HOUR);
    expect(hold.current).toMatchObject({ reason: 'usage_limit', until: at(HOUR) });
    pass(HOUR);
    for (const id of ['e', 'f', 'g']) {
      hold.started(id);
      fail(id);
    }
    expect(hold.current?.reason).toBe('outage');
    expect(kept).toBeUndefined();
  });

  it('does not end the wait for a reset', () => {
    limited('a', HOUR);
    fail('b', 'c', 'd', 'e');
    expect(hold.current).toMatchObject({ reason: 'usage_limit', until: at(HOUR) });
  });
});
