import { stillPaused } from '../contract.ts';
import type { LedgerLease } from '../ledger/lease.ts';
import type { PausedWorkflow } from '../ledger/ledger.ts';
import { N8nRefusedError } from './client.ts';
import type { N8nClient, Workflow } from './client.ts';

type Change = Partial<PausedWorkflow> & Pick<PausedWorkflow, 'step'>;

/**
 * Writes which workflows to pause, and their versions, before any is changed.
 * @throws N8nUnavailableError; nothing is written then.
 */
export async function listWorkflows(lease: LedgerLease, n8n: N8nClient, tag: string): Promise<void> {
  const published = await n8n.listPublished(tag);
  const known = new Set(lease.state.workflows.map(({ id }) => id));
  const planned = published
    .filter(({ id }) => !known.has(id))
    .map((workflow): PausedWorkflow => ({ ...versionsOf(workflow), id: workflow.id, step: 'planned' }));
  await lease.commit({ workflows: [...lease.state.workflows, ...planned], listed: true });
}

/**
 * Unpublishes the workflows in the ledger. A workflow that a person changed meanwhile is left to that person.
 * @throws N8nUnavailableError; the next pass continues then.
 */
export function pauseWorkflows(lease: LedgerLease, n8n: N8nClient): Promise<void> {
  return forEach(lease, async (workflow) => {
    const { id, step } = workflow;
    const now = await n8n.find(id);
    if (step === 'paused') return leftAs(manualChange(workflow, now));
    if (!now || now.isArchived) return leftAs(manualChange(workflow, now));
    if (!now.active) return step === 'planned' ? leftAs('was unpublished by hand') : { step: 'paused' };
    await lease.commit({ workflows: withChange(lease, id, { ...versionsOf(now), step: 'pausing' }) });
    await n8n.unpublish(id);
    return { step: 'paused' };
  });
}

/**
 * Publishes the paused workflows in the ledger, each at its version, unless a person changed it meanwhile.
 * @throws N8nUnavailableError; the next pass continues then.
 */
export function resumeWorkflows(lease: LedgerLease, n8n: N8nClient): Promise<void> {
  return forEach(lease, async (workflow) => {
    const { id, step, publishedVersion } = workflow;
    const now = await n8n.find(id);
    if (step === 'planned' && now?.active) return { step: 'resumed' };
    if (step === 'planned' && now && !now.isArchived) return leftAs('was unpublished by hand');
    if (step !== 'paused' && now?.active && now.publishedVersion === publishedVersion) return { step: 'resumed' };
    const why = manualChange(workflow, now);
    if (why !== undefined) return leftAs(why);
    await lease.commit({ workflows: withChange(lease, id, { step: 'resuming' }) });
    await n8n.publish(id, publishedVersion);
    return { step: 'resumed' };
  });
}

/** How a person changed a workflow that should be unpublished, if so. */
function manualChange({ draftVersion }: PausedWorkflow, now: Workflow | undefined): string | undefined {
  if (!now) return 'was deleted';
  if (now.isArchived) return 'was archived';
  if (now.active) return 'was published by hand';
  return now.draftVersion === draftVersion ? undefined : 'was edited';
}

/** One workflow after the other; a call that n8n rejects for one does not stop the others. */
async function forEach(
  lease: LedgerLease,
  work: (workflow: PausedWorkflow) => Promise<Change | undefined>,
): Promise<void> {
  for (const workflow of stillPaused(lease.state.workflows)) {
    const change = await work(workflow).catch((error: unknown) => {
      if (error instanceof N8nRefusedError) return leftAs(`was rejected by n8n: ${error.message}`);
      throw error;
    });
    if (change) lease.stage({ workflows: withChange(lease, workflow.id, change) });
  }
}

const withChange = (lease: LedgerLease, id: string, change: Change): PausedWorkflow[] =>
  lease.state.workflows.map((workflow) => (workflow.id === id ? { ...workflow, ...change } : workflow));

const versionsOf = ({ name, publishedVersion, draftVersion }: Workflow) => ({ name, publishedVersion, draftVersion });

const leftAs = (why: string | undefined): Change | undefined => (why === undefined ? undefined : { step: 'left', why });
