import { budgetCardOf } from './budgets/card.ts';
import type { Budget } from './budgets/budget.ts';
import { attemptOf, dueWarnings, remembered } from './budgets/warnings.ts';
import { AgentError } from './agent.ts';
import type { AgentClient } from './agent.ts';
import { stillPaused } from './contract.ts';
import type { LedgerLease } from './ledger/lease.ts';
import type { LedgerState } from './ledger/ledger.ts';
import type { Log } from './log.ts';
import { N8nUnavailableError } from './n8n/client.ts';
import type { N8nClient } from './n8n/client.ts';
import { listWorkflows, pauseWorkflows, resumeWorkflows } from './n8n/workflows.ts';
import { cardOf } from './teams/card.ts';
import type { CardContext } from './teams/card.ts';
import type { Card } from './teams/layout.ts';
import { postCard } from './teams/webhook.ts';

/** What the ledger is reconciled with. */
export interface Dependencies {
  /** Undefined if no n8n is configured. */
  readonly n8n: N8nClient | undefined;
  readonly n8nTag: string;
  readonly agent: AgentClient;
  /** A secret. Undefined if no webhook is configured. */
  readonly webhookUrl: string | undefined;
  readonly card: Omit<CardContext, 'n8nProblem' | 'now'>;
  /** What the agent says of its budgets. */
  readonly budgets: readonly Budget[];
  readonly log: Log;
}

/** A card that may have arrived is not sent again before that. */
const RESEND_AFTER_MS = 15 * 60_000;

/** Whether nothing in this state is left to do, and nothing is to be told of these budgets. */
export function isReconciled(state: LedgerState, budgets: readonly Budget[]): boolean {
  const { trouble, maintenance, recovery, agentPause, card } = state;
  if (dueWarnings(budgets, state, new Date()).length > 0) return false;
  return !trouble && !maintenance && !recovery && !agentPause && !card && stillPaused(state.workflows).length === 0;
}

/**
 * Does what the ledger says. Each intent is written before its act, so that the next pass continues wherever this one ends.
 * A failure is logged and stops nothing else.
 * @param annotationsToRemove with the last write, unless a maintenance continues.
 * @returns whether everything was done; the next pass retries the rest.
 * @throws LedgerConflictError when another pass took over. @throws LedgerError
 */
export async function reconcile(
  lease: LedgerLease,
  dependencies: Dependencies,
  annotationsToRemove: readonly string[] = [],
): Promise<boolean> {
  const reconciliation = new Reconciliation(lease, dependencies);
  await reconciliation.run();
  await lease.release(lease.state.maintenance ? [] : annotationsToRemove);
  return !reconciliation.hasFailed;
}

/** A card to send. */
interface Sending {
  readonly draw: (now: string) => Card;
  /** When it was sent, if it is unknown whether it arrived. */
  readonly attempted: string | undefined;
  /** What to write into the ledger before it is sent. */
  readonly note: (attemptedAt: string) => Partial<LedgerState>;
}

class Reconciliation {
  hasFailed = false;
  readonly #lease: LedgerLease;
  readonly #dependencies: Dependencies;

  constructor(lease: LedgerLease, dependencies: Dependencies) {
    this.#lease = lease;
    this.#dependencies = dependencies;
  }

  async run(): Promise<void> {
    const lease = this.#lease;
    // A maintenance is announced before anything is paused; trouble is reported with what was paused.
    const isAnnouncement = lease.state.maintenance !== undefined && lease.state.card !== undefined;
    const listing = await this.#withN8n((n8n) => this.#listWorkflows(n8n));
    if (isAnnouncement) await this.#sendCard(listing);
    const n8nProblem = listing ?? (await this.#withN8n((n8n) => this.#setWorkflows(n8n)));
    await this.#setAgent();
    if (n8nProblem === undefined && lease.state.recovery?.toldOfWaiting && !lease.state.card) {
      await lease.commit({ card: { kind: 'workflows-back', reminder: false } });
    }
    if (!isAnnouncement) await this.#sendCard(n8nProblem);
    await this.#sendBudgetCard();
    if (n8nProblem === undefined && !lease.state.card) this.#closeRecovery();
  }

  #done(sentence: string): void {
    this.#dependencies.log.info({}, sentence);
  }

  #failed(sentence: string): void {
    this.hasFailed = true;
    this.#dependencies.log.error({}, sentence);
  }

  get #wantsPause(): boolean {
    const { trouble, maintenance } = this.#lease.state;
    return Boolean(trouble ?? maintenance);
  }

  /** @returns why n8n is not available, if so. */
  async #withN8n(work: (n8n: N8nClient) => Promise<void>): Promise<string | undefined> {
    const { n8n } = this.#dependencies;
    if (!n8n) return undefined;
    try {
      await work(n8n);
      return undefined;
    } catch (error) {
      if (!(error instanceof N8nUnavailableError)) throw error;
      this.#failed(`${error.message}. The next pass tries again.`);
      return error.message;
    }
  }

  async #listWorkflows(n8n: N8nClient): Promise<void> {
    if (!this.#wantsPause || this.#lease.state.listed) return;
    await listWorkflows(this.#lease, n8n, this.#dependencies.n8nTag);
  }

  async #setWorkflows(n8n: N8nClient): Promise<void> {
    const lease = this.#lease;
    const before = new Map(lease.state.workflows.map(({ id, step }) => [id, step]));
    try {
      await (this.#wantsPause ? pauseWorkflows(lease, n8n) : resumeWorkflows(lease, n8n));
    } finally {
      const changed = lease.state.workflows.filter(({ id, step }) => before.get(id) !== step);
      const named = (step: string) => changed.filter((workflow) => workflow.step === step).map(({ name }) => name);
      const [paused, resumed] = [named('paused'), named('resumed')];
      if (paused.length > 0) this.#done(`Paused ${paused.length} workflow(s) in n8n: ${paused.join(', ')}.`);
      if (resumed.length > 0) this.#done(`Resumed ${resumed.length} workflow(s) in n8n: ${resumed.join(', ')}.`);
      for (const { name, step, why } of changed)
        if (step === 'left') this.#done(`Left unchanged: workflow ${name} ${why ?? ''}.`);
    }
  }

  async #setAgent(): Promise<void> {
    const { agent } = this.#dependencies;
    const { agentPause, maintenance } = this.#lease.state;
    if (!agentPause) return;
    try {
      if (!maintenance) {
        const otherPause = await agent.resume(agentPause.reason);
        await this.#lease.commit({ agentPause: undefined });
        this.#done(
          otherPause === undefined
            ? 'The agent accepts prompts again.'
            : `The agent stays paused by someone else: ${otherPause}.`,
        );
      } else if (!agentPause.done) {
        await agent.pause(agentPause.reason);
        await this.#lease.commit({ agentPause: { ...agentPause, done: true } });
        this.#done('The agent is paused and starts no runs.');
      }
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#failed(`The agent could not be ${maintenance ? 'paused' : 'resumed'}: ${error.message}.`);
    }
  }

  async #sendCard(n8nProblem: string | undefined): Promise<void> {
    const { card, recovery } = this.#lease.state;
    if (!card) return;
    const isSent = await this.#send({
      draw: (now) => cardOf(card, this.#lease.state, { ...this.#dependencies.card, n8nProblem, now }),
      attempted: card.attemptedAt,
      note: (attemptedAt) => ({ card: { ...card, attemptedAt } }),
    });
    if (!isSent) return;
    const toldOfWaiting = stillPaused(this.#lease.state.workflows).length > 0;
    await this.#lease.commit({
      card: undefined,
      toldAt: recovery ? undefined : new Date().toISOString(),
      ...(recovery && { recovery: { ...recovery, toldOfWaiting } }),
    });
  }

  async #sendBudgetCard(): Promise<void> {
    const { state } = this.#lease;
    const due = dueWarnings(this.#dependencies.budgets, state, new Date());
    if (due.length === 0) return;
    const attempted = attemptOf(due, state);
    const isSent = await this.#send({
      draw: () => budgetCardOf(due, this.#dependencies.card, attempted !== undefined),
      attempted,
      note: (attemptedAt) => ({ budgets: remembered(state, due, attemptedAt) }),
    });
    if (isSent) await this.#lease.commit({ budgets: remembered(state, due) });
  }

  /** Sends a card, unless no webhook is configured. @returns whether nothing is left to send. */
  async #send({ draw, attempted, note }: Sending): Promise<boolean> {
    const { webhookUrl } = this.#dependencies;
    const now = new Date();
    // A clock may have been set back since the attempt.
    if (attempted !== undefined && Math.abs(now.getTime() - Date.parse(attempted)) < RESEND_AFTER_MS) {
      this.#failed('It is unknown whether the last card arrived. It is sent again after 15 minutes.');
      return false;
    }
    if (webhookUrl === undefined) return true;
    const { card, budgets } = this.#lease.state;
    const content = draw(now.toISOString());
    const title = String(content['fallbackText']);
    await this.#lease.commit(note(now.toISOString()));
    const delivery = await postCard(webhookUrl, content);
    if (delivery.kind !== 'accepted') {
      this.#failed(`The card "${title}" could not be sent to Teams: ${delivery.reason}.`);
      if (delivery.kind === 'refused') await this.#lease.commit({ card, budgets });
      return false;
    }
    this.#done(`Sent the card "${title}" to Teams.`);
    return true;
  }

  /** A recovery that was reported is forgotten once every workflow is back. */
  #closeRecovery(): void {
    const { recovery, workflows } = this.#lease.state;
    if (recovery && stillPaused(workflows).length === 0) {
      this.#lease.stage({ recovery: undefined, workflows: [], listed: false });
    }
  }
}
