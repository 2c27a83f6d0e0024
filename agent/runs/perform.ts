import type { Claude, StartedClaude } from '../claude/claude.ts';
import type { ClaudeProcess } from '../claude/process.ts';
import { nothing, notBegunForStorage, timedOutInQueue } from './endings.ts';
import type { RunEvents } from './events.ts';
import type { LoginEvidence } from './evidence.ts';
import type { Job } from './job.ts';
import { judge } from './outcome.ts';
import type { RunLog, RunRecords } from './records.ts';
import { deadlineOf, type EndedRun, type RunResult } from './run.ts';
import type { Workspace } from './workspace.ts';

/** What a run needs to go on. */
export interface Performance {
  readonly records: RunRecords;
  readonly claude: Claude;
  readonly evidence: LoginEvidence;
  readonly events: RunEvents;
  readonly workspace: Workspace;
  readonly log: RunLog;
  /** Called with the process of the run when there is one. */
  readonly onStarted: (process: StartedClaude) => void;
  /** Called when the end is on disk, before the last process is gone. */
  readonly onEnded: (run: EndedRun) => void;
}

/**
 * Runs a job to its end.
 * @returns when no process of it is left.
 */
export async function perform(job: Job, parts: Performance): Promise<void> {
  const { records, workspace, log, onEnded } = parts;
  await records.begin(job);
  const instead = reasonNotToBegin(job, workspace);
  if (instead) {
    onEnded(await records.end(job, instead));
    return;
  }
  records.tellBegun(job);

  const process = await start(job, parts);
  if (!('report' in process)) {
    onEnded(await records.end(job, process));
    return;
  }
  job.process = process;
  if (job.endReason) process.end(job.endReason);
  parts.onStarted(process);
  const stopWatching = workspace.watch(process);
  const { id } = job.run;
  const reaped = process.reaped.catch((error: unknown) =>
    log.error({ runId: id, err: error }, 'processes of a run cannot be ended'),
  );
  onEnded(await records.end(job, await resultOf(process, job, parts.evidence)));
  await reaped;
  stopWatching();
  workspace.tidy();
}

function reasonNotToBegin({ run, givenUp }: Job, { problem }: Workspace): RunResult | undefined {
  if (givenUp) return notBegunForStorage;
  if (Date.now() >= deadlineOf(run)) return timedOutInQueue;
  return problem === undefined
    ? undefined
    : { ...nothing, outcome: 'failed', error: `${problem} The run was not begun.` };
}

async function start({ run }: Job, { claude, events }: Performance): Promise<StartedClaude | RunResult> {
  const { prompt, workdir, options, resume } = run.request;
  try {
    return await claude.start({
      runId: run.id,
      sessionId: run.sessionId,
      resume: resume !== undefined,
      options,
      text: prompt,
      workdir,
      deadline: deadlineOf(run),
      onText: (text) => events.tellText(run.id, text),
    });
  } catch (error) {
    return { ...nothing, outcome: 'failed', error: `claude could not be started: ${String(error)}` };
  }
}

async function resultOf(process: ClaudeProcess, { run }: Job, evidence: LoginEvidence): Promise<RunResult> {
  const report = await process.report;
  const result = judge(report, run.request.options);
  evidence.learn(result, report.transcript.apiError?.status);
  return result;
}
