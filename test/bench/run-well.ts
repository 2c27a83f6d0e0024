import type { Agent } from '../support/agent.ts';

/** Runs a prompt. @throws if it does not succeed, because its duration would mean nothing. */
export async function runWell(agent: Agent, prompt: string): Promise<void> {
  const { outcome, error } = await agent.run(prompt);
  if (outcome !== 'succeeded') throw new Error(`A run ended as ${outcome}: ${error ?? ''}`);
}
