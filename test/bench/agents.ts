import { readFileSync } from 'node:fs';
import { Agent } from '../support/agent.ts';

const DOCKERFILE = 'agent/Dockerfile';
const ALLOCATOR = 'MALLOC_MMAP_THRESHOLD_';

/** The environment variable that sets the memory allocator as in the image. */
export const IMAGE_ALLOCATOR: Readonly<Record<string, string>> = { [ALLOCATOR]: settingOfImage(ALLOCATOR) };

/** The options of Node.js with which the image starts the agent. */
export const IMAGE_OPTIONS: readonly string[] = commandOfImage().slice(1, -1);

const COMMAND = [process.execPath, ...IMAGE_OPTIONS, 'agent/main.ts'];

type AgentOptions = NonNullable<ConstructorParameters<typeof Agent>[0]>;

const started = new Set<AsyncDisposable>();

/**
 * Starts an agent with the memory allocator and the options of Node.js as in the image. Its responses are not checked
 * against the OpenAPI document. {@link endAll} stops it unless it was already stopped.
 * @param options.before a command that starts the command after it.
 */
export async function startAgent({
  env,
  before = [],
  ...options
}: Omit<AgentOptions, 'command' | 'checksAnswers'> & { readonly before?: readonly string[] } = {}): Promise<Agent> {
  const agent = new Agent({
    ...options,
    env: { ...IMAGE_ALLOCATOR, ...env },
    command: [...before, ...COMMAND],
    checksAnswers: false,
  });
  endLater(agent);
  await agent.start();
  return agent;
}

/** Lets {@link endAll} stop it. */
export function endLater(one: AsyncDisposable): void {
  started.add(one);
}

/** Stops every agent and runner, and the processes that they started. Used when this program receives a signal. */
export async function endAll(): Promise<void> {
  await Promise.all([...started].map((one) => one[Symbol.asyncDispose]()));
}

function settingOfImage(name: string): string {
  return inDockerfile(new RegExp(`^(?:ENV| ) *${name}=(\\S+)`, 'm'), name);
}

function commandOfImage(): string[] {
  return JSON.parse(inDockerfile(/^CMD (\[.*\])$/m, 'CMD')) as string[];
}

function inDockerfile(pattern: RegExp, what: string): string {
  const value = pattern.exec(readFileSync(DOCKERFILE, 'utf8'))?.[1];
  if (value === undefined) throw new Error(`${DOCKERFILE} does not set ${what}.`);
  return value;
}
