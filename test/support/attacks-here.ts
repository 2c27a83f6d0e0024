import { afterAll, describe, expect, it } from 'vitest';
import { attackSuite } from './attack-suite.ts';
import { startAttackedAgent, type AttackedAgent } from './attacked-agent.ts';
import { needs } from './needs.ts';
import { NO_CONTAINER, RunnerProgram } from './runner.ts';

/** Tests what an attack of a prompt gets on a runner of this machine. @param cli what runs the prompt. */
export function attacksHere(cli: 'real' | 'scripted'): void {
  describe(`an attack of a prompt by the ${cli} CLI`, needs(NO_CONTAINER), () => {
    let runner: RunnerProgram;
    let agent: AttackedAgent;
    afterAll(async () => {
      await agent[Symbol.asyncDispose]();
      await runner[Symbol.asyncDispose]();
    });

    attackSuite(async () => {
      const roots: string[] = [];
      const startRunner = async (publicKey: string, claudePath?: string) => {
        const env = {
          RUNNER_PUBLIC_KEY: publicKey,
          ...(claudePath !== undefined && { RUNNER_CLAUDE_PATH: claudePath }),
        };
        runner = await RunnerProgram.start({ env, asUser: true });
        roots.push(...['home', 'workspace', 'tmp'].map((name) => runner.path(name)), '/dev');
        return runner.address;
      };
      agent = await startAttackedAgent(startRunner, roots, cli);
      return agent;
    });

    it('leaves its runner as it was', async () => {
      expect(await runner.health()).toMatchObject({ status: 'ok' });
      expect(runner.lines.join('\n')).not.toContain('can take over');
    });
  });
}
