import { readFileSync } from 'node:fs';
import { Agent } from '../support/agent.ts';

const DOCKERFILE = 'agent/Dockerfile';
const ALLOCATOR = 'MALLOC_MMAP_THRESHOLD_';

/** The environment variable that sets the memory allocator as in the image. */
export const IMAGE_ALLOCATOR: Readonly<Record<string, string>> = { [ALLOCATOR]: settingOfImage(ALLOCATOR) };

const started = new Set<Agent>();

/**
 * Starts an agent with the memory allocator set as in the image. Its responses are not checked against the OpenAPI
 * document. {@link endAgents} stops it unless it was already stopped.
 */
export async function startAgent({ env, ...options }: ConstructorParameters<typeof Agent>[0] = {}): Promise<Agent> {
  const agent = new Agent({
    ...options,
    env: { ...IMAGE_ALLOCATOR, ...env },
    checksAnswers: false,
  });
  started.add(agent);
  await agent.start();
  return agent;
}

/** Stops every agent and the processes that it started. Used when this program receives a signal. */
export async function endAgents(): Promise<void> {
  await Promise.all([...started].map((agent) => agent[Symbol.asyncDispose]()));
}

function settingOfImage(name: string): string {
  const value = new RegExp(`^(?:ENV| ) *${name}=(\\S+)`, 'm').exec(readFileSync(DOCKERFILE, 'utf8'))?.[1];
  if (value === undefined) throw new Error(`${DOCKERFILE} does not set ${name}.`);
  return value;
}
