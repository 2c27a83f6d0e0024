import type { RunAnswer } from '../../agent/http/api/run.ts';
import type { Agent } from '../support/agent.ts';

/** Runs a prompt. @throws if it does not succeed, because its duration would mean nothing. */
export async function runWell(agent: Agent, prompt: string, fields: object = {}): Promise<RunAnswer> {
  const answer = await agent.run(prompt, fields);
  if (answer.outcome !== 'succeeded') throw new Error(`A run ended as ${answer.outcome}: ${answer.error ?? ''}`);
  return answer;
}
