import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { stepsOf } from '../docs/blocks.ts';
import { Checkout, DOUBLE } from './checkout.ts';
import { kubectl } from './cluster.ts';
import { aroundSteps } from './docs-around.ts';
import { NOTIFY_SETTINGS } from './notified.ts';
import { Reader } from './reader.ts';
import { missingRequirement } from './requirements.ts';
import { needs } from '../support/needs.ts';

const steps = stepsOf(['README.md', 'docs/operations.md', 'docs/troubleshooting.md']);

let checkout: Checkout;
/** Another machine: the same checkout with nothing of what the first one has in `.local`. */
let laptop: Checkout;
let readers: Readonly<Record<string, Reader>>;
let around: ReturnType<typeof aroundSteps>;

describe('the guide', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    const env = {
      // In the place of the browser.
      AGENT_CLAUDE_PATH: path.resolve('test/doubles/login/claude.sh'),
      // In the place of the terminal on which Pulumi asks.
      PULUMI_SKIP_CONFIRMATIONS: 'true',
    };
    checkout = new Checkout({ settings: NOTIFY_SETTINGS, env });
    await checkout.fill();
    laptop = new Checkout({ settings: NOTIFY_SETTINGS, env });
    await laptop.fill();
    readers = { first: new Reader(checkout), laptop: new Reader(laptop) };
    around = aroundSteps(checkout, laptop);
  });

  afterAll(async () => {
    for (const reader of Object.values(readers)) await reader.close();
    await checkout.npm('down', '--yes', '--skip-preview', '--non-interactive');
    await kubectl(['delete', 'namespace', DOUBLE.namespace, '--ignore-not-found']);
    for (const machine of [checkout, laptop]) machine.remove();
  });

  test('is watched at steps that there are', () => {
    const names = steps.map(({ step }) => step);
    expect(Object.keys(around.steps).filter((name) => !names.includes(name))).toEqual([]);
  });

  test.each(steps.map((step) => [`${step.document}, ${step.heading}: ${step.step}`, step] as const))(
    '%s',
    async (_, step) => {
      const { before, after } = around.steps[step.step] ?? {};
      await before?.();
      const reader = readers[step.on ?? 'first'];
      if (reader === undefined) throw new Error(`${step.at}: there is no machine ${step.on}.`);
      const output = await reader.run(step, around.values);
      await after?.(output);
    },
  );

  test('leaves nothing in the cluster that the stack does not know', async () => {
    const drift = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(drift.exitCode, drift.output).toBe(0);
  });
});
