import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from '../../support/agent.ts';
import { findConversations } from '../../../agent/conversations/transcripts.ts';
import { costStateOf, spendingBetween, spendingOfResult } from '../../../agent/claude/spending.ts';

const SESSION = 'ab6f6a5e-3c7f-4a35-9d53-6a3a5a1f3f77';

/** A row in the CLI's format. */
function row(cost: number, ...outputTokens: number[]): string {
  const models = outputTokens.map((tokens, i) => [
    `model-${i}`,
    { inputTokens: 1, outputTokens: tokens, costUSD: cost },
  ]);
  return JSON.stringify({
    type: 'cost-state',
    sessionId: SESSION,
    totalCostUSD: cost,
    modelUsage: Object.fromEntries(models) as object,
  });
}

describe('what a conversation has spent', () => {
  let projects: string;
  beforeEach(() => {
    projects = mkdtempSync(path.join(tmpdir(), 'spending-'));
  });
  afterEach(() => rmSync(projects, { recursive: true }));

  function write(project: string, ageSeconds: number, ...lines: string[]): void {
    const folder = path.join(projects, project);
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, `${SESSION}.jsonl`);
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    const then = Date.now() / 1000 - ageSeconds;
    utimesSync(file, then, then);
  }

  const spent = async () => {
    const found = await findConversations(projects, SESSION);
    return costStateOf(found.map(({ folder }) => path.join(folder, `${SESSION}.jsonl`)));
  };

  it('is unknown without a transcript, and without a row in it', async () => {
    expect(await spent()).toBeUndefined();
    write('here', 0, '{"type":"user"}');
    expect(await spent()).toBeUndefined();
  });

  it('is in the last row, all models together', async () => {
    write('here', 0, row(1, 10), '{"type":"user"}', row(2, 20, 5), '{"type":"mode"}');
    expect(await spent()).toMatchObject({
      costUsd: 2,
      usage: { inputTokens: 2, outputTokens: 25, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 },
    });
  });

  it('ignores a row that only quotes one, and one that is cut off', async () => {
    const quoted = JSON.stringify({ type: 'assistant', message: { input: JSON.parse(row(9, 9)) as object } });
    write('here', 0, row(1, 10), quoted, row(2, 20).slice(0, -9));
    expect((await spent())?.costUsd).toBe(1);
  });

  it('is in the newest transcript if the conversation continued in another folder', async () => {
    write('newer', 10, row(2, 20));
    write('older', 60, row(1, 10));
    expect((await spent())?.costUsd).toBe(2);
  });

  it("minus the conversation's earlier spending is what a run spent, and never negative", async () => {
    write('here', 0, row(1, 10));
    const before = await spent();
    const usage = { inputTokens: 3, outputTokens: 25, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };
    expect(spendingOfResult({ total_cost_usd: 1.5, modelUsage: usage }, before)).toEqual({
      costUsd: 0.5,
      usage: { ...usage, inputTokens: 2, outputTokens: 15 },
    });
    expect(spendingBetween(before, { costUsd: 0.25, usage: { ...usage, outputTokens: 1 } })).toEqual({
      costUsd: 0,
      usage: { ...usage, inputTokens: 2, outputTokens: 0 },
    });
    expect(spendingOfResult({}, before)).toEqual({});
  });

  it('is in the row of a run that ends without a result', async () => {
    await using agent = new Agent({
      prompts: {
        first: [
          { do: 'row', costUsd: 1, outputTokens: 10 },
          { do: 'result', text: 'fine' },
        ],
        cut: [
          { do: 'row', costUsd: 1.25, outputTokens: 14 },
          { do: 'exit', code: 1 },
        ],
        killed: [{ do: 'die', signal: 'SIGKILL' }],
      },
    });
    await agent.start();
    const { sessionId } = await agent.run('first');
    expect(await agent.run('cut', { sessionId })).toMatchObject({ costUsd: 0.25, usage: { outputTokens: 4 } });
    expect(await agent.run('killed', { sessionId })).not.toHaveProperty('costUsd');
  });
});
