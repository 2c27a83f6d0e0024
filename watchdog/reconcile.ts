import type { AgentClient } from './agent.ts';
import { AgentError } from './agent.ts';
import { stillPaused } from './contract.ts';
import type { LedgerLease } from './ledger/lease.ts';
import { cardOf } from './teams/card.ts';
import type { CardContext } from './teams/card.ts';
import type { LedgerState } from './ledger/ledger.ts';
import { N8nUnavailableError } from './n8n/client.ts';
import type { N8nClient } from './n8n/client.ts';
import { postCard } from './teams/webhook.ts';
import { listWorkflows, pauseWorkflows, resumeWorkflows } from './n8n/workflows.ts';

/** What the ledger is carried out with. */
export interface Dependencies {
  /** Undefined where no n8n is configured. */
  readonly n8n: N8nClient | undefined;
  readonly n8nTag: string;
  readonly agent: AgentClient;
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
export function isReconciled(state: LedgerState): boolean {
  const { trouble, maintenance, recovery, agentPause, card } = state;
  return !trouble && !maintenance && !recovery && !agentPause && !card && stillPaused(state.workflows).length === 0;
}

/**
 * Does what the ledger says, each intent written before its act, so that whatever ends this pass, the next one goes on.
 * What fails stops nothing else.
 * @param forget annotations to remove with the last write, unless a maintenance goes on.
 * @throws LedgerConflictError when another pass took over. @throws LedgerError
 */
export async function reconcile(
  lease: LedgerLease,
  dependencies: Dependencies,
  forget: readonly string[] = [],
): Promise<void> {
  const isAnnounced = lease.state.maintenance !== undefined && lease.state.card !== undefined;
  const listing = await withN8n(dependencies, (n8n) => list(lease, n8n, dependencies));
  if (isAnnounced) await tell(lease, dependencies, listing);
  const problem = listing ?? (await withN8n(dependencies, (n8n) => carryOut(lease, n8n, dependencies)));
  await setAgent(lease, dependencies);
  if (problem === undefined && lease.state.recovery?.toldOfWaiting && !lease.state.card) {
    await lease.commit({ card: { kind: 'workflows-back', reminder: false } });
  }
  if (!isAnnounced) await tell(lease, dependencies, problem);
  if (problem === undefined && !lease.state.card) close(lease);
  await lease.release(lease.state.maintenance ? [] : forget);
}

const wantsPause = ({ trouble, maintenance }: LedgerState): boolean => Boolean(trouble ?? maintenance);

async function list(lease: LedgerLease, n8n: N8nClient, { n8nTag }: Dependencies): Promise<void> {
  if (wantsPause(lease.state) && !lease.state.listed) await listWorkflows(lease, n8n, n8nTag);
}

async function carryOut(lease: LedgerLease, n8n: N8nClient, { did }: Dependencies): Promise<void> {
  const before = lease.state.workflows;
  const isPause = wantsPause(lease.state);
  await (isPause ? pauseWorkflows(lease, n8n) : resumeWorkflows(lease, n8n)).finally(() => {
    const changed = lease.state.workflows.filter(({ id, step }) => before.find((old) => old.id === id)?.step !== step);
    const named = (step: string) => changed.filter((workflow) => workflow.step === step).map(({ name }) => name);
    const [paused, resumed] = [named('paused'), named('resumed')];
    if (paused.length > 0) did(`Paused ${paused.length} workflow(s) of n8n: ${paused.join(', ')}.`);
    if (resumed.length > 0) did(`Resumed ${resumed.length} workflow(s) of n8n: ${resumed.join(', ')}.`);
    for (const { name, step, why } of changed) if (step === 'left') did(`Left alone: workflow ${name} ${why ?? ''}.`);
  });
}

/** @returns why n8n can't be asked, if so. */
async function withN8n(
  { n8n, failed }: Dependencies,
  work: (n8n: N8nClient) => Promise<void>,
): Promise<string | undefined> {
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

async function setAgent(lease: LedgerLease, { agent, did, failed }: Dependencies): Promise<void> {
  const { agentPause, maintenance } = lease.state;
  if (!agentPause) return;
  try {
    if (!maintenance) {
      const stays = await agent.resume(agentPause.reason);
      await lease.commit({ agentPause: undefined });
      did(
        stays === undefined ? 'The agent takes prompts again.' : `The agent stays paused by somebody else: ${stays}.`,
      );
    } else if (!agentPause.done) {
      await agent.pause(agentPause.reason);
      await lease.commit({ agentPause: { ...agentPause, done: true } });
      did('The agent is paused: it begins no run.');
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    failed(`The agent could not be ${maintenance ? 'paused' : 'resumed'}: ${error.message}.`);
  }
}

async function tell(lease: LedgerLease, dependencies: Dependencies, n8nProblem: string | undefined): Promise<void> {
  const { card, recovery } = lease.state;
  if (!card) return;
  const now = new Date().toISOString();
  if (card.attemptedAt !== undefined && apart(card.attemptedAt, now) < UNKNOWN_MS) {
    dependencies.failed(
      'Nobody knows whether the last card arrived; it is sent again by a pass that is a quarter of an hour later.',
    );
    return;
  }
  const content = cardOf(card, lease.state, { ...dependencies.card, n8nProblem, now });
  if (dependencies.webhookUrl !== undefined) {
    await lease.commit({ card: { ...card, attemptedAt: now } });
    const delivery = await postCard(dependencies.webhookUrl, content);
    if (delivery.kind !== 'accepted') {
      dependencies.failed(
        `The card "${String(content['fallbackText'])}" could not be sent to Teams: ${delivery.reason}.`,
      );
      if (delivery.kind === 'refused') await lease.commit({ card });
      return;
    }
    dependencies.did(`Sent the card "${String(content['fallbackText'])}" to Teams.`);
  }
  const isWaiting = stillPaused(lease.state.workflows).length > 0;
  await lease.commit({
    card: undefined,
    toldAt: recovery ? undefined : now,
    ...(recovery && { recovery: { ...recovery, toldOfWaiting: isWaiting } }),
  });
}

/** What is over and told is forgotten. */
function close(lease: LedgerLease): void {
  const { recovery, workflows } = lease.state;
  if (recovery && stillPaused(workflows).length === 0)
    lease.stage({ recovery: undefined, workflows: [], listed: false });
}

/** Milliseconds between two times, whichever is earlier: a clock may have been set back between them. */
const apart = (one: string, other: string): number => Math.abs(Date.parse(one) - Date.parse(other));
