import type { CardContext } from '../../watchdog/teams/card.ts';
import { commandsOf } from '../../watchdog/teams/commands.ts';
import type { DueCard, LedgerState } from '../../watchdog/ledger/ledger.ts';
import { parseLedger } from '../../watchdog/ledger/ledger.ts';

/** The state of a ledger that nothing was written to yet. */
export const EMPTY_LEDGER = parseLedger(undefined, 'a sample');

/** A ledger and the card that is due in it. */
export interface Sample {
  readonly due: DueCard;
  readonly state: LedgerState;
  readonly context?: Partial<CardContext>;
}

export const CONTEXT: CardContext = {
  commands: commandsOf('stack', 'dev'),
  authMode: 'session',
  pageUrl: undefined,
  guideUrl: 'https://wiki.example.com/claude-agent',
  n8nUrl: 'https://n8n.example.com',
  n8nProblem: undefined,
  now: '2026-03-01T03:30:00.000Z',
};

const SINCE = '2026-03-01T03:00:00.000Z';
const HOST = 'claude-code-agent-6c9f7d5b8-x2x7k';
const workflows = (step: 'paused' | 'resumed', ...names: string[]): LedgerState['workflows'] =>
  names.map((name, index) => ({ id: String(index), name, step }));
const paused = workflows('paused', 'Summarise support tickets', 'Release notes', 'invoice_triage [EU]');
const trouble = { kind: 'trouble', reminder: false } as const;

/** One of each card, as the pictures of the docs show them. */
export const SAMPLES = {
  'login-failed': {
    due: trouble,
    state: {
      ...EMPTY_LEDGER,
      workflows: paused,
      trouble: {
        state: 'auth_failed',
        cause: 'refused',
        since: SINCE,
        host: HOST,
        detail: 'Failed to authenticate: OAuth session expired and could not be refreshed',
      },
    },
  },
  'usage-limited': {
    due: trouble,
    state: {
      ...EMPTY_LEDGER,
      workflows: paused,
      trouble: {
        state: 'usage_limited',
        cause: 'usage_limit',
        since: SINCE,
        host: HOST,
        resetsAt: '2026-03-01T07:00:00.000Z',
        detail: 'You have hit your session limit · resets 7am (UTC)',
      },
    },
  },
  recovered: {
    due: { kind: 'recovered', reminder: false },
    state: {
      ...EMPTY_LEDGER,
      recovery: { from: 'auth_failed', since: SINCE, until: '2026-03-01T04:12:00.000Z', toldOfWaiting: false },
      workflows: [
        ...workflows('resumed', 'Summarise support tickets', 'invoice_triage [EU]'),
        { id: '9', name: 'Release notes', step: 'left', why: 'was edited' },
      ],
    },
  },
  maintenance: {
    due: { kind: 'maintenance', reminder: false },
    state: {
      ...EMPTY_LEDGER,
      workflows: paused,
      maintenance: {
        since: SINCE,
        reason: 'Upgrade of the nodes to Kubernetes 1.34',
        expectedEnd: '2026-03-01T04:30:00.000Z',
      },
    },
  },
} satisfies Record<string, Sample>;

/** Every other card there is. */
export const MORE = {
  reminder: { ...SAMPLES['login-failed'], due: { kind: 'trouble', reminder: true } },
  'sent again': { ...SAMPLES['login-failed'], due: { ...trouble, attemptedAt: SINCE } },
  outage: {
    due: trouble,
    state: {
      ...EMPTY_LEDGER,
      trouble: { state: 'outage', cause: 'unreachable', since: SINCE, detail: 'Unable to connect to API (ENOTFOUND)' },
    },
  },
  'agent down, n8n down': {
    due: trouble,
    state: {
      ...EMPTY_LEDGER,
      trouble: { state: 'agent_down', since: SINCE, detail: "it can't be reached (ECONNREFUSED)" },
    },
    context: { n8nProblem: "n8n can't be reached at http://n8n.n8n.svc:5678/api/v1 (ECONNREFUSED)" },
  },
  'workflows back': { due: { kind: 'workflows-back', reminder: false }, state: SAMPLES.recovered.state },
  'maintenance over': {
    due: { kind: 'maintenance-over', reminder: false },
    state: {
      ...SAMPLES.recovered.state,
      recovery: { ...SAMPLES.recovered.state.recovery, from: 'maintenance', reason: 'Upgrade' },
    },
  },
  'maintenance late': {
    ...SAMPLES.maintenance,
    due: { kind: 'maintenance', reminder: true },
    context: { now: '2026-03-01T05:00:00.000Z' },
  },
} satisfies Record<string, Sample>;
