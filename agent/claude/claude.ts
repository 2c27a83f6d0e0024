import { fileURLToPath } from 'node:url';
import type { PermissionMode } from '../contract.ts';
import type { CredentialSource } from './credential.ts';
import { claudeEnvironment, retryWaitWithin } from './environment.ts';
import { argumentsOf, type ClaudeOptions as RunOptions } from './options.ts';
import { startClaude, type ClaudeProcess } from './process.ts';
import { sweep } from './sweep.ts';

/** One prompt for Claude. */
export interface Prompt {
  /** Names the run in the environment of its processes. */
  readonly runId: string;
  /** The conversation: a new one, unless `resume` says that it goes on. */
  readonly sessionId: string;
  readonly resume?: boolean;
  readonly options: RunOptions;
  readonly text: string;
  /** Absolute path of the working directory. */
  readonly workdir: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Called with each piece of text as Claude says it. */
  readonly onText?: (text: string) => void;
  /** Without tools, and leaving no conversation behind: for a probe. */
  readonly textOnly?: boolean;
}

/** Starts the pinned `claude`, or what stands in for it. */
export interface Claude {
  readonly credential: CredentialSource;
  start(prompt: Prompt): ClaudeProcess;
  /** Kills what an earlier agent on the same state folder left behind, and returns how many processes that were. */
  sweepLeftovers(): Promise<number>;
}

/** What {@link createClaude} needs to know. */
export interface ClaudeOptions {
  /** The executable; undefined for the pinned CLI. */
  readonly path: string | undefined;
  /** Names the state folder; see `RUN_MARK`. */
  readonly instanceId: string;
  readonly permissionMode: PermissionMode;
  readonly credential: CredentialSource;
  /** The agent's own environment, of which a process gets a few named variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The executable of the pinned `@anthropic-ai/claude-code`. */
export const PINNED_CLAUDE = fileURLToPath(import.meta.resolve('@anthropic-ai/claude-code/bin/claude.exe'));

/**
 * Settings come from the agent's own configuration folder and from nowhere else: `claude -p` would run the hooks and
 * MCP servers of a working directory without asking.
 */
const OWN_CONFIGURATION_ONLY = ['--setting-sources', 'user', '--strict-mcp-config'];

/** @see Claude */
export function createClaude(options: ClaudeOptions): Claude {
  const { credential, instanceId } = options;
  return {
    credential,
    start(prompt) {
      const mark = `${instanceId}/${prompt.runId}`;
      const remainingMs = prompt.deadline - Date.now();
      return startClaude({
        file: options.path ?? PINNED_CLAUDE,
        args: argumentsFor(prompt, options.permissionMode),
        env: claudeEnvironment(options.environment, credential.environment(), mark, remainingMs),
        deadline: prompt.deadline,
        retryWaitMs: retryWaitWithin(remainingMs),
        cwd: prompt.workdir,
        prompt: prompt.text,
        mark,
        ...(prompt.onText && { onText: prompt.onText }),
      });
    },
    sweepLeftovers: () => sweep(`${instanceId}/`),
  };
}

function argumentsFor(prompt: Prompt, permissionMode: PermissionMode): string[] {
  return [
    '-p',
    ...['--input-format', 'stream-json'],
    ...['--output-format', 'stream-json'],
    '--verbose',
    '--include-partial-messages',
    ...[prompt.resume ? '--resume' : '--session-id', prompt.sessionId],
    ...OWN_CONFIGURATION_ONLY,
    ...argumentsOf(prompt.options, permissionMode),
    ...(prompt.textOnly ? ['--tools', '', '--no-session-persistence'] : []),
  ];
}
