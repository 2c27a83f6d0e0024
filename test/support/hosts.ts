import path from 'node:path';
import type { ProcessHost } from '../../agent/claude/host.ts';
import { LocalHost } from '../../agent/claude/local-host.ts';
import { PipeHost } from '../doubles/process-host/client.ts';

const INTO_AGENT = path.join(import.meta.dirname, '..', 'doubles', 'process-host', 'into-agent.ts');

/** A process host that tests run on. */
export interface HostCase {
  /** Creates it in the test's own process. */
  readonly create: () => ProcessHost & Partial<AsyncDisposable>;
  /** Starts an agent that uses it. */
  readonly agent: readonly string[];
  /** Whether it is part of the agent, so that its processes are children of the agent. */
  readonly inAgent: boolean;
}

/** Every process host, with where it starts processes. The agent must behave the same on each. */
export const HOSTS: readonly (readonly [where: string, HostCase])[] = [
  ['on this machine', { create: () => new LocalHost(), agent: [process.execPath, 'agent/main.ts'], inAgent: true }],
  [
    'through a program over a pipe',
    {
      create: () => new PipeHost(),
      agent: [process.execPath, '--import', INTO_AGENT, 'agent/main.ts'],
      inAgent: false,
    },
  ],
];
