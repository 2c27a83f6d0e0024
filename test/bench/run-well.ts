import type { Agent } from '../support/agent.ts';

/** Runs a prompt. @throws where it does not succeed: its time means nothing then. */
export async function runWell(agent: Agent, prompt: string): Promise<void> {
  const { outcome, error } = await agent.run(prompt);
  if (outcome !== 'succeeded') throw new Error(`A run ended ${outcome}: ${error ?? ''}`);
}
