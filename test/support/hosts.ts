import path from 'node:path';
import type { ProcessHost } from '../../agent/claude/host.ts';
import { LocalHost } from '../../agent/claude/local-host.ts';
import { PipeHost } from '../doubles/process-host/client.ts';
import { NO_CONTAINER, RunnerProgram, runnersAt } from './runner.ts';

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

/** A process host for the suite of the port alone: {@link HOSTS} for agents, too. */
export interface PortCase {
  /** Creates it, ready to start three processes. */
  readonly create: () => Promise<ProcessHost & Partial<AsyncDisposable>>;
  /** Whether its processes outlive it when it is killed, until the next one ends them. */
  readonly leavesProcesses: boolean;
  /** Why it cannot be used here. */
  readonly missing?: string | undefined;
  /** Call after the last test. */
  readonly close?: () => Promise<void>;
}

let runners: Promise<readonly RunnerProgram[]> | undefined;

/** Every process host, for the suite of the port. */
export const PORT_HOSTS: readonly (readonly [where: string, PortCase])[] = [
  ...HOSTS.map(
    ([where, { create }]) => [where, { create: () => Promise.resolve(create()), leavesProcesses: true }] as const,
  ),
  [
    'on runners',
    {
      async create() {
        runners ??= Promise.all([RunnerProgram.start(), RunnerProgram.start(), RunnerProgram.start()]);
        return runnersAt((await runners).map(({ address }) => address));
      },
      leavesProcesses: false,
      missing: NO_CONTAINER,
      async close() {
        await Promise.all(((await runners) ?? []).map((runner) => runner[Symbol.asyncDispose]()));
      },
    },
  ],
];
