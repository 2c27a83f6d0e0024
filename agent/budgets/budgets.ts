import { callerNameOf } from '../callers/callers.ts';
import type { EndedRun, Run, RunRequest } from '../store/run.ts';
import type { RunSpending, SpendingRecords } from '../store/spending-records.ts';
import type { BudgetState } from './budget-state.ts';
import { BudgetSpentError } from './errors.ts';
import { periodOf, type Period } from './periods.ts';
import type { BudgetSetting } from './rules.ts';

/** What decides which budgets a run counts for. */
type Spender = Pick<RunRequest, 'caller' | 'labels'>;

/** A run in progress. */
interface Ongoing {
  readonly request: Spender;
  readonly spentUsd: () => number;
  /** Ends it because of a budget. Called once. */
  readonly cut: (spent: BudgetState) => void;
  isCut: boolean;
}

/** The sums of one budget, by the value of its label; without a label there is one, under an empty value. */
interface Sums {
  readonly setting: BudgetSetting;
  period: Period;
  ended: Map<string, number>;
}

/** How many values of a label are listed, at most. */
const VALUES = 100;

/** The records of what runs cost are kept this long, in milliseconds: longer than the longest period. */
const KEPT_MS = 40 * 86_400_000;

/** Counts what runs spend, and ends or refuses those that are over a budget. */
export class Budgets {
  readonly #records: SpendingRecords;
  readonly #sums: readonly Sums[];
  readonly #ongoing = new Map<string, Ongoing>();
  readonly #now: () => Date;

  /** @param now the time; periods follow the system clock. */
  constructor(settings: readonly BudgetSetting[], records: SpendingRecords, now = () => new Date()) {
    this.#records = records;
    this.#now = now;
    this.#sums = settings.map((setting) => ({ setting, period: periodOf(setting.per, now()), ended: new Map() }));
    const from = this.#sums.map(({ period }) => period.startsAt.toISOString()).sort()[0];
    if (from === undefined) return;
    for (const spending of records.since(from)) this.#add(spending);
  }

  /** Whether there are any. */
  get any(): boolean {
    return this.#sums.length > 0;
  }

  /** @throws {BudgetSpentError} if a budget that a run counts for is spent. */
  assertLeft(request: Spender): void {
    const spent = this.tightest(request);
    if (spent?.leftUsd === 0) throw new BudgetSpentError(spent, this.#now());
  }

  /** Of the budgets that a run counts for, the one that has the least left; undefined if it counts for none. */
  tightest(request: Spender): BudgetState | undefined {
    return this.#statesOf(request).reduce<BudgetState | undefined>(
      (least, each) => (least && least.leftUsd <= each.leftUsd ? least : each),
      undefined,
    );
  }

  /**
   * Counts a run while it is in progress.
   * @param spentUsd what it has spent so far.
   * @param cut ends it because a budget is spent; called at most once, perhaps at once.
   */
  follow({ id, request }: Run, spentUsd: () => number, cut: (spent: BudgetState) => void): void {
    if (!this.any) return;
    this.#ongoing.set(id, { request, spentUsd, cut, isCut: false });
    this.look(id);
  }

  /** Call when a run in progress has spent more. Ends all runs whose budget it has used up. */
  look(id: string): void {
    const spender = this.#ongoing.get(id);
    if (!spender) return;
    for (const spent of this.#statesOf(spender.request).filter(({ leftUsd }) => leftUsd === 0)) {
      for (const each of this.#ongoing.values()) {
        if (each.isCut || valueIn(spent, each.request) !== (spent.value ?? '')) continue;
        each.isCut = true;
        each.cut(spent);
      }
    }
    this.#keep(id, spender);
  }

  /** The agent may be killed before the run has a record of its cost. */
  #keep(runId: string, { request, spentUsd }: Ongoing): void {
    const usd = spentUsd();
    const { labels } = request;
    const endedAt = this.#now().toISOString();
    if (usd > 0) this.#records.keep({ runId, caller: callerNameOf({ request }), labels, usd, endedAt });
  }

  /** Call when the end of a run is on disk: from now on its record counts. */
  settle(run: EndedRun): void {
    const soFar = this.#ongoing.get(run.id)?.spentUsd() ?? 0;
    this.#ongoing.delete(run.id);
    const { costUsd: usd = soFar } = run.result;
    const { labels } = run.request;
    if (usd > 0) this.#add({ runId: run.id, caller: callerNameOf(run), labels, usd, endedAt: run.endedAt });
  }

  /** All budgets. One of a label has an entry for each value that has spent something, the most spent first, at most a hundred. */
  get states(): BudgetState[] {
    return this.#sums.flatMap((sums) => {
      const ongoing = [...this.#ongoing.values()].flatMap(({ request }) => valueIn(sums.setting, request) ?? []);
      const values = sums.setting.label === undefined ? [''] : new Set([...this.#endedIn(sums).keys(), ...ongoing]);
      const states = [...values].map((value) => this.#stateOf(sums, value));
      return states.sort((a, b) => b.spentUsd - a.spentUsd).slice(0, VALUES);
    });
  }

  /** Forgets what no budget counts any more. Returns how many runs were forgotten. */
  prune(): number {
    return this.#records.removeBefore(new Date(this.#now().getTime() - KEPT_MS).toISOString());
  }

  /** The budgets that a run counts for. */
  #statesOf(request: Spender): BudgetState[] {
    return this.#sums.flatMap((sums) => {
      const value = valueIn(sums.setting, request);
      return value === undefined ? [] : [this.#stateOf(sums, value)];
    });
  }

  #stateOf(sums: Sums, value: string): BudgetState {
    const { setting } = sums;
    let spentUsd = this.#endedIn(sums).get(value) ?? 0;
    for (const { request, spentUsd: soFar } of this.#ongoing.values()) {
      if (valueIn(setting, request) === value) spentUsd += soFar();
    }
    return {
      ...setting,
      ...(setting.label !== undefined && { value }),
      spentUsd,
      leftUsd: Math.max(0, setting.usd - spentUsd),
      resetsAt: sums.period.resetsAt.toISOString(),
    };
  }

  /** What ended runs have spent in the current period. */
  #endedIn(sums: Sums): Map<string, number> {
    const now = this.#now();
    if (now < sums.period.startsAt || now >= sums.period.resetsAt) {
      sums.period = periodOf(sums.setting.per, now);
      sums.ended = new Map();
      const spendings = this.#records.since(sums.period.startsAt.toISOString());
      // Those in progress are added when they are settled, even if their record is there already.
      for (const spending of spendings) if (!this.#ongoing.has(spending.runId)) addTo(sums, spending);
    }
    return sums.ended;
  }

  #add(spending: RunSpending): void {
    for (const sums of this.#sums) {
      if (Date.parse(spending.endedAt) >= sums.period.startsAt.getTime()) addTo(sums, spending);
    }
  }
}

function addTo({ setting, ended }: Sums, { usd, caller, labels }: RunSpending): void {
  const value = valueIn(setting, { caller, labels });
  if (value !== undefined) ended.set(value, (ended.get(value) ?? 0) + usd);
}

/** Which of the sums of a budget a run counts for; undefined for none. */
function valueIn({ caller, label }: BudgetSetting, request: Spender): string | undefined {
  if (caller !== undefined && caller !== callerNameOf({ request })) return undefined;
  return label === undefined ? '' : request.labels[label];
}
