import type { AgentControl } from './agent.ts';
import { AgentError } from './agent.ts';
import type { Book } from './ledger/lease.ts';
import { cardOf } from './teams/card.ts';
import type { CardContext } from './teams/card.ts';
import type { LedgerState } from './ledger/ledger.ts';
import { N8nUnavailableError } from './n8n/n8n.ts';
import type { N8n } from './n8n/n8n.ts';
import { postCard } from './teams/teams.ts';
import { listWorkflows, pauseWorkflows, resumeWorkflows, waiting } from './n8n/workflows.ts';

/** What the ledger is carried out with. */
export interface Means {
  /** Undefined where no n8n is configured. */
  readonly n8n: N8n | undefined;
  readonly n8nTag: string;
  readonly agent: AgentControl;
  /** A secret. Undefined where no webhook is configured. */
  readonly webhookUrl: string | undefined;
  readonly card: Omit<CardContext, 'n8nProblem' | 'now'>;
  /** Told of what was done. */
  readonly did: (sentence: string) => void;
  /** Told of what could not be done; the next pass tries again. */
  readonly failed: (sentence: string) => void;
}

/** A card of which nobody knows whether it arrived is not sent again before that. */
const UNKNOWN_MS = 15 * 60_000;

/** Whether nothing in this state is left to be done. */
export function isSettled(state: LedgerState): boolean {
  const { trouble, maintenance, recovery, agentPause, card } = state;
  return !trouble && !maintenance && !recovery && !agentPause && !card && waiting(state.workflows).length === 0;
}

/**
 * Does what the ledger says, each intent written before its act, so that whatever ends this pass, the next one goes on.
 * What fails stops nothing else.
 * @param forget annotations to remove with the last write, unless a maintenance goes on.
 * @throws LedgerConflictError when another pass took over. @throws LedgerError
 */
export async function settle(book: Book, means: Means, forget: readonly string[] = []): Promise<void> {
  const isAnnounced = book.state.maintenance !== undefined && book.state.card !== undefined;
  const listing = await withN8n(means, (n8n) => list(book, n8n, means));
  if (isAnnounced) await tell(book, means, listing);
  const problem = listing ?? (await withN8n(means, (n8n) => carryOut(book, n8n, means)));
  await setAgent(book, means);
  if (problem === undefined && book.state.recovery?.toldOfWaiting && !book.state.card) {
    await book.change({ card: { kind: 'workflows-back', reminder: false } });
  }
  if (!isAnnounced) await tell(book, means, problem);
  if (problem === undefined && !book.state.card) close(book);
  await book.release(book.state.maintenance ? [] : forget);
}

const wantsPause = ({ trouble, maintenance }: LedgerState): boolean => Boolean(trouble ?? maintenance);

async function list(book: Book, n8n: N8n, { n8nTag }: Means): Promise<void> {
  if (wantsPause(book.state) && !book.state.listed) await listWorkflows(book, n8n, n8nTag);
}

async function carryOut(book: Book, n8n: N8n, { did }: Means): Promise<void> {
  const before = book.state.workflows;
  const isPause = wantsPause(book.state);
  await (isPause ? pauseWorkflows(book, n8n) : resumeWorkflows(book, n8n)).finally(() => {
    const changed = book.state.workflows.filter(({ id, step }) => before.find((old) => old.id === id)?.step !== step);
    const named = (step: string) => changed.filter((workflow) => workflow.step === step).map(({ name }) => name);
    const [paused, resumed] = [named('paused'), named('resumed')];
    if (paused.length > 0) did(`Paused ${paused.length} workflow(s) of n8n: ${paused.join(', ')}.`);
    if (resumed.length > 0) did(`Resumed ${resumed.length} workflow(s) of n8n: ${resumed.join(', ')}.`);
    for (const { name, step, why } of changed) if (step === 'left') did(`Left alone: workflow ${name} ${why ?? ''}.`);
  });
}

/** @returns why n8n can't be asked, if so. */
async function withN8n({ n8n, failed }: Means, work: (n8n: N8n) => Promise<void>): Promise<string | undefined> {
  if (!n8n) return undefined;
  try {
    await work(n8n);
    return undefined;
  } catch (error) {
    if (!(error instanceof N8nUnavailableError)) throw error;
    failed(`${error.message}. The next pass goes on with the workflows.`);
    return error.message;
  }
}

async function setAgent(book: Book, { agent, did, failed }: Means): Promise<void> {
  const { agentPause, maintenance } = book.state;
  if (!agentPause) return;
  try {
    if (!maintenance) {
      const stays = await agent.resume(agentPause.reason);
      await book.change({ agentPause: undefined });
      did(
        stays === undefined ? 'The agent takes prompts again.' : `The agent stays paused by somebody else: ${stays}.`,
      );
    } else if (!agentPause.done) {
      await agent.pause(agentPause.reason);
      await book.change({ agentPause: { ...agentPause, done: true } });
      did('The agent is paused: it begins no run.');
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    failed(`The agent could not be ${maintenance ? 'paused' : 'resumed'}: ${error.message}.`);
  }
}

async function tell(book: Book, means: Means, n8nProblem: string | undefined): Promise<void> {
  const { card, recovery } = book.state;
  if (!card) return;
  const now = new Date().toISOString();
  if (card.attemptedAt !== undefined && apart(card.attemptedAt, now) < UNKNOWN_MS) {
    means.failed(
      'Nobody knows whether the last card arrived; it is sent again by a pass that is a quarter of an hour later.',
    );
    return;
  }
  const content = cardOf(card, book.state, { ...means.card, n8nProblem, now });
  if (means.webhookUrl !== undefined) {
    await book.change({ card: { ...card, attemptedAt: now } });
    const delivery = await postCard(means.webhookUrl, content);
    if (delivery.kind !== 'accepted') {
      means.failed(`The card "${String(content['fallbackText'])}" could not be sent to Teams: ${delivery.reason}.`);
      if (delivery.kind === 'refused') await book.change({ card });
      return;
    }
    means.did(`Sent the card "${String(content['fallbackText'])}" to Teams.`);
  }
  const isWaiting = waiting(book.state.workflows).length > 0;
  await book.change({
    card: undefined,
    toldAt: recovery ? undefined : now,
    ...(recovery && { recovery: { ...recovery, toldOfWaiting: isWaiting } }),
  });
}

/** What is over and told is forgotten. */
function close(book: Book): void {
  const { recovery, workflows } = book.state;
  if (recovery && waiting(workflows).length === 0) book.note({ recovery: undefined, workflows: [], listed: false });
}

/** Milliseconds between two times, whichever is earlier: a clock may have been set back between them. */
const apart = (one: string, other: string): number => Math.abs(Date.parse(one) - Date.parse(other));
