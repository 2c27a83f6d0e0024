import { stillPaused } from '../contract.ts';
import type { CredentialKind } from '../contract.ts';
import type { DueCard, LedgerState, PausedWorkflow } from '../ledger/ledger.ts';
import type { Commands } from './commands.ts';
import { capped, layOut, short } from './layout.ts';
import type { Block, Card, Content } from './layout.ts';
import { causeOf, fixOf, spanOf, timeOf, TITLES } from './words.ts';

/** What a card needs to know besides the ledger. */
export interface CardContext {
  readonly authMode: CredentialKind;
  readonly commands: Commands;
  /** The agent's status page, where a person can log in if `authMode` is `session`. */
  readonly pageUrl: string | undefined;
  readonly guideUrl: string | undefined;
  readonly n8nUrl: string | undefined;
  /** Why n8n is not available, if so. */
  readonly n8nProblem: string | undefined;
  readonly now: string;
}

interface DrawContext extends CardContext {
  readonly maxNames: number;
}

/** Teams rejects a message above 28 KB; this leaves room for what wraps the card. */
const MAX_CARD_BYTES = 26_000;

/** How many names a list has at most, the rest is counted; fewer if the card gets too large. */
const MAX_NAMES = [40, 20, 5, 0] as const;

/** Draws a card for this state of the ledger. Pure. */
export function cardOf(due: DueCard, state: LedgerState, context: CardContext): Card {
  const [most, ...fewer] = MAX_NAMES;
  let card = draw(due, state, { ...context, maxNames: most });
  for (const maxNames of fewer) {
    if (Buffer.byteLength(JSON.stringify(card)) <= MAX_CARD_BYTES) break;
    card = draw(due, state, { ...context, maxNames });
  }
  return card;
}

/** @param context with how many names to list. */
const draw = (due: DueCard, state: LedgerState, context: DrawContext): Card =>
  layOut(CONTENTS[due.kind](due, state, context), due.attemptedAt !== undefined);

const CONTENTS: Record<DueCard['kind'], (due: DueCard, state: LedgerState, context: DrawContext) => Content> = {
  trouble: troubleCard,
  recovered: (_due, state, context) => overCard(state, context),
  'workflows-back': (_due, state, context) => workflowsBackCard(state, context),
  maintenance: maintenanceCard,
  'maintenance-over': (_due, state, context) => overCard(state, context),
};

function troubleCard({ reminder }: DueCard, state: LedgerState, context: DrawContext): Content {
  const { trouble } = state;
  if (!trouble) throw new Error('The ledger has no trouble.');
  const isLogin = trouble.state === 'auth_failed';
  const title = `${reminder ? 'Still: ' : ''}${TITLES[trouble.state]}`;
  const cause = causeOf(trouble, context.authMode);
  const advice =
    trouble.state === 'auth_failed' || trouble.state === 'agent_down' ? '' : ' Wait: a new login does not help.';
  return {
    style: isLogin ? 'attention' : 'warning',
    title,
    lead: `${cause}${advice}`,
    facts: [
      [context.commands.place.kind, trouble.host ?? context.commands.place.name],
      ['Since', `${timeOf(trouble.since)}${reminder ? ` (${spanOf(trouble.since, context.now)})` : ''}`],
      ...(trouble.state === 'usage_limited'
        ? [['Limit ends', trouble.resetsAt === undefined ? 'unknown' : timeOf(trouble.resetsAt)] as const]
        : []),
    ],
    blocks: [
      { heading: 'Details', lines: trouble.detail === '' || cause.includes(trouble.detail) ? [] : [trouble.detail] },
      {
        heading: isLogin ? 'What to do' : 'Where to look',
        lines: fixOf(trouble, context.authMode, context.commands),
        isCode: true,
      },
      ...workflowBlocks(state, context),
    ],
    buttons: [...(isLogin ? [{ title: 'Refresh Tokens', url: refreshUrlOf(context) }] : []), n8nButton(context)],
  };
}

function overCard(state: LedgerState, context: DrawContext): Content {
  const { recovery } = state;
  if (!recovery) throw new Error('The ledger has no recovery.');
  const took = spanOf(recovery.since, recovery.until);
  const isMaintenance = recovery.from === 'maintenance';
  return {
    style: 'good',
    title: isMaintenance ? 'Maintenance is over' : 'Claude works again',
    lead: isMaintenance
      ? `It took ${took}. Claude's login works.`
      : `It recovered after ${took}. The problem was: ${TITLES[recovery.from as keyof typeof TITLES]}.`,
    facts: [
      ['From', timeOf(recovery.since)],
      ['Until', timeOf(recovery.until)],
    ],
    blocks: [
      { heading: 'Reason', lines: recovery.reason === undefined ? [] : [recovery.reason] },
      ...backBlocks(state, context),
      ...problemBlock(state, context),
    ],
    buttons: [n8nButton(context)],
  };
}

function workflowsBackCard(state: LedgerState, context: DrawContext): Content {
  return {
    style: 'good',
    title: 'The workflows are back',
    lead: 'n8n is available again, and the workflows that were waiting for it are published.',
    facts: [],
    blocks: backBlocks(state, context),
    buttons: [n8nButton(context)],
  };
}

function maintenanceCard({ reminder }: DueCard, state: LedgerState, context: DrawContext): Content {
  const { maintenance } = state;
  if (!maintenance) throw new Error('The ledger has no maintenance.');
  const isLate = maintenance.expectedEnd !== undefined && maintenance.expectedEnd < context.now;
  return {
    style: 'accent',
    title: reminder ? 'Still: maintenance of the Claude agent' : 'Maintenance of the Claude agent',
    lead: isLate
      ? 'It was expected to have ended by now. No prompts run until it ends.'
      : 'No prompts run until it ends.',
    facts: [
      ['Since', timeOf(maintenance.since)],
      ...(maintenance.expectedEnd === undefined ? [] : [['Expected end', timeOf(maintenance.expectedEnd)] as const]),
    ],
    blocks: [
      { heading: 'Reason', lines: [maintenance.reason] },
      ...workflowBlocks(state, context),
      {
        heading: 'To end it',
        lines: [context.commands.endMaintenance],
        isCode: true,
      },
    ],
    buttons: [n8nButton(context)],
  };
}

function workflowBlocks(state: LedgerState, context: DrawContext): Block[] {
  const paused = stillPaused(state.workflows);
  return [
    { heading: `Paused workflows (${paused.length})`, lines: names(paused, context.maxNames) },
    leftBlock(state.workflows, context.maxNames),
    ...problemBlock(state, context),
  ];
}

function backBlocks({ workflows }: LedgerState, { maxNames }: DrawContext): Block[] {
  const resumed = workflows.filter(({ step }) => step === 'resumed');
  const still = stillPaused(workflows);
  return [
    { heading: `Resumed workflows (${resumed.length})`, lines: names(resumed, maxNames) },
    { heading: `Still paused (${still.length})`, lines: names(still, maxNames) },
    leftBlock(workflows, maxNames),
  ];
}

function leftBlock(workflows: readonly PausedWorkflow[], maxNames: number): Block {
  const left = workflows.filter(({ step }) => step === 'left');
  const lines = capped(
    left.map(({ name, why = '' }) => `• ${short(name)} ${why}`),
    maxNames,
  );
  return { heading: `Left unchanged, please check (${left.length})`, lines };
}

function problemBlock(state: LedgerState, { n8nProblem }: CardContext): Block[] {
  if (n8nProblem === undefined) return [];
  const next = state.recovery ? 'Paused workflows resume' : 'Workflows are paused';
  return [{ heading: 'n8n', lines: [`${n8nProblem}. ${next} as soon as n8n is available; each check tries again.`] }];
}

const names = (workflows: readonly PausedWorkflow[], max: number): string[] =>
  capped(
    workflows.map(({ name }) => `• ${short(name)}`),
    max,
  );

/** Leads to n8n. */
const n8nButton = ({ n8nUrl }: CardContext) => ({ title: 'Open n8n', url: n8nUrl });

/** Where a person gets the agent a new credential, or reads how. */
function refreshUrlOf({ authMode, pageUrl, guideUrl }: CardContext): string | undefined {
  if (authMode === 'session' && pageUrl !== undefined) return pageUrl;
  return guideUrl === undefined ? undefined : sectionOf(guideUrl);
}

/** The guide's section, unless the URL names one. */
const sectionOf = (guideUrl: string): string => (guideUrl.includes('#') ? guideUrl : `${guideUrl}#refresh-tokens`);
