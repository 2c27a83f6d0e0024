import { Agent } from '../support/agent.ts';

const started = new Set<Agent>();

/** Starts an agent that {@link endAgents} ends, if nobody did before. Its answers are taken as they come. */
export async function startAgent(options: ConstructorParameters<typeof Agent>[0] = {}): Promise<Agent> {
  const agent = new Agent({ ...options, checksAnswers: false });
  started.add(agent);
  await agent.start();
  return agent;
}

/** Ends every agent and what it started, for a program that is told to end. */
export async function endAgents(): Promise<void> {
  await Promise.all([...started].map((agent) => agent[Symbol.asyncDispose]()));
}
