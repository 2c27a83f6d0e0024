import { npmRun } from '../next-command.ts';
import type { ConfigReader } from './reader.ts';
import { TEXT } from './values.ts';

/** The most runners, and the most that are started ahead. */
const MAX_RUNNERS = 100;

/** The pods that run `claude` for the agent. */
export interface RunnersConfig {
  /** How many runs may be in progress. */
  readonly count: number;
  /** How many more there are, on which `claude` is started ahead. */
  readonly warm: number;
  /** Whether a runner is used for more than one run. */
  readonly reuse: boolean;
  /** Undefined: that of the nodes. */
  readonly runtimeClass: string | undefined;
  readonly egress: 'internet' | 'none';
}

/** Reads the keys of runners. @returns undefined if `claude` runs in the agent's pod. */
export function readRunners(read: ConfigReader): RunnersConfig | undefined {
  const runners = {
    count: read.integer('runners', 0, MAX_RUNNERS),
    warm: read.integer('warmRunners', 0, MAX_RUNNERS),
    reuse: read.boolean('runnerReuse'),
    runtimeClass: read.optional('runnerRuntimeClass', ...TEXT.runtimeClass),
    egress: read.oneOf('runnerEgress', ['internet', 'none']),
  };
  if (runners.count > 0) return runners;
  const unused = [
    ...(runners.warm > 0 ? ['warmRunners'] : []),
    ...(runners.reuse ? [] : ['runnerReuse']),
    ...(runners.runtimeClass === undefined ? [] : ['runnerRuntimeClass']),
    ...(runners.egress === 'none' ? ['runnerEgress'] : []),
  ];
  for (const key of unused) {
    read.mistake(
      `${key} is set, but runners is 0, so that claude runs in the agent's pod. Set runners to 1 or more, or remove ${key}: \`${npmRun('pulumi', `config rm ${key}`)}\`.`,
    );
  }
  return undefined;
}
