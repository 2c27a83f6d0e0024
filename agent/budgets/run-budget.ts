import type { RunReport, StartedClaude } from '../claude/claude.ts';
import type { RunOptions } from '../http/api/run-request.ts';
import { NO_OUTPUT, type Run, type RunResult } from '../store/run.ts';
import { wordsOf, type BudgetState } from './budget-state.ts';
import type { Budgets } from './budgets.ts';

/** The CLI's `subtype` for a run that it ended because of `--max-budget-usd`. */
const OVER_LIMIT = 'error_max_budget_usd';
/** The CLI refuses 0, and an exponent. */
const LEAST_USD = 1e-6;
const DIGITS = 6;

/** The budgets of one run, from before its start until its end. */
export class RunBudget {
  readonly #budgets: Budgets;
  readonly #run: Run;
  /** Why the run was ended. */
  #spent: BudgetState | undefined;
  #isLimited = false;

  constructor(budgets: Budgets, run: Run) {
    this.#budgets = budgets;
    this.#run = run;
  }

  /** The result of a run that cannot start because a budget is spent; undefined if it can. */
  get instead(): RunResult | undefined {
    const spent = this.#tightest;
    if (spent?.leftUsd !== 0) return undefined;
    return { ...NO_OUTPUT, outcome: 'failed', error: `${wordsOf(spent)} The run was not started.` };
  }

  /**
   * The options for the CLI, whose limit is at most what is left.
   * @param isMetered whether the agent sees what the CLI spends. Otherwise the CLI gets a limit even if the run has none.
   */
  limited(isMetered: boolean): RunOptions {
    const { options } = this.#run.request;
    const { leftUsd = Infinity } = this.#tightest ?? {};
    const limit = options.maxBudgetUsd ?? (isMetered ? 0 : Infinity);
    if (leftUsd >= limit) return options;
    this.#isLimited = true;
    return { ...options, maxBudgetUsd: Number(Math.max(LEAST_USD, leftUsd).toFixed(DIGITS)) };
  }

  /** Counts what a process spends. @param end ends the run. */
  follow(process: StartedClaude, end: () => void): void {
    this.#budgets.follow(this.#run, process.spentUsd, (spent) => {
      this.#spent = spent;
      end();
    });
  }

  /** Call when the process has spent more. */
  look(): void {
    this.#budgets.look(this.#run.id);
  }

  /** The result, which says which budget is spent if the run was ended because of one. */
  explained(result: RunResult, { endedBy, transcript }: RunReport): RunResult {
    const isOver = this.#isLimited && endedBy === 'itself' && transcript.result?.subtype === OVER_LIMIT;
    const spent = endedBy === 'budget' ? this.#spent : isOver ? this.#tightest : undefined;
    return spent ? { ...result, error: `${wordsOf(spent)} The run was stopped.` } : result;
  }

  get #tightest(): BudgetState | undefined {
    return this.#budgets.tightest(this.#run.request);
  }
}
