import { z } from 'zod';

/**
 * What can be wrong, in the order of what a person has to do about it: log in again, wait until a known time, wait, look
 * at the agent.
 */
export const TROUBLE_STATES = ['auth_failed', 'usage_limited', 'outage', 'agent_down'] as const;

/** One of {@link TROUBLE_STATES}. */
export type TroubleState = (typeof TROUBLE_STATES)[number];

const time = z.iso.datetime();

const fact = z.object({
  state: z.enum(TROUBLE_STATES),
  /** When a pass saw it first. */
  since: time,
  /** A sentence of the agent's, or of the watchdog where the agent gave none. */
  detail: z.string(),
  /** The agent's word for the cause. */
  cause: z.string().optional(),
  /** When the usage limit ends. */
  resetsAt: time.optional(),
  /** The agent's pod. */
  host: z.string().optional(),
});

/** What is wrong since when. */
export type Trouble = z.infer<typeof fact>;

const workflow = z.object({
  id: z.string(),
  name: z.string(),
  /** The version that was published; older n8n has none. */
  publishedVersion: z.string().optional(),
  /** The draft as it was; another one means that somebody edited the workflow. */
  draftVersion: z.string().optional(),
  /**
   * `planned` → `pausing` → `paused` → `resuming` → `resumed`; the two in the middle are written before the call, so a
   * pass that ended within one leaves at most one workflow of which it is not known whether the call arrived. `left`: a
   * person did something to it, `why` says what, and it stays as that person wanted it.
   */
  step: z.enum(['planned', 'pausing', 'paused', 'resuming', 'resumed', 'left']),
  why: z.string().optional(),
});

/** A workflow that the watchdog paused, or is about to. */
export type PausedWorkflow = z.infer<typeof workflow>;

const maintenance = z.object({
  since: time,
  reason: z.string(),
  expectedEnd: time.optional(),
});

/** A maintenance that is going on. */
export type Maintenance = z.infer<typeof maintenance>;

const recovery = z.object({
  /** What is over. */
  from: z.enum([...TROUBLE_STATES, 'maintenance']),
  since: time,
  until: time,
  reason: z.string().optional(),
  /** Whether a card has said that workflows still waited for n8n. */
  toldOfWaiting: z.boolean(),
});

/** What came to an end, kept until it is told and every workflow is back. */
export type Recovery = z.infer<typeof recovery>;

export const CARD_KINDS = ['trouble', 'recovered', 'workflows-back', 'maintenance', 'maintenance-over'] as const;

const card = z.object({
  kind: z.enum(CARD_KINDS),
  /** Says again what was said hours ago. */
  reminder: z.boolean(),
  /** Written before it is sent; still there afterwards where nobody knows whether it arrived. */
  attemptedAt: time.optional(),
});

/** The card that has to be sent. */
export type DueCard = z.infer<typeof card>;

const schema = z.object({
  format: z.literal(1),
  /** The pass that is acting now; another one waits until it is done or `until` has passed. */
  claim: z.object({ by: z.string(), until: time }).optional(),
  trouble: fact.optional(),
  /** Seen by one pass; it takes a second one in a row to believe it. */
  suspicion: fact.optional(),
  maintenance: maintenance.optional(),
  recovery: recovery.optional(),
  /** The pause of the agent for a maintenance, by its reason; written before the call, `done` after it. */
  agentPause: z.object({ reason: z.string(), done: z.boolean() }).optional(),
  /** Whether all workflows to pause are in `workflows`. */
  listed: z.boolean(),
  workflows: z.array(workflow),
  card: card.optional(),
  /** When the last card about the trouble or maintenance was sent. */
  toldAt: time.optional(),
});

/** Everything the watchdog has to remember from one pass to the next. */
export type LedgerState = z.infer<typeof schema>;

/** Nothing is wrong and nothing is under way. */
export const EMPTY_LEDGER: LedgerState = { format: 1, listed: false, workflows: [] };

/** The state that was read, and what writing it back takes. */
export interface LedgerEntry {
  readonly state: LedgerState;
  /** Changes with every write. */
  readonly revision: string;
  /** Notes of an operator about a maintenance, by annotation. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Where the watchdog remembers. */
export interface Ledger {
  /** For people: where it is. */
  readonly place: string;
  /** @throws LedgerError */
  read(): Promise<LedgerEntry>;
  /**
   * Writes in place of what was read.
   * @param forget annotations to remove.
   * @returns the new revision.
   * @throws LedgerConflictError when it was written by somebody else since then. @throws LedgerError
   */
  write(entry: LedgerEntry, state: LedgerState, forget?: readonly string[]): Promise<LedgerEntry>;
  /** Whether the pass that made a claim is known to be gone. */
  isGone(holder: string): boolean;
}

/** The ledger can't be read or written; without it a pass does nothing, for it might do it twice. */
export class LedgerError extends Error {
  override readonly name: string = 'LedgerError';
}

/** Another pass wrote first. */
export class LedgerConflictError extends LedgerError {
  override readonly name = 'LedgerConflictError';
}

/**
 * Reads the text of a ledger.
 * @throws LedgerError where it is not one; `place` says which.
 */
export function parseLedger(text: string | undefined, place: string): LedgerState {
  if (text === undefined || text === '') return EMPTY_LEDGER;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new LedgerError(`${place} holds no JSON; remove its contents to begin anew`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => issue.path.join('.') || 'all of it').join(', ');
  throw new LedgerError(`${place} can't be understood (${wrong}); remove its contents to begin anew`);
}
