import { describe, expect, test } from 'vitest';

import type { CheckResult } from '../../watchdog/check.ts';
import { enterMaintenance, decide, leaveMaintenance } from '../../watchdog/decide.ts';
import type { LedgerState, TroubleState } from '../../watchdog/ledger/ledger.ts';
import { EMPTY_LEDGER } from './samples.ts';

const START = new Date('2026-03-01T02:00:00.000Z');
const HALF_HOUR = 30 * 60_000;
const at = (minutes: number) => ({ now: new Date(START.getTime() + minutes * 60_000), reminderMs: 4 * 3_600_000 });
const RESETS = '2026-03-01T05:00:00.000Z';

type Seen = CheckResult['state'];
const SEEN: readonly Seen[] = ['ok', 'auth_failed', 'usage_limited', 'outage', 'agent_down', 'busy'];

const saw = (state: Seen, more: object = {}): CheckResult => {
  if (state === 'agent_down') return { state, reason: 'it is gone' };
  const common = { checkedAt: START.toISOString(), evidence: 'probe', detail: `It is ${state}.`, source: 'x' } as const;
  return { ...common, state, ...(state === 'usage_limited' && { resetsAt: RESETS }), ...more };
};

/** The states of the ledger, each as the passes that lead to it leave it, every card sent. */
const told = (state: LedgerState): LedgerState => ({
  ...state,
  card: undefined,
  recovery: undefined,
  toldAt: state.trouble ? START.toISOString() : undefined,
});
const after = (...seen: Seen[]) => seen.reduce((state, one) => told(decide(state, saw(one), at(0))), EMPTY_LEDGER);
const STATES = {
  well: EMPTY_LEDGER,
  'outage suspected': after('outage'),
  'agent suspected': after('agent_down'),
  auth_failed: after('auth_failed'),
  usage_limited: after('usage_limited'),
  outage: after('outage', 'outage'),
  agent_down: after('agent_down', 'agent_down'),
} satisfies Record<string, LedgerState>;
type Name = keyof typeof STATES;

/** What half an hour later becomes of it: `state !` with a card, `state ?` suspected, `state` without a word. */
const TABLE: Record<Name, Record<Seen, string>> = {
  well: {
    ok: 'well',
    auth_failed: 'auth_failed !',
    usage_limited: 'usage_limited !',
    outage: 'well, outage?',
    agent_down: 'well, agent_down?',
    busy: 'well',
  },
  'outage suspected': {
    ok: 'well',
    auth_failed: 'auth_failed !',
    usage_limited: 'usage_limited !',
    outage: 'outage !',
    agent_down: 'well, agent_down?',
    busy: 'well',
  },
  'agent suspected': {
    ok: 'well',
    auth_failed: 'auth_failed !',
    usage_limited: 'usage_limited !',
    outage: 'well, outage?',
    agent_down: 'agent_down !',
    busy: 'well',
  },
  auth_failed: {
    ok: 'well !recovered',
    auth_failed: 'auth_failed',
    usage_limited: 'usage_limited !',
    outage: 'auth_failed',
    agent_down: 'auth_failed, agent_down?',
    busy: 'auth_failed',
  },
  usage_limited: {
    ok: 'well !recovered',
    auth_failed: 'auth_failed !',
    usage_limited: 'usage_limited',
    outage: 'usage_limited, outage?',
    agent_down: 'usage_limited, agent_down?',
    busy: 'usage_limited',
  },
  outage: {
    ok: 'well !recovered',
    auth_failed: 'auth_failed !',
    usage_limited: 'usage_limited !',
    outage: 'outage',
    agent_down: 'outage, agent_down?',
    busy: 'outage',
  },
  agent_down: {
    ok: 'well !recovered',
    auth_failed: 'auth_failed !',
    usage_limited: 'usage_limited !',
    outage: 'agent_down, outage?',
    agent_down: 'agent_down',
    busy: 'agent_down',
  },
};

function summary({ trouble, suspicion, card }: LedgerState): string {
  const doubt = suspicion ? `, ${suspicion.state}?` : '';
  const kind = card?.kind === 'trouble' ? ' !' : ` !${card?.kind ?? ''}`;
  return `${trouble?.state ?? 'well'}${doubt}${card ? kind : ''}`;
}

const CELLS = Object.entries(TABLE).flatMap(([state, row]) =>
  SEEN.map((seen): [Name, Seen, string] => [state as Name, seen, row[seen]]),
);

describe('the table of transitions', () => {
  test.each(CELLS)('%s, then %s: %s', (name, seen, expected) => {
    expect(summary(decide(STATES[name], saw(seen), at(30)))).toBe(expected);
  });

  test.each(CELLS)('%s, then %s twice: the second time sends no card', (name, seen) => {
    const first = decide(STATES[name], saw(seen), at(30));
    const second = decide(told(first), saw(seen), at(60));
    const isConfirmed = seen === first.suspicion?.state;
    expect(second.card !== undefined).toBe(isConfirmed);
    expect(decide(told(second), saw(seen), at(90)).card).toBeUndefined();
  });

  test.each(CELLS)('in a maintenance nothing changes: %s, then %s', (name, seen) => {
    const state = told(enterMaintenance(STATES[name], { reason: 'Upgrade' }, START));
    expect(decide(state, saw(seen), at(30))).toEqual(state);
  });

  test.each(CELLS)(
    'a maintenance that began in %s ends with %s only when Claude answers, or needs a login',
    (name, seen) => {
      const state = told(enterMaintenance(STATES[name], { reason: 'Upgrade' }, START));
      const ended = leaveMaintenance(state, saw(seen), at(60));
      if (seen === 'ok') expect(ended && summary(ended)).toBe('well !maintenance-over');
      else if (seen === 'auth_failed') expect(ended && summary(ended)).toBe('auth_failed !');
      else expect(ended).toBeUndefined();
      expect(ended?.maintenance).toBeUndefined();
    },
  );
});

describe('two passes in a row', () => {
  const titled = (...seen: Seen[]) => summary(after(...seen));

  test.each<[Seen[], string]>([
    [['agent_down', 'busy', 'agent_down'], 'well, agent_down?'],
    [['outage', 'busy', 'outage'], 'well, outage?'],
    [['outage', 'agent_down'], 'well, agent_down?'],
    [['outage', 'agent_down', 'outage'], 'well, outage?'],
    [['outage', 'agent_down', 'agent_down'], 'agent_down'],
    [['agent_down', 'ok', 'agent_down'], 'well, agent_down?'],
    [['auth_failed', 'agent_down', 'outage', 'agent_down'], 'auth_failed, agent_down?'],
    [['auth_failed', 'agent_down', 'busy', 'agent_down'], 'auth_failed, agent_down?'],
    [['usage_limited', 'outage', 'agent_down'], 'usage_limited, agent_down?'],
  ])('%j leads to: %s', (seen, expected) => {
    expect(titled(...seen)).toBe(expected);
  });

  test('are not two that go on at once', () => {
    const suspected = decide(EMPTY_LEDGER, saw('agent_down'), at(1));
    const began = at(0).now;
    expect(summary(decide(suspected, saw('agent_down'), { ...at(2), began }))).toBe('well, agent_down?');
    expect(summary(decide(suspected, saw('agent_down'), { ...at(31), began: at(30).now }))).toBe('agent_down !');
  });
});

describe('time', () => {
  test('that was set back since keeps no reminder for longer than it may', () => {
    const told = { ...STATES.auth_failed, toldAt: at(100_000).now.toISOString() };
    expect(decide(told, saw('auth_failed'), at(30)).card).toEqual({ kind: 'trouble', reminder: true });
  });

  test.each(['auth_failed', 'usage_limited', 'outage', 'agent_down'] as const)(
    'a reminder of %s comes every four hours, and not earlier',
    (name) => {
      expect(decide(STATES[name], saw(name), at(239)).card).toBeUndefined();
      const reminded = decide(STATES[name], saw(name), at(240));
      expect(reminded.card).toEqual({ kind: 'trouble', reminder: true });
      const sent = { ...reminded, card: undefined, toldAt: at(240).now.toISOString() };
      expect(decide(sent, saw(name), at(479)).card).toBeUndefined();
      expect(decide(sent, saw('busy'), at(480)).card).toEqual({ kind: 'trouble', reminder: true });
    },
  );

  test('a maintenance reminds of itself only after its expected end', () => {
    const expectedEnd = at(600).now.toISOString();
    const state = {
      ...enterMaintenance(EMPTY_LEDGER, { reason: 'Upgrade', expectedEnd }, START),
      card: undefined,
      toldAt: START.toISOString(),
    };
    expect(decide(state, saw('ok'), at(599)).card).toBeUndefined();
    expect(decide(state, saw('ok'), at(601)).card).toEqual({ kind: 'maintenance', reminder: true });
  });

  test('what is wrong keeps the time it was seen first, through suspicion and change', () => {
    const suspected = decide(EMPTY_LEDGER, saw('outage'), at(0));
    const confirmed = decide(suspected, saw('outage'), at(30));
    const changed = decide(confirmed, saw('auth_failed'), at(60));
    const over = decide(changed, saw('ok'), at(90));
    expect(over.recovery).toMatchObject({
      from: 'auth_failed',
      since: START.toISOString(),
      until: new Date(START.getTime() + 3 * HALF_HOUR).toISOString(),
    });
  });

  test('a usage limit whose end moved is reported again, one that ends a minute later is not', () => {
    const moved = saw('usage_limited', { resetsAt: '2026-03-01T10:00:00.000Z' });
    expect(decide(STATES.usage_limited, moved, at(30)).card).toEqual({ kind: 'trouble', reminder: false });
    const same = saw('usage_limited', { resetsAt: '2026-03-01T05:01:00.000Z' });
    const next = decide(STATES.usage_limited, same, at(30));
    expect(next.card).toBeUndefined();
    expect(next.trouble?.resetsAt).toBe(RESETS);
  });
});

describe('what is paused', () => {
  const workflows: LedgerState['workflows'] = [
    { id: '1', name: 'A', step: 'paused' },
    { id: '2', name: 'B', step: 'resumed' },
    { id: '3', name: 'C', step: 'left', why: 'was edited' },
  ];

  test.each<TroubleState>(['auth_failed', 'usage_limited'])(
    'stays so when %s comes in the middle of a recovery, and n8n is asked anew',
    (seen) => {
      const recovering = { ...decide(STATES.outage, saw('ok'), at(30)), listed: true, workflows };
      const next = decide(recovering, saw(seen), at(60));
      expect(next).toMatchObject({ listed: false, recovery: undefined, workflows: [{ id: '1' }] });
    },
  );

  test('is not listed anew when one trouble becomes another', () => {
    const next = decide({ ...STATES.outage, listed: true, workflows }, saw('auth_failed'), at(30));
    expect(next).toMatchObject({ listed: true, workflows: [{ id: '1', step: 'paused' }] });
  });
});
