import type { Budgets } from '../budgets/budgets.ts';
import { RunBudget } from '../budgets/run-budget.ts';
import type { Claude, StartedClaude } from '../claude/claude.ts';
import { NoConversationError } from '../claude/configuration.ts';
import type { Decisions } from '../decisions/decisions.ts';
import { Deadline } from '../claude/deadline.ts';
import { NoRunnerError } from '../claude/no-runner-error.ts';
import { MissingContentError, type FileStore, type HeldFiles } from '../files/file-store.ts';
import { GitError } from '../git/errors.ts';
import { EndedError } from '../git/run/ended-error.ts';
import type { GitRun } from '../git/run/git-run.ts';
import type { GitRuns } from '../git/run/git-runs.ts';
import { noRunner, notBegunForStorage, timedOutInQueue } from './endings.ts';
import { StorageError } from './errors.ts';
import type { RunEvents } from './events.ts';
import type { LoginStatus } from '../login/status.ts';
import { requestEnd, type Job } from './job.ts';
import { endedBeforePrompt, failedByAgent, judge } from './outcome.ts';
import type { RunRecords } from './records.ts';
import type { Log } from '../log.ts';
import type { RunSteps } from '../steps/run-steps.ts';
import type { GitProgress } from '../store/git-records.ts';
import { NO_OUTPUT, type EndedRun, type RunResult } from '../store/run.ts';
import { processSpanOf } from '../tracing/trace.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** What an {@link Executor} needs. */
export interface ExecutorDependencies {
  readonly records: RunRecords;
  readonly claude: Claude;
  readonly loginStatus: LoginStatus;
  readonly events: RunEvents;
  readonly steps: RunSteps;
  readonly workspace: Workspace;
  readonly decisions: Decisions;
  readonly files: FileStore;
  readonly git: GitRuns;
  readonly budgets: Budgets;
  /** Undefined if runs have no spans. */
  readonly tracing: Tracing | undefined;
  readonly log: Log;
  /** Called with the process of the run after it has started. */
  readonly onStarted: (process: StartedClaude) => void;
  /** Called when the end is on disk, possibly before the last process is gone. */
  readonly onEnded: (job: Job, run: EndedRun) => void;
}

/** Tells a waiting client of a run that the next agent goes on with. */
const UNFINISHED =
  'The agent shut down before the end of the run was on disk. When it has started again, GET /runs/{id} shows what became of it.';

/**
 * Executes a run: record the start, execute, judge, record the end, notify, reap. An exception on the way becomes the
 * result of the run.
 */
export class Executor {
  readonly #dependencies: ExecutorDependencies;

  constructor(dependencies: ExecutorDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Never rejects.
   * @returns when no process of the run is left.
   */
  async execute(job: Job): Promise<void> {
    const { records, onEnded } = this.#dependencies;
    const result = await this.#resultOf(job);
    const ended = result && (await records.end(job, result));
    if (!result) job.ended.reject(new StorageError(UNFINISHED));
    job.releaseFiles?.();
    if (ended) records.notify(ended, () => onEnded(job, ended));
    await this.#reap(job);
    await job.git?.close({ hasEnded: ended !== undefined });
  }

  /**
   * Never rejects. Undefined if the agent shuts down before the start is on disk, or before the work of the run is published:
   * the next agent then goes on.
   */
  async #resultOf(job: Job): Promise<RunResult | undefined> {
    try {
      return await this.#run(job);
    } catch (error) {
      this.#dependencies.log.error({ runId: job.run.id, err: error }, 'the agent failed during a run');
      job.process?.end('fault');
      job.git?.giveUp();
      return failedByAgent(error);
    }
  }

  async #run(job: Job): Promise<RunResult | undefined> {
    const { records, workspace, loginStatus, files, budgets, onStarted } = this.#dependencies;
    const unpublished = await this.#gitOf(job);
    if (unpublished) return job.git?.complete(unpublished);
    if (!(await records.begin(job))) return undefined;
    records.notify(job.run, () => this.#dependencies.steps.begin(job.run.id));
    const { git } = job;
    job.folder = git?.workdir ?? workspace.enter(job.run.request.workdir);
    const budget = new RunBudget(budgets, job.run);
    const instead = reasonNotToBegin(job, git ? workspace.dir : job.folder, workspace) ?? budget.instead;
    if (instead) return instead;
    const { timeoutMs, queueTimeoutMs } = job.run.request;
    if (queueTimeoutMs !== undefined) job.deadline = performance.now() + timeoutMs;
    records.announceStart(job);

    const { version } = loginStatus.credential.status();
    const process = await this.#start(job, job.folder, budget);
    if (!('report' in process)) return process;
    job.process = process;
    if (job.endReason) process.end(job.endReason);
    records.notify(job.run, () => budget.follow(process, () => requestEnd(job, 'budget')));
    records.notify(job.run, () => onStarted(process));
    job.stopWatching = workspace.watch(process);

    const report = await process.report;
    job.answeredAt = report.transcript.answeredAt;
    const judged = budget.explained(judge(report, job.run.request.options), report);
    const result = loginStatus.reclassify(judged, report.transcript.apiError?.status, version);
    records.notify(job.run, () => loginStatus.observe(result));
    job.answer = result;
    const whole = report.collected ? withFiles(result, job, await files.keep(job.run, report.collected)) : result;
    return git ? git.finish(whole, process.reaped) : whole;
  }

  /** @returns what an earlier agent has received of it and not published, if anything. */
  async #gitOf(job: Job): Promise<GitProgress | undefined> {
    const { git } = this.#dependencies;
    const ofRun = await git.forRun(job.run);
    if (ofRun) job.git = ofRun;
    if (job.endReason) ofRun?.end(job.endReason);
    return git.unpublished(job.run);
  }

  async #start(job: Job, workdir: string, budget: RunBudget): Promise<StartedClaude | RunResult> {
    const { claude, events, steps, records, decisions, files, tracing } = this.#dependencies;
    const { run, deadline } = job;
    const { prompt, options, resume } = run.request;
    const conflict = decisions.conflictOf(options);
    if (conflict !== undefined) {
      return { ...NO_OUTPUT, outcome: 'failed', error: `\`approve\` ${conflict}. The run was not started.` };
    }
    // Before there is a process, only the clone can be ended.
    const late = job.git && new Deadline(deadline, () => job.git?.end('deadline'));
    try {
      job.asks = decisions.forRun(job);
      return await claude.start({
        runId: run.id,
        sessionId: run.sessionId,
        resume: resume !== undefined,
        options: budget.limited(claude.isMetered),
        text: prompt,
        workdir,
        deadline,
        asks: job.asks,
        files: files.forRun(run),
        onText: (text) => events.publishText(run.id, text),
        onEvent: (event) => {
          records.notify(run, () => steps.take(run.id, event));
          records.notify(run, () => tracing?.take(run, event));
        },
        onSpent: () => records.notify(run, () => budget.look()),
        work: job.git,
        trace: processSpanOf(run.request.trace),
      });
    } catch (error) {
      if (error instanceof NoRunnerError) return noRunner;
      if (error instanceof EndedError) return endedBeforePrompt(error.reason);
      if (error instanceof GitError) return withoutClone(error, job.git);
      if (error instanceof MissingContentError) return { ...NO_OUTPUT, outcome: 'failed', error: error.message };
      const why =
        error instanceof NoConversationError ? error.message : `claude could not be started: ${String(error)}`;
      return { ...NO_OUTPUT, outcome: 'failed', error: why };
    } finally {
      late?.clear();
    }
  }

  /** Never rejects. */
  async #reap({ run, folder, process, stopWatching, asks }: Job): Promise<void> {
    if (folder === undefined) return;
    const { workspace, records, log } = this.#dependencies;
    await process?.reaped.catch((error: unknown) =>
      log.error({ runId: run.id, err: error }, 'processes of a run cannot be killed'),
    );
    records.notify(run, () => asks?.close());
    records.notify(run, () => stopWatching?.());
    records.notify(run, () => workspace.cleanUp(folder));
  }
}

function withoutClone(error: GitError, git: GitRun | undefined): RunResult {
  const { known } = git ?? {};
  return { ...NO_OUTPUT, outcome: error.outcome, error: error.message, ...(known && { git: known }) };
}

function withFiles(result: RunResult, job: Job, { files, warnings, release }: HeldFiles): RunResult {
  job.releaseFiles = release;
  return { ...result, ...(files.length > 0 && { files }), warnings: [...result.warnings, ...warnings] };
}

function reasonNotToBegin({ givenUp, deadline }: Job, folder: string, workspace: Workspace): RunResult | undefined {
  if (givenUp) return notBegunForStorage;
  if (performance.now() >= deadline) return timedOutInQueue;
  const problem = workspace.problem ?? workspace.problemWith(folder);
  return problem === undefined
    ? undefined
    : { ...NO_OUTPUT, outcome: 'failed', error: `${problem} The run was not started.` };
}
