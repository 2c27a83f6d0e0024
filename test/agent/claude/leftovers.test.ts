import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Step } from '../../doubles/claude/script.ts';
import { Agent, until } from '../../support/agent.ts';
import { ProcessShapes } from '../../support/process-shapes.ts';
import { needs, unless } from '../../support/needs.ts';

let agent: Agent;
let shapes: ProcessShapes;

beforeEach(async () => {
  shapes = new ProcessShapes();
  const start: Step = { do: 'shell', command: shapes.command };
  const prompts = {
    ends: [start, { do: 'result', text: 'done' }],
    dies: [start, { do: 'die', signal: 'SIGKILL' }],
    hangs: [start, { do: 'ignore' }, { do: 'hang' }],
  } satisfies Record<string, Step[]>;
  agent = await Agent.start({ prompts, env: { AGENT_GRACE_SECONDS: '1' } });
});
afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  shapes[Symbol.dispose]();
});

/** The next run starts when no process of the last one is left. */
async function nothingIsLeft(): Promise<void> {
  await agent.run('the next one');
  expect({ started: shapes.started, left: shapes.left }).toEqual({ started: true, left: [] });
}

async function hanging(fields: object = {}): Promise<{ id: string; answer: Promise<Response> }> {
  const answer = agent.post({ prompt: 'hangs', ...fields }).catch(() => new Response());
  await until(() => shapes.started, 'all have started');
  const { runs } = (await (await agent.fetch('/runs')).json()) as { runs: { id: string }[] };
  return { id: runs[0]?.id ?? '', answer };
}

describe(
  'of the processes of a run, none',
  needs(unless(process.platform === 'linux', 'It reads /proc, which only Linux has.')),
  () => {
    it('is left after a success', async () => {
      expect(await agent.run('ends')).toMatchObject({ success: true, output: 'done' });
      await nothingIsLeft();
    });

    it('is left after the CLI dies', async () => {
      expect(await agent.run('dies')).toMatchObject({ outcome: 'failed' });
      await nothingIsLeft();
    });

    it('is left after a timeout', async () => {
      const { answer } = await hanging({ timeout: 3000 });
      expect(await (await answer).json()).toMatchObject({ outcome: 'timed_out' });
      await nothingIsLeft();
    });

    it('is left after a cancellation', async () => {
      const { id, answer } = await hanging();
      await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
      expect(await (await answer).json()).toMatchObject({ outcome: 'cancelled' });
      await nothingIsLeft();
    });

    it.each(['SIGTERM', 'SIGHUP'] as const)('is left after a shutdown by %s', async (signal) => {
      const { answer } = await hanging();
      expect(await agent.end(signal)).toBe(0);
      expect(await (await answer).json()).toMatchObject({ outcome: 'interrupted' });
      expect(shapes.left).toEqual([]);
    });

    it('is left after the start that follows a crash', async () => {
      await hanging();
      await agent.crash();
      expect(shapes.left).toEqual([]);
    });
  },
);
