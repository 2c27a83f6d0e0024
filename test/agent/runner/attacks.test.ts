import { afterAll, describe, expect, it } from 'vitest';
import { attackSuite } from '../../support/attack-suite.ts';
import { startAttackedAgent, type AttackedAgent } from '../../support/attacked-agent.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram } from '../../support/runner.ts';

describe('an attack of a prompt by the real CLI', needs(NO_CONTAINER), () => {
  let runner: RunnerProgram;
  let agent: AttackedAgent;
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await runner[Symbol.asyncDispose]();
  });

  attackSuite(async () => {
    const roots: string[] = [];
    agent = await startAttackedAgent(async (publicKey) => {
      runner = await RunnerProgram.start({ env: { RUNNER_PUBLIC_KEY: publicKey }, asUser: true });
      roots.push(...['home', 'workspace', 'tmp'].map((name) => runner.path(name)), '/dev');
      return runner.address;
    }, roots);
    return agent;
  });

  it('leaves its runner as it was', async () => {
    expect(await runner.health()).toMatchObject({ status: 'ok' });
    expect(runner.lines.join('\n')).not.toContain('can take over');
  });
});
