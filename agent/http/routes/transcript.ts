import type { Handler } from 'hono';
import { accepts } from 'hono/accepts';
import type { Run } from '../../store/run.ts';
import type { RunService } from '../../runs/service.ts';
import { transcriptMarkdown } from '../../steps/markdown.ts';
import type { RunSteps } from '../../steps/run-steps.ts';
import type { Transcript } from '../api/transcript.ts';
import { runOf } from '../own-runs.ts';
import { problem } from '../problem.ts';

const JSON_TYPE = 'application/json';
const MARKDOWN = 'text/markdown';

/** `GET /runs/{id}/transcript`: what Claude did, as JSON or as Markdown. */
export function getTranscript(service: Pick<RunService, 'find'>, steps: Pick<RunSteps, 'of'>): Handler {
  return (c) => {
    const run = runOf(c, service, 'see');
    const found = transcriptOf(run, steps);
    if (!found) return problem(c, 'no-transcript', `No transcript of run ${run.id} is kept.`);
    const supports = [JSON_TYPE, MARKDOWN];
    const type = accepts(c, { header: 'Accept', supports, default: JSON_TYPE });
    const headers = { Vary: 'Accept' };
    return type === MARKDOWN
      ? c.body(transcriptMarkdown(found), 200, { ...headers, 'Content-Type': `${MARKDOWN}; charset=utf-8` })
      : c.json(found satisfies Transcript, 200, headers);
  };
}

/** Undefined also for a run that waits in the queue: it has none yet. */
function transcriptOf({ id, state }: Run, steps: Pick<RunSteps, 'of'>): Transcript | undefined {
  const found = steps.of(id);
  if (!found) return undefined;
  const { omitted } = found;
  return { id, state, steps: found.steps, truncated: omitted > 0, omittedSteps: omitted };
}
