import { randomUUID } from 'node:crypto';
import type { Budgets } from '../budgets/budgets.ts';
import type { Claude } from '../claude/claude.ts';
import { cancelledBeforeStart } from './endings.ts';
import { StorageError, WorkspaceFullError } from './errors.ts';
import { lanesOf, type Job } from './job.ts';
import type { Jobs } from './jobs.ts';
import type { QueuePlan, RunQueue } from './queue.ts';
import type { RunRecords } from './records.ts';
import { waitLimitMs, type EndedRun, type Idempotency, type Run, type RunRequest } from '../store/run.ts';
import type { RunStore } from '../store/store.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** An accepted run. */
export interface AcceptedRun {
  readonly run: Run;
  /** Settles when the end of the run is on disk; rejects with a `DrainingError` or a `StorageError`. */
  readonly ended: Promise<EndedRun>;
  /** Call when the client disconnects: if the run has not started and no other client waits for it, it is cancelled. */
  abandon(): void;
}

/** What {@link Acceptance} needs. */
export interface AcceptanceDependencies {
  readonly store: RunStore;
  readonly records: RunRecords;
  readonly claude: Claude;
  readonly workspace: Workspace;
  readonly queue: RunQueue;
  readonly jobs: Jobs;
  readonly budgets: Budgets;
  /** Throws while the agent accepts nothing because it drains or is paused. */
  readonly assertOpen: () => void;
}

/** A request that is waiting to be accepted. */
interface Asked {
  readonly request: RunRequest;
  readonly clients: number;
  readonly idempotency: Idempotency | undefined;
  readonly accepted: PromiseWithResolvers<AcceptedRun>;
}

/** Accepts runs: checks them, records them on disk, and queues them. */
export class Acceptance {
  readonly #dependencies: AcceptanceDependencies;
  #asked: Asked[] = [];

  constructor(dependencies: AcceptanceDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Requests in the same turn of the event loop share one write to disk, and are accepted in order of arrival.
   * @see RunService.accept
   */
  accept(request: RunRequest, waits: boolean, idempotency: Idempotency | undefined): Promise<AcceptedRun> {
    const accepted = Promise.withResolvers<AcceptedRun>();
    const asked = { request, clients: waits ? 1 : Infinity, idempotency, accepted };
    if (this.#asked.push(asked) === 1) setImmediate(() => this.#acceptAsked());
    return accepted.promise;
  }

  #acceptAsked(): void {
    const asked = this.#asked.splice(0);
    const records: { readonly asked: Asked; readonly run?: Run; readonly earlier?: Run; readonly error?: unknown }[] =
      [];
    const plan = this.#dependencies.queue.plan();
    try {
      this.#dependencies.records.together(() => {
        for (const each of asked) {
          records.push({ asked: each, ...this.#recordOrRefuse(each, plan) });
        }
      });
      for (const { asked: each, run, earlier, error } of records) {
        if (run) each.accepted.resolve(this.#enqueue(run, each));
        else if (earlier) each.accepted.resolve(this.#joinEarlier(earlier, each.clients));
        else each.accepted.reject(error);
      }
    } catch (error) {
      for (const { accepted: answer } of asked) answer.reject(error);
    }
  }

  /** @throws {StorageError} for all requests that are accepted together. */
  #recordOrRefuse(asked: Asked, plan: QueuePlan): { run: Run } | { earlier: Run } | { error: unknown } {
    const { store } = this.#dependencies;
    const { idempotency } = asked;
    try {
      const earlier = idempotency && store.findByKey(idempotency);
      return earlier ? { earlier } : { run: this.#record(asked, plan) };
    } catch (error) {
      if (error instanceof StorageError) throw error;
      return { error };
    }
  }

  #record({ request, clients, idempotency }: Asked, plan: QueuePlan): Run {
    const { records, claude, jobs, budgets, assertOpen } = this.#dependencies;
    assertOpen();
    this.#assertDiskRoom();
    budgets.assertLeft(request);
    const { resume } = request;
    // It takes no place in the queue.
    const waitsInVain = jobs.waitsInVain(waitLimitMs(request));
    const begins = !waitsInVain && plan.startsAtOnce(lanesOf(request, resume));
    const sessionId = resume ?? (request.git ? randomUUID() : claude.newSessionId(request));
    const run = records.accept(clients === Infinity ? request : { ...request, isAwaited: true }, sessionId, {
      idempotency,
      begins,
    });
    if (!waitsInVain) plan.add(lanesOf(request, sessionId));
    return run;
  }

  /** Someone may have freed space since the last measurement, so it is measured again for the next request. */
  #assertDiskRoom(): void {
    const { workspace } = this.#dependencies;
    const { problem } = workspace;
    if (problem === undefined) return;
    void workspace.look();
    throw new WorkspaceFullError(`${problem} The run was not accepted.`);
  }

  #enqueue(run: Run, { request, clients }: Asked): AcceptedRun {
    return this.#accepted(this.#dependencies.jobs.enqueue(run, clients, waitLimitMs(request)));
  }

  #joinEarlier(run: Run, clients: number): AcceptedRun {
    const job = this.#dependencies.jobs.find(run.id);
    if (!job) return { run, ended: Promise.resolve(run as EndedRun), abandon: () => undefined };
    job.clients += clients;
    return this.#accepted(job);
  }

  #accepted(job: Job): AcceptedRun {
    const abandon = () => {
      job.clients -= 1;
      if (job.clients === 0) this.#dependencies.jobs.leaveQueue(job, cancelledBeforeStart, { keyIsFree: true });
    };
    return { run: job.run, ended: job.ended.promise, abandon };
  }
}
