import { readFileSync } from 'node:fs';
import { Agent } from '../support/agent.ts';

const DOCKERFILE = 'agent/Dockerfile';
const ALLOCATOR = 'MALLOC_MMAP_THRESHOLD_';

const started = new Set<Agent>();

/**
 * Starts an agent that {@link endAgents} ends, if nobody did before, with the memory allocator set as in the image. Its
 * answers are taken as they come.
 */
export async function startAgent({ env, ...options }: ConstructorParameters<typeof Agent>[0] = {}): Promise<Agent> {
  const agent = new Agent({
    ...options,
    env: { [ALLOCATOR]: settingOfImage(ALLOCATOR), ...env },
    checksAnswers: false,
  });
  started.add(agent);
  await agent.start();
  return agent;
}

/** Ends every agent and what it started, for a program that is told to end. */
export async function endAgents(): Promise<void> {
  await Promise.all([...started].map((agent) => agent[Symbol.asyncDispose]()));
}

function settingOfImage(name: string): string {
  const value = new RegExp(`^(?:ENV| ) *${name}=(\\S+)`, 'm').exec(readFileSync(DOCKERFILE, 'utf8'))?.[1];
  if (value === undefined) throw new Error(`${DOCKERFILE} does not set ${name}.`);
  return value;
}
