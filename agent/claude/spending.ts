import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { Usage } from '../http/api/run.ts';
import { jsonOf } from '../json.ts';

/** Cost in US dollars, and tokens, including sub-agents. */
export interface Spending {
  readonly costUsd: number;
  readonly usage: Usage;
}

/** The last `cost-state` row of a conversation. */
export interface CostState extends Spending {
  /** The row itself, to detect whether a newer one was written. */
  readonly row: string;
}

/** A number of tokens. Invalid values count as 0. */
export const tokens = z.int().nonnegative().catch(0);

/** The tokens and cost that the CLI reports for each model. */
export const modelUsage = z
  .record(
    z.string(),
    z.object({
      inputTokens: tokens,
      outputTokens: tokens,
      cacheCreationInputTokens: tokens,
      cacheReadInputTokens: tokens,
    }),
  )
  .transform((models): Usage => Object.values(models).reduce(addUsage, NO_TOKENS));

const costState = z.object({
  type: z.literal('cost-state'),
  totalCostUSD: z.number().nonnegative(),
  modelUsage,
});

/** For a sum. */
export const NO_TOKENS: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheCreationInputTokens: 0,
  cacheReadInputTokens: 0,
};

const NOTHING_SPENT: Spending = { costUsd: 0, usage: NO_TOKENS };

const ROW = '"type":"cost-state"';
const READ_BYTES = 32 * 1_048_576;
const NEWLINE = 0x0a;

/** The totals of a `result` event: of the whole conversation, and in `usage` of the turn without its sub-agents. */
export interface ReportedSpending {
  readonly total_cost_usd?: number | undefined;
  readonly modelUsage?: Usage | undefined;
  readonly usage?: Usage | undefined;
}

/** What was spent between two states of a conversation; never negative. */
export function spendingBetween(before: Spending = NOTHING_SPENT, after: Spending): Spending {
  return {
    costUsd: Math.max(0, after.costUsd - before.costUsd),
    usage: combine(after.usage, before.usage, (a, b) => Math.max(0, a - b)),
  };
}

/** What a run spent up to its `result`. `before` is the state of the conversation when the run started. */
export function spendingOfResult(told: ReportedSpending, before: Spending | undefined): Partial<Spending> {
  const { costUsd, usage } = spendingBetween(before, {
    costUsd: told.total_cost_usd ?? 0,
    usage: told.modelUsage ?? NO_TOKENS,
  });
  const ownUsage = told.modelUsage ? usage : told.usage;
  return {
    ...(told.total_cost_usd !== undefined && { costUsd }),
    ...(ownUsage && { usage: ownUsage }),
  };
}

/**
 * Reads what a conversation has spent so far. When a conversation continues, the CLI counts on from there, so it reports
 * totals for later runs. It writes the row when it exits, unless it is killed.
 * @param transcripts the files of the conversation, newest first: one that continued in another folder has one for each.
 * @returns undefined if the conversation has no such row.
 */
export async function costStateOf(transcripts: readonly string[]): Promise<CostState | undefined> {
  for (const file of transcripts) {
    const state = await lastCostState(file);
    if (state) return state;
  }
  return undefined;
}

/** Reads the end of the file, which contains the row. */
async function lastCostState(file: string): Promise<CostState | undefined> {
  await using handle = await open(file);
  const { size } = await handle.stat();
  const length = Math.min(size, READ_BYTES);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  for (let end = bytesRead; end > 0;) {
    const at = buffer.lastIndexOf(ROW, end - 1);
    if (at === -1) return undefined;
    const begin = buffer.lastIndexOf(NEWLINE, at) + 1;
    const next = buffer.indexOf(NEWLINE, at);
    const row = buffer.subarray(begin, next === -1 ? bytesRead : next).toString('utf8');
    const parsed = costState.safeParse(jsonOf(row));
    if (parsed.success) return { costUsd: parsed.data.totalCostUSD, usage: parsed.data.modelUsage, row };
    end = begin;
  }
  return undefined;
}

/** The sum of both. */
export function addUsage(a: Usage, b: Usage): Usage {
  return combine(a, b, (one, other) => one + other);
}

function combine(a: Usage, b: Usage, by: (a: number, b: number) => number): Usage {
  return {
    inputTokens: by(a.inputTokens, b.inputTokens),
    outputTokens: by(a.outputTokens, b.outputTokens),
    cacheCreationInputTokens: by(a.cacheCreationInputTokens, b.cacheCreationInputTokens),
    cacheReadInputTokens: by(a.cacheReadInputTokens, b.cacheReadInputTokens),
  };
}
