import { z } from 'zod';

/**
 * What can be wrong, by what a person has to do: log in again, wait until a known time, wait, look at the agent.
 */
const TROUBLE_STATES = ['auth_failed', 'usage_limited', 'outage', 'agent_down'] as const;

/** One of {@link TROUBLE_STATES}. */
export type TroubleState = (typeof TROUBLE_STATES)[number];

const time = z.iso.datetime();

const trouble = z.object({
  state: z.enum(TROUBLE_STATES),
  /** When a pass first saw it. */
  since: time,
  /** From the agent, or from the watchdog if the agent gave none. */
  detail: z.string(),
  /** The agent's word for the cause. */
  cause: z.string().optional(),
  /** When the usage limit ends. */
  resetsAt: time.optional(),
  /** The agent's pod. */
  host: z.string().optional(),
});

/** What is wrong, and since when. */
export type Trouble = z.infer<typeof trouble>;

const workflow = z.object({
  id: z.string(),
  name: z.string(),
  /** The version that was published; older n8n has none. */
  publishedVersion: z.string().optional(),
  /** The draft at that time; another one means that someone edited the workflow. */
  draftVersion: z.string().optional(),
  /**
   * `planned` → `pausing` → `paused` → `resuming` → `resumed`. `pausing` and `resuming` are written before the call, so
   * a killed pass leaves at most one workflow for which it is unknown whether the call arrived. `left`: a person changed
   * it (`why` says how), so it stays as it is.
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

/** The current maintenance. */
export type Maintenance = z.infer<typeof maintenance>;

/** A trouble or a maintenance that ended; kept until it is reported and every workflow is back. */
const recovery = z.object({
  /** What is over. */
  from: z.enum([...TROUBLE_STATES, 'maintenance']),
  since: time,
  until: time,
  reason: z.string().optional(),
  /** Whether a card reported that workflows were still waiting for n8n. */
  toldOfWaiting: z.boolean(),
});

/** A budget, or its part for one value of a label, of which a card told; kept until its reset. */
const budget = z.object({
  /** A hash of what identifies it. */
  id: z.string(),
  resetsAt: time,
  /** Written before the card is sent; stays while it is unknown whether it arrived. */
  attemptedAt: time.optional(),
});

/** Kinds of cards. */
const CARD_KINDS = ['trouble', 'recovered', 'workflows-back', 'maintenance', 'maintenance-over'] as const;

const card = z.object({
  kind: z.enum(CARD_KINDS),
  /** Repeats an earlier card. */
  reminder: z.boolean(),
  /** Written before it is sent; stays if it is unknown whether it arrived. */
  attemptedAt: time.optional(),
});

/** A card to send. */
export type DueCard = z.infer<typeof card>;

const schema = z.object({
  format: z.literal(1),
  /** The pass that holds the lease; others wait until it ends or `until` has passed. */
  claim: z.object({ by: z.string(), until: time }).optional(),
  trouble: trouble.optional(),
  /** Seen by one pass; a second one in a row confirms it. */
  suspicion: trouble.optional(),
  maintenance: maintenance.optional(),
  recovery: recovery.optional(),
  /** The agent's pause for a maintenance; written before the call, `done` after it. */
  agentPause: z.object({ reason: z.string(), done: z.boolean() }).optional(),
  /** Whether `workflows` has every workflow to pause. */
  listed: z.boolean(),
  workflows: z.array(workflow),
  card: card.optional(),
  budgets: z.array(budget).optional(),
  /** When the last card about the trouble or maintenance was sent. */
  toldAt: time.optional(),
});

/** Everything the watchdog remembers from one pass to the next. */
export type LedgerState = z.infer<typeof schema>;

/** Nothing is wrong and nothing is in progress. */
const EMPTY_LEDGER: LedgerState = { format: 1, listed: false, workflows: [] };

/** A state that was read, and what is needed to write it back. */
export interface LedgerEntry {
  readonly state: LedgerState;
  /** Changes with every write. */
  readonly revision: string;
  /** What an operator set for a maintenance, by annotation. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Where the state is kept. */
export interface Ledger {
  /** Its location, for messages. */
  readonly place: string;
  /** @throws LedgerError */
  read(): Promise<LedgerEntry>;
  /**
   * Replaces the entry that was read.
   * @returns the new entry.
   * @throws LedgerConflictError when someone else has written it since. @throws LedgerError
   */
  write(entry: LedgerEntry, state: LedgerState, annotationsToRemove?: readonly string[]): Promise<LedgerEntry>;
  /** Whether the process of a holder is known to have ended. */
  isGone(holder: string): boolean;
}

/** The ledger can't be read or written. Without it a pass does nothing, since it might do it twice. */
export class LedgerError extends Error {
  override readonly name: string = 'LedgerError';
}

/** Another pass wrote first. */
export class LedgerConflictError extends LedgerError {
  override readonly name = 'LedgerConflictError';
}

/**
 * Reads the text of a ledger.
 * @throws LedgerError naming `place` if it is invalid.
 */
export function parseLedger(text: string | undefined, place: string): LedgerState {
  if (text === undefined || text === '') return EMPTY_LEDGER;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new LedgerError(`${place} is not valid JSON; delete its contents to start over`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
  throw new LedgerError(`${place} is invalid (${wrong}); delete its contents to start over`);
}
