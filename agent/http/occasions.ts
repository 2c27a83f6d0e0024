import type { Occasion } from '../callbacks/message.ts';
import type { EndedRun, Run } from '../store/run.ts';
import { traceHeadersOf } from '../tracing/trace.ts';
import { resourceOf, traceIdOf } from './routes/run-resource.ts';

/** What a callback reports about a run that has ended. */
export function endOf(run: EndedRun): Occasion {
  return {
    type: 'run.ended',
    id: `run_ended_${run.id}`,
    at: run.endedAt,
    data: dataOf(run),
    traceHeaders: traceHeadersOf(run.request.trace),
    names: { runId: run.id, ...traceIdOf(run) },
  };
}

/** What a callback reports about a run that waits for a decision. */
export function needOf(run: Run | undefined, decisionId: string): Occasion {
  const decision = run?.decisions?.find(({ id }) => id === decisionId);
  if (!run || !decision) throw new Error(`Decision ${decisionId} is not on record.`);
  return {
    type: 'run.needs_decision',
    id: `run_needs_decision_${decisionId}`,
    at: decision.askedAt,
    data: { ...dataOf(run), decision },
    traceHeaders: traceHeadersOf(run.request.trace),
    names: { runId: run.id, ...traceIdOf(run), decisionId },
  };
}

/** A run as clients see it, without its callback. */
const dataOf = (run: Run) => ({ ...resourceOf(run), callback: undefined });
