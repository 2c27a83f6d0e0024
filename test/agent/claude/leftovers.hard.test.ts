import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Step } from '../../doubles/claude/script.ts';
import { Agent, until } from '../../support/agent.ts';
import { HOSTS } from '../../support/hosts.ts';
import { needs, unless } from '../../support/needs.ts';
import { ProcessShapes } from '../../support/process-shapes.ts';

let agent: Agent;
let shapes: ProcessShapes;

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

/** How a run ends. */
const ENDINGS: readonly (readonly [after: string, ends: () => Promise<void>])[] = [
  [
    'a success',
    async () => {
      expect(await agent.run('ends')).toMatchObject({ success: true, output: 'done' });
      await nothingIsLeft();
    },
  ],
  [
    'the CLI dies',
    async () => {
      expect(await agent.run('dies')).toMatchObject({ outcome: 'failed' });
      await nothingIsLeft();
    },
  ],
  [
    'a timeout',
    async () => {
      const { answer } = await hanging({ timeout: 3000 });
      expect(await (await answer).json()).toMatchObject({ outcome: 'timed_out' });
      await nothingIsLeft();
    },
  ],
  ['a shutdown by SIGTERM', () => shutDownBy('SIGTERM')],
  [
    'the start that follows a crash',
    async () => {
      await hanging();
      await agent.crash();
      expect(shapes.left).toEqual([]);
    },
  ],
  ['a shutdown by SIGHUP', () => shutDownBy('SIGHUP')],
  [
    'a cancellation',
    async () => {
      const { id, answer } = await hanging();
      await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
      expect(await (await answer).json()).toMatchObject({ outcome: 'cancelled' });
      await nothingIsLeft();
    },
  ],
];

async function shutDownBy(signal: NodeJS.Signals): Promise<void> {
  const { answer } = await hanging();
  expect(await agent.end(signal)).toBe(0);
  expect(await (await answer).json()).toMatchObject({ outcome: 'interrupted' });
  expect(shapes.left).toEqual([]);
}

describe.each(HOSTS)(
  'of the processes of a run %s, none',
  needs(unless(process.platform === 'linux', 'It reads /proc, which only Linux has.')),
  (_, { agent: command }) => {
    beforeEach(async () => {
      shapes = new ProcessShapes();
      const start: Step = { do: 'shell', command: shapes.command };
      const prompts = {
        ends: [start, { do: 'result', text: 'done' }],
        dies: [start, { do: 'die', signal: 'SIGKILL' }],
        hangs: [start, { do: 'ignore' }, { do: 'hang' }],
      } satisfies Record<string, Step[]>;
      agent = await Agent.start({ command, prompts, env: { AGENT_GRACE_SECONDS: '1' } });
    });
    afterEach(async () => {
      await agent[Symbol.asyncDispose]();
      shapes[Symbol.dispose]();
    });

    it.each(ENDINGS)('is left after %s', (_, ends) => ends());
  },
);
