import { randomUUID } from 'node:crypto';
import { QUESTION_TOOL, type Answerer } from './asks.ts';
import { RUN_LIMITS, type AuthMode, type PermissionMode } from '../contract.ts';
import type { ClaudeConfigurations, ProcessConfiguration } from './configuration.ts';
import { ConfiguredClaude } from './configured.ts';
import { claudeEnvironment, isLong, passedFrom, retriesWithin, retryWaitWithin } from './environment.ts';
import type { LoginModel } from './login-model.ts';
import type { FilesOfPrompt } from '../files/run-files.ts';
import { RUN_FOLDER, type ProcessHost, type ClaimedPlace, type Programs } from './host.ts';
import { argumentsOf } from './options.ts';
import type { ClaudePlace } from './place.ts';
import type { RunOptions } from '../http/api/run-request.ts';
import type { PromptPlace, PromptWork } from './prompt-work.ts';
import type { ParentSpan } from './process-trace.ts';
import { startClaude, type ClaudeProcess, type ClaudeReport, type EndReason } from './process.ts';
import { RunUsage } from './run-usage.ts';
import { settingsVersion } from './settings-version.ts';
import { costStateOf, spendingBetween, spendingOfResult, type CostState, type Spending } from './spending.ts';
import { withRemedy } from './token-exchange.ts';
import { WarmPool, type Upcoming } from './warm.ts';
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
  /** Called with each event of the CLI as it arrives. Must not throw. */
  readonly onEvent?: (event: unknown) => void;
  /** Without tools and without a stored conversation, for a login check. */
  readonly textOnly?: boolean;
  /** How a person decides about its tools; undefined if nobody does. */
  readonly asks?: PromptAsks | undefined;
  /** Undefined if it has no folder for files. */
  readonly files?: FilesOfPrompt | undefined;
  /** Called whenever it has spent more. Must not throw. */
  readonly onSpent?: () => void;
  /** Work in the place of its process; undefined for none. Its process is then started for it alone. */
  readonly work?: PromptWork | undefined;
  /** The span that its process works within; undefined for none. */
  readonly trace?: ParentSpan | undefined;
}

/** How a person decides what a prompt may do. */
export interface PromptAsks {
  /** The file for `--settings`, with the rules for what is asked, in the place of the agent's own file. */
  readonly settings: string | undefined;
  /** Whether Claude may ask questions. */
  readonly questions: boolean;
  readonly answer: Answerer;
}

/** How a process gets its credential. */
export interface ClaudeCredential {
  readonly mode: AuthMode;
  /** What a person should do if it is missing or refused, in a sentence or two. */
  readonly remedy: string;
  /** The variables that pass it to a process. Read again for each process; may contain a secret. */
  environment(): Record<string, string>;
}

/** Starts the pinned `claude`, or the executable that replaces it. */
export interface Claude {
  /** The id for a new conversation. It may be the id of a warm process, which is then reserved for this conversation. */
  newSessionId(request: Pick<UpcomingRun, 'options' | 'workdir' | 'timeoutMs'>): string;
  /** Starts a prompt, with a matching warm process or a new one. No other prompt of its conversation may be in progress. */
  start(prompt: Prompt): Promise<StartedClaude>;
  /** Whether what processes spend is seen as it passes the gateway, and not only in their own output. */
  readonly isMetered: boolean;
  /** Whether there is room for a process although all slots are taken. */
  readonly hasRoomBeside: boolean;
  /** Call whenever a run starts to wait, starts, or ends: starts warm processes for the runs that come next, if enabled. */
  prepare(upcoming: Upcoming<UpcomingRun>): void;
  /** Call when the login has been replaced: warm processes were started with the earlier one, and perhaps for its account. */
  renewPrepared(): void;
  /** Ends all warm processes. Settles when they are gone. */
  close(): Promise<void>;
  /** How many warm processes there are. */
  readonly preparedCount: number;
  /** Memory of the warm processes, in bytes. Never rejects. */
  preparedBytes(): Promise<number>;
  /**
   * Kills the processes that an earlier agent on the same state folder left behind, and then takes back their conversations.
   * @returns how many processes were killed.
   */
  sweepLeftovers(): Promise<number>;
  /** Whether a conversation can be continued. Call when none of its runs is in progress. */
  hasConversation(sessionId: string): Promise<boolean>;
}

/** A run without a process. */
export interface UpcomingRun extends Pick<Prompt, 'sessionId' | 'resume' | 'options' | 'workdir' | 'trace'> {
  /** How long it may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** What a run reported, and what it spent. */
export interface RunReport extends ClaudeReport {
  /** Missing values are unknown, for example after SIGKILL. */
  readonly spent: Partial<Spending>;
  /** Whether the run ended before `claude` had saved its conversation, which then cannot be continued. */
  readonly isUnsaved?: boolean;
}

/** A process that works on a prompt. */
export interface StartedClaude extends ClaudeProcess {
  readonly report: Promise<RunReport>;
  /** Whether it was a warm process. */
  readonly warm: boolean;
  /** What its messages have cost so far at list prices, in US dollars. */
  readonly spentUsd: () => number;
}

/** What {@link createClaude} needs. */
export interface ClaudeOptions {
  readonly place: ClaudePlace;
  /** Identifies the state folder; see `RUN_MARK`. */
  readonly instanceId: string;
  readonly permissionMode: PermissionMode;
  /** For prompts that name none; undefined for the CLI's default. */
  readonly model?: string | undefined;
  /** For prompts that name none, where `claude` has only a token and would use another default. */
  readonly loginModel?: Pick<LoginModel, 'current' | 'isKnown' | 'known'> | undefined;
  /** Files with the MCP servers and the settings of every run. */
  readonly mcpConfig: string | undefined;
  readonly claudeSettings: string | undefined;
  readonly credential: ClaudeCredential;
  readonly configurations: ClaudeConfigurations;
  /** The working directory of prompts that name none. */
  readonly workdir: string;
  /** Whether a run needs a process of its own: a person decides what it may do, or it gets what is left of a budget. */
  readonly startsCold: (options: RunOptions) => boolean;
  /** Called with each event of each prompt. Must not throw. */
  readonly onEvent?: ((event: unknown) => void) | undefined;
  /** How many processes to start ahead; 0 for none. */
  readonly prepared: () => number;
  readonly log: Log;
}

/**
 * Settings and MCP servers come only from the agent's own configuration: `claude -p` would run the hooks and MCP servers of
 * a working directory without asking.
 */
const OWN_CONFIGURATION_ONLY = ['--setting-sources', 'user', '--strict-mcp-config'];

/** They name the folder of a run with the files that it is given, and that for files that it leaves. */
const FOLDER_VARIABLES = { CLAUDE_RUN_IN: `${RUN_FOLDER}/in`, CLAUDE_RUN_OUT: `${RUN_FOLDER}/out` };

/** A warm process does not know the time limit of its run. The agent ends retries that take too long for the run. */
const EXPECTED_RUN_MS = RUN_LIMITS.defaultTimeoutMs;

/** @see Claude */
export function createClaude(options: ClaudeOptions): Claude {
  const { credential, configurations, instanceId, loginModel, log, place } = options;
  const warm = new WarmPool<UpcomingRun>({
    size: options.prepared,
    startFor: (sessionId, run = { sessionId, options: {}, workdir: options.workdir, timeoutMs: EXPECTED_RUN_MS }) => {
      if (loginModel?.isKnown === false || options.startsCold(run.options) || isLong(run.timeoutMs)) return undefined;
      const start = startFor(run, EXPECTED_RUN_MS);
      if (start.isInRepository) return undefined;
      return {
        fingerprint: start.fingerprint(),
        start: async () => {
          const configuration = await configurationFor(run);
          if (place.hasRoom()) return start.start(configuration, `prepared-${sessionId}-${randomUUID()}`);
          await configuration.end();
          return undefined;
        },
      };
    },
    hasRoom: () => place.hasRoom(),
    log,
  });

  function startFor(
    prompt: Pick<Prompt, 'sessionId' | 'resume' | 'options' | 'textOnly' | 'workdir' | 'asks' | 'work' | 'trace'>,
    remainingMs: number,
  ) {
    const args = argumentsFor(prompt, options);
    const own = credential.environment();
    // Only the CLI's last message explains why an identity token could not be exchanged, so the CLI must get to it itself.
    const retries = credential.mode === 'federation' ? retriesWithin(remainingMs) : undefined;
    const { mcpConfig } = options;
    const claudeSettings = prompt.asks?.settings ?? options.claudeSettings;
    const given = [mcpConfig, claudeSettings].filter((file) => file !== undefined);
    const isInRepository = place.isInRepository(prompt.workdir);
    return {
      isInRepository,
      /** Its working directory must exist. */
      fingerprint: () =>
        JSON.stringify([
          args,
          own,
          prompt.workdir,
          place.versionOf(prompt.workdir),
          isInRepository,
          settingsVersion({ configDir: configurations.sharedDir, mcpConfig, claudeSettings }),
          retries,
          // A warm process has too little time for the retries and commands of a long run.
          isLong(remainingMs),
        ]),
      /** Ends the configuration if the process cannot be started. */
      start(
        configuration: ProcessConfiguration,
        name: string,
        host: Pick<ProcessHost, 'start'> = place.host,
      ): ConfiguredClaude {
        const mark = `${instanceId}/${name}`;
        const command = {
          file: place.file,
          args,
          env: {
            ...claudeEnvironment(place.environment, { ...own, ...configuration.environment }, mark, remainingMs),
            ...(!prompt.textOnly && FOLDER_VARIABLES),
            ...prompt.work?.environment,
            ...(!prompt.textOnly && configuration.trace?.environment(prompt.trace)),
          },
          cwd: place.cwdOf(prompt.workdir),
          mark,
          hasFolder: prompt.textOnly !== true,
          files: [...place.filesOf(given), ...configuration.files],
          ...(configuration.mirror !== undefined && { mirror: configuration.mirror }),
        };
        try {
          return new ConfiguredClaude(startClaude(command, host), configuration);
        } catch (error) {
          void configuration.end();
          throw error;
        }
      },
    };
  }

  /** The configuration of a new process for a prompt. */
  async function configurationFor({
    sessionId,
    resume,
    workdir,
  }: Pick<Prompt, 'sessionId' | 'resume' | 'workdir'>): Promise<ProcessConfiguration> {
    const configuration = configurations.open(sessionId, workdir);
    try {
      if (resume) {
        await warm.gone(sessionId);
        await configuration.putConversation();
      }
      return configuration;
    } catch (error) {
      await configuration.end();
      throw error;
    }
  }

  async function startNew(prompt: Prompt, start: ReturnType<typeof startFor>): Promise<ConfiguredClaude> {
    const started = await place.whenRoom(() => warm.giveUpOne());
    try {
      return start.start(await configurationFor(prompt), prompt.runId);
    } finally {
      started();
    }
  }

  /** The same after the work of the prompt in its place. */
  async function startAfter(work: PromptWork, prompt: Prompt, start: ReturnType<typeof startFor>) {
    const started = await place.whenRoom(() => warm.giveUpOne());
    let claimed: ClaimedPlace;
    try {
      claimed = place.host.claim(`${instanceId}/${prompt.runId}`);
    } finally {
      started();
    }
    try {
      const before = await work.before(placeOf(prompt, claimed));
      const configuration = await configurationFor(prompt);
      return { process: start.start(configuration, prompt.runId, claimed), before };
    } catch (error) {
      await claimed.release();
      throw error;
    }
  }

  function placeOf({ workdir }: Pick<Prompt, 'workdir'>, programs: Programs): PromptPlace {
    return { programs, cwd: place.cwdOf(workdir), environment: passedFrom(place.environment) };
  }

  /** What a conversation has spent so far; 'unknown' if that cannot be read. */
  async function spentBefore(configuration: ProcessConfiguration): Promise<CostState | undefined | 'unknown'> {
    try {
      return await costStateOf(await configuration.transcripts());
    } catch (error) {
      log.warn({ err: error }, 'the cost of a conversation cannot be read');
      return 'unknown';
    }
  }

  /** @param before what the conversation had spent when the run started. */
  async function spentBy(
    report: ClaudeReport,
    sessionId: string,
    configuration: ProcessConfiguration,
    before: CostState | undefined | 'unknown',
    counted: Spending | undefined,
  ): Promise<Partial<Spending>> {
    const told = await toldSpending(report, sessionId, configuration, before);
    if (!told || !counted) return told ?? counted ?? {};
    // On a runner a prompt could write a result of its own; what passed the gateway was spent.
    const isSure = configuration.usage === undefined;
    return isSure || told.costUsd === undefined ? told : { ...told, costUsd: Math.max(told.costUsd, counted.costUsd) };
  }

  /** What the CLI says that a run spent; undefined if it does not say it. */
  async function toldSpending(
    { transcript: { result } }: ClaudeReport,
    sessionId: string,
    configuration: ProcessConfiguration,
    before: CostState | undefined | 'unknown',
  ): Promise<Partial<Spending> | undefined> {
    // A conversation that was started again, for example with `/clear`, is counted from zero.
    const since = result && result.session_id !== sessionId ? undefined : before;
    if (since === 'unknown') return undefined;
    if (result) return spendingOfResult(result, since);
    const left = await spentBefore(configuration);
    return left && left !== 'unknown' && left.row !== since?.row ? spendingBetween(since, left) : undefined;
  }

  /** Whether a run that failed left no conversation. `claude` saves it a tenth of a second after it got the prompt. */
  async function isUnsaved({ transcript }: ClaudeReport, configuration: ProcessConfiguration): Promise<boolean> {
    if (transcript.result?.is_error === false) return false;
    try {
      return (await configuration.transcripts()).length === 0;
    } catch (error) {
      log.warn({ err: error }, 'conversations cannot be listed');
      return false;
    }
  }

  return {
    newSessionId: ({ options: chosen, workdir, timeoutMs }) =>
      Object.keys(chosen).length === 0 && workdir === options.workdir && !isLong(timeoutMs)
        ? warm.newSessionId()
        : randomUUID(),
    async start(prompt) {
      await loginModel?.known();
      const remainingMs = prompt.deadline - performance.now();
      const fresh = startFor(prompt, remainingMs);
      const { work } = prompt;
      const worked = work && (await startAfter(work, prompt, fresh));
      const taken = worked ? undefined : await warm.take(prompt.sessionId, fresh.fingerprint());
      const waiting = worked?.process ?? taken ?? (await startNew(prompt, fresh));
      const { configuration } = waiting;
      if (prompt.trace) configuration.trace?.join(prompt.trace);
      const before = prompt.resume ? await spentBefore(configuration) : undefined;
      const usage = configuration.usage ?? new RunUsage();
      usage.onChange = prompt.onSpent;
      const process = await waiting.begin({
        prompt: prompt.text,
        before: worked?.before,
        afterwards: work && ((programs) => work.afterwards(placeOf(prompt, programs))),
        files: prompt.files,
        deadline: prompt.deadline,
        retryWaitMs: retryWaitWithin(remainingMs),
        ...(prompt.onText && { onText: prompt.onText }),
        onEvent: (event) => {
          if (!configuration.usage) usage.take(event);
          options.onEvent?.(event);
          prompt.onEvent?.(event);
        },
        answer: prompt.asks?.answer,
      });
      const report = process.report.then(async (said) => {
        // Without an answer, the conversation says what was spent.
        if (said.transcript.result?.is_error !== false) await waiting.pull();
        const { apiError } = said.transcript;
        if (apiError)
          said.transcript.apiError = { ...apiError, message: withRemedy(apiError.message, credential.remedy) };
        return {
          ...said,
          spent: await spentBy(said, prompt.sessionId, configuration, before, usage.total),
          isUnsaved: await isUnsaved(said, configuration),
        };
      });
      // The report reads the conversation where the process left it.
      const reaped = Promise.allSettled([process.reaped, report])
        .then(() => configuration.end())
        .then(() => process.reaped);
      const end = (reason: EndReason) => {
        if (reason === 'budget') configuration.withdraw();
        process.end(reason);
      };
      const spentUsd = () => usage.total?.costUsd ?? 0;
      return { ...process, report, reaped, warm: taken !== undefined, end, spentUsd };
    },
    isMetered: configurations.isMetered,
    get hasRoomBeside() {
      return place.hasRoomBeside();
    },
    prepare: (upcoming) => warm.prepare(upcoming),
    renewPrepared: () => warm.renewAll(),
    async close() {
      await warm.close();
      configurations.close();
    },
    get preparedCount() {
      return warm.count;
    },
    preparedBytes: () => warm.residentBytes(),
    async sweepLeftovers() {
      try {
        return await place.host.killLeftovers(instanceId);
      } finally {
        await configurations.recover();
      }
    },
    hasConversation: (sessionId) => configurations.has(sessionId),
  };
}

function argumentsFor(
  prompt: Pick<Prompt, 'sessionId' | 'resume' | 'options' | 'textOnly' | 'asks'>,
  { permissionMode, loginModel, model = loginModel?.current, mcpConfig, claudeSettings, place }: ClaudeOptions,
): string[] {
  const { asks } = prompt;
  const settings = asks?.settings ?? claudeSettings;
  return [
    '-p',
    ...['--input-format', 'stream-json'],
    ...['--output-format', 'stream-json'],
    '--verbose',
    '--include-partial-messages',
    ...[prompt.resume ? '--resume' : '--session-id', prompt.sessionId],
    ...OWN_CONFIGURATION_ONLY,
    ...(settings === undefined ? [] : [`--settings=${place.pathOf(settings)}`]),
    ...(asks ? ['--permission-prompt-tool', 'stdio'] : []),
    // With somebody to ask, the CLI has this tool.
    ...(asks && !asks.questions ? [`--disallowedTools=${QUESTION_TOOL}`] : []),
    ...(mcpConfig === undefined || prompt.textOnly ? [] : [`--mcp-config=${place.pathOf(mcpConfig)}`]),
    ...argumentsOf(prompt.options, { permissionMode, model }, prompt.resume),
    // Other permission modes than bypassPermissions let Claude read only there and in the working directory.
    ...(prompt.textOnly ? ['--tools', '', '--no-session-persistence'] : [`--add-dir=${RUN_FOLDER}`]),
  ];
}
