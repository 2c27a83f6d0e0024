import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RUN_LIMITS, type AuthMode, type PermissionMode } from '../contract.ts';
import { claudeEnvironment, retriesWithin, retryWaitWithin } from './environment.ts';
import { argumentsOf } from './options.ts';
import type { ProcessHost } from './host.ts';
import type { RunOptions } from '../http/api/run-request.ts';
import { startClaude, type ClaudeProcess, type ClaudeReport, type WaitingClaude } from './process.ts';
import { settingsVersion } from './settings-version.ts';
import { costStateOf, spendingBetween, spendingOfResult, type CostState, type Spending } from './spending.ts';
import { withRemedy } from './token-exchange.ts';
import type { ApiError } from './transcript.ts';
import { WarmStart } from './warm.ts';
import type { Log } from '../log.ts';

/** One prompt for Claude. */
export interface Prompt {
  /** The id of the run in the environment of its processes. */
  readonly runId: string;
  /** The conversation: a new one, unless `resume` is set. */
  readonly sessionId: string;
  readonly resume?: boolean;
  readonly options: RunOptions;
  readonly text: string;
  /** Absolute path of the working directory. */
  readonly workdir: string;
  /** In milliseconds of `performance.now()`. */
  readonly deadline: number;
  /** Called with each piece of text as it arrives. */
  readonly onText?: (text: string) => void;
  /** Without tools and without a stored conversation, for a login check. */
  readonly textOnly?: boolean;
}

/** How a process gets its credential. */
export interface ClaudeCredential {
  readonly mode: AuthMode;
  /** What a person should do if it is missing or refused, in a sentence or two. */
  readonly remedy: string;
  /** The variables that pass it to a process. Read again for each process; may contain a secret. */
  environment(): Record<string, string>;
}

/** Protects the configuration and the login that processes can write to. */
export interface ClaudeCustody {
  /** Called when no process exists and one is about to be started. */
  beforeStart(): void;
  /** Called when no run is in progress and one is about to start. */
  betweenRuns(): void;
  /** Called after each event of `claude`. @param apiError why the API refused the last request; undefined after an answer. */
  whileRunning(apiError: ApiError | undefined): void;
  /** Called when no process of the run is left. */
  afterRun(): void;
  /** Called when the agent is about to exit and no run is in progress. */
  atTheEnd(): void;
}

/** Starts the pinned `claude`, or the executable that replaces it. */
export interface Claude {
  /** The id for a new conversation. It may be the id of the warm process, which is then reserved for this conversation. */
  newSessionId(): string;
  /** Starts a prompt, with a matching warm process or a new one. No other prompt of its conversation may be in progress. */
  start(prompt: Prompt): Promise<StartedClaude>;
  /** Call when nothing is in progress: starts a warm process for a prompt with default options, if enabled. */
  prepare(): void;
  /** Ends the warm process. Settles when it is gone. */
  close(): Promise<void>;
  /** Memory of the warm process, in bytes; 0 if there is none. Never rejects. */
  preparedBytes(): Promise<number>;
  /** Kills the processes that an earlier agent on the same state folder left behind, and returns their number. */
  sweepLeftovers(): Promise<number>;
}

/** What a run reported, and what it spent. */
export interface RunReport extends ClaudeReport {
  /** Missing values are unknown, for example after SIGKILL. */
  readonly spent: Partial<Spending>;
}

/** A process that works on a prompt. */
export interface StartedClaude extends ClaudeProcess {
  readonly report: Promise<RunReport>;
  /** Whether it was a warm process. */
  readonly warm: boolean;
}

/** What {@link createClaude} needs. */
export interface ClaudeOptions {
  /** Starts the processes. */
  readonly host: ProcessHost;
  /** The executable; undefined for the pinned CLI. */
  readonly path: string | undefined;
  /** Identifies the state folder; see `RUN_MARK`. */
  readonly instanceId: string;
  readonly permissionMode: PermissionMode;
  /** For prompts that name none; undefined for the CLI's default. */
  readonly model?: string | undefined;
  /** Files with the MCP servers and the settings of every run. */
  readonly mcpConfig: string | undefined;
  readonly claudeSettings: string | undefined;
  readonly credential: ClaudeCredential;
  /** Undefined if the configuration belongs to a person. */
  readonly custody?: ClaudeCustody | undefined;
  /** The configuration folder that the processes use. */
  readonly configDir: string;
  /** The working directory of the warm process; undefined for no warm process. */
  readonly preparedFor: string | undefined;
  readonly log: Log;
  /** The agent's own environment, of which a process gets a few variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The executable of the pinned `@anthropic-ai/claude-code`. */
const PINNED_CLAUDE = fileURLToPath(import.meta.resolve('@anthropic-ai/claude-code/bin/claude.exe'));

/**
 * Settings and MCP servers come only from the agent's own configuration: `claude -p` would run the hooks and MCP servers of
 * a working directory without asking.
 */
const OWN_CONFIGURATION_ONLY = ['--setting-sources', 'user', '--strict-mcp-config'];

/** The warm process does not know the time limit of its run. The agent ends retries that take too long for the run. */
const EXPECTED_RUN_MS = RUN_LIMITS.defaultTimeoutMs;

/** @see Claude */
export function createClaude(options: ClaudeOptions): Claude {
  const { credential, custody, instanceId } = options;
  const warm = new WarmStart((sessionId) => {
    if (options.preparedFor === undefined) return undefined;
    const start = startFor({ sessionId, options: {}, workdir: options.preparedFor }, EXPECTED_RUN_MS);
    return { fingerprint: start.fingerprint, start: () => start.start(`prepared-${sessionId}`) };
  }, options.log);

  function startFor(
    prompt: Pick<Prompt, 'sessionId' | 'resume' | 'options' | 'textOnly' | 'workdir'>,
    remainingMs: number,
  ) {
    const args = argumentsFor(prompt, options);
    const own = credential.environment();
    // Only the CLI's last message explains why an identity token could not be exchanged, so the CLI must get to it itself.
    const retries = credential.mode === 'federation' ? retriesWithin(remainingMs) : undefined;
    return {
      fingerprint: JSON.stringify([
        args,
        own,
        prompt.workdir,
        folderVersion(prompt.workdir),
        settingsVersion(options),
        retries,
      ]),
      start(name: string): WaitingClaude {
        const mark = `${instanceId}/${name}`;
        custody?.beforeStart();
        const command = {
          file: options.path ?? PINNED_CLAUDE,
          args,
          env: claudeEnvironment(options.environment, own, mark, remainingMs),
          cwd: prompt.workdir,
          mark,
        };
        return startClaude(command, options.host);
      },
    };
  }

  /** What a conversation has spent so far; 'unknown' if that cannot be read. */
  async function spentBefore(sessionId: string): Promise<CostState | undefined | 'unknown'> {
    try {
      return await costStateOf(options.configDir, sessionId);
    } catch (error) {
      options.log.warn({ err: error, sessionId }, 'the cost of a conversation cannot be read');
      return 'unknown';
    }
  }

  /** @param before what the conversation had spent when the run started. */
  async function spentBy(
    { transcript: { result } }: ClaudeReport,
    sessionId: string,
    before: CostState | undefined | 'unknown',
  ): Promise<Partial<Spending>> {
    // A conversation that was started again, for example with `/clear`, is counted from zero.
    const since = result && result.session_id !== sessionId ? undefined : before;
    if (since === 'unknown') return {};
    if (result) return spendingOfResult(result, since);
    const left = await spentBefore(sessionId);
    return left && left !== 'unknown' && left.row !== since?.row ? spendingBetween(since, left) : {};
  }

  return {
    newSessionId: () => warm.newSessionId(),
    async start(prompt) {
      custody?.betweenRuns();
      const before = prompt.resume ? await spentBefore(prompt.sessionId) : undefined;
      const remainingMs = prompt.deadline - performance.now();
      const fresh = startFor(prompt, remainingMs);
      const waiting = await warm.take(prompt.sessionId, fresh.fingerprint);
      const process = (waiting ?? fresh.start(prompt.runId)).begin({
        prompt: prompt.text,
        deadline: prompt.deadline,
        retryWaitMs: retryWaitWithin(remainingMs),
        onHeard: ({ apiError }) => custody?.whileRunning(apiError),
        ...(prompt.onText && { onText: prompt.onText }),
      });
      const report = process.report.then(async (said) => {
        const { apiError } = said.transcript;
        if (apiError)
          said.transcript.apiError = { ...apiError, message: withRemedy(apiError.message, credential.remedy) };
        return { ...said, spent: await spentBy(said, prompt.sessionId, before) };
      });
      const reaped = process.reaped.finally(() => custody?.afterRun());
      return { ...process, report, reaped, warm: waiting !== undefined };
    },
    prepare: () => warm.prepare(),
    async close() {
      await warm.close();
      custody?.atTheEnd();
    },
    preparedBytes: () => warm.residentBytes(),
    sweepLeftovers: () => options.host.killLeftovers(instanceId),
  };
}

/** Changes when a folder is created again at the same path: the warm process would still be in the old one. */
function folderVersion(dir: string): string {
  const { dev, ino } = statSync(dir);
  return `${dev}:${ino}`;
}

function argumentsFor(
  prompt: Pick<Prompt, 'sessionId' | 'resume' | 'options' | 'textOnly'>,
  { permissionMode, model, mcpConfig, claudeSettings }: ClaudeOptions,
): string[] {
  return [
    '-p',
    ...['--input-format', 'stream-json'],
    ...['--output-format', 'stream-json'],
    '--verbose',
    '--include-partial-messages',
    ...[prompt.resume ? '--resume' : '--session-id', prompt.sessionId],
    ...OWN_CONFIGURATION_ONLY,
    ...(claudeSettings === undefined ? [] : [`--settings=${claudeSettings}`]),
    ...(mcpConfig === undefined || prompt.textOnly ? [] : [`--mcp-config=${mcpConfig}`]),
    ...argumentsOf(prompt.options, { permissionMode, model }, prompt.resume),
    ...(prompt.textOnly ? ['--tools', '', '--no-session-persistence'] : []),
  ];
}
