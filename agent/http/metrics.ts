import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { BudgetState } from '../budgets/budget-state.ts';
import type { Budgets } from '../budgets/budgets.ts';
import { callerNameOf, type KnownCaller } from '../callers/callers.ts';
import { availableMemory } from '../claude/available-memory.ts';
import type { Decisions } from '../decisions/decisions.ts';
import type { Claude, StartedClaude } from '../claude/claude.ts';
import { AUTH_STATES, EXIT_CODES } from '../contract.ts';
import { HOLD_REASONS, type QuotaWindow } from './api/state.ts';
import { SPAN_RESULTS, type SpanResult } from '../tracing/span-export.ts';
import { REFUSALS, type Refusal } from '../gateway/refusals.ts';
import { CALL_RESULTS, TOOL_NAMES, type CallResult, type ToolName } from '../mcp/names.ts';
import type { Callback } from '../store/run.ts';
import type { CallbackRecords } from '../store/callback-records.ts';
import type { LoginStatus } from '../login/status.ts';
import type { LoginCheck } from '../runs/login-check.ts';
import { HTTP_REFUSALS, type HttpRefusal } from './reach/refusals.ts';
import type { QueueHold } from '../quota/queue-hold.ts';
import type { Quota } from '../quota/quota.ts';
import { millisecondsBetween, type EndedRun } from '../store/run.ts';
import type { RunService } from '../runs/service.ts';
import type { FileStore } from '../files/file-store.ts';
import type { Workspace } from '../workspace/workspace.ts';

const SECONDS = [0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400];

/** For a run of a caller that is no longer configured. */
const REMOVED = '(removed)';

/** `not_pushed`: there was nothing to push, or it was not asked for. `not_cloned`: Claude had no prompt. */
const GIT_RESULTS = ['proposed', 'pushed', 'not_pushed', 'not_cloned', 'failed'] as const;

function gitResultOf({ outcome, git }: EndedRun['result']): (typeof GIT_RESULTS)[number] {
  if (git?.base === undefined) return 'not_cloned';
  if (git.pullRequestUrl !== undefined) return 'proposed';
  if (outcome !== 'succeeded') return 'failed';
  return git.pushed ? 'pushed' : 'not_pushed';
}

/** Counts runs for Prometheus. The counters start at 0 with the process. */
export class RunMetrics {
  readonly #registry = new Registry();
  readonly #runs = this.#counter('claude_agent_runs_total', 'Runs that ended, by outcome.', ['outcome']);
  readonly #tokens = this.#counter('claude_agent_tokens_total', 'Tokens as counted by the CLI.', ['kind']);
  readonly #cost = this.#counter('claude_agent_cost_usd_total', 'Cost in US dollars as calculated by the CLI.', []);
  readonly #duration = this.#histogram(
    'claude_agent_run_duration_seconds',
    'Seconds from the start of a run to its end.',
  );
  readonly #wait = this.#histogram(
    'claude_agent_queue_wait_seconds',
    'Seconds from the acceptance of a run to its start.',
  );

  readonly #starts = this.#counter(
    'claude_agent_warm_starts_total',
    'Runs that started, by whether a warm process was used (hit) or not (miss).',
    ['result'],
  );
  readonly #callbacks = this.#counter('claude_agent_callbacks_total', 'Finished callbacks, by result.', ['result']);
  readonly #failures = this.#counter('claude_agent_callback_failures_total', 'Failed callback attempts.', []);
  readonly #refusals = this.#counter(
    'claude_agent_gateway_refusals_total',
    'Requests that the gateway for runners refused, by reason.',
    ['reason'],
  );
  readonly #passedOn = this.#counter(
    'claude_agent_gateway_requests_total',
    'Requests that the gateway for runners passed on, by status of the API (none: no response).',
    ['status'],
  );

  readonly #httpRefusals = this.#counter(
    'claude_agent_http_refusals_total',
    'Requests that were refused because of their token or the address that they came from, by reason.',
    ['reason'],
  );

  readonly #repositories = this.#counter(
    'claude_agent_git_runs_total',
    'Runs on a repository that ended, by what became of it.',
    ['result'],
  );

  readonly #callers: readonly string[];
  readonly #callerRuns = this.#counter('claude_agent_caller_runs_total', 'Runs that ended, by caller and outcome.', [
    'caller',
    'outcome',
  ]);
  readonly #callerCost = this.#counter(
    'claude_agent_caller_cost_usd_total',
    'Cost in US dollars as calculated by the CLI, by caller.',
    ['caller'],
  );
  readonly #callerRequests = this.#counter(
    'claude_agent_caller_requests_total',
    'Requests with the token of a caller, by caller and token: the older one only while its token is rotated.',
    ['caller', 'token'],
  );

  readonly #mcpCalls = this.#counter('claude_agent_mcp_calls_total', 'Calls of tools over MCP, by tool and result.', [
    'tool',
    'result',
  ]);

  /** @param callers the names of all callers. */
  constructor(callers: readonly string[]) {
    this.#callers = callers;
    for (const caller of callers) {
      this.#callerRuns.inc({ caller, outcome: 'succeeded' }, 0);
      this.#callerCost.inc({ caller }, 0);
      for (const token of ['newer', 'older']) this.#callerRequests.inc({ caller, token }, 0);
    }
    collectDefaultMetrics({ register: this.#registry });
    for (const outcome of Object.keys(EXIT_CODES)) this.#runs.inc({ outcome }, 0);
    for (const result of ['delivered', 'given_up']) this.#callbacks.inc({ result }, 0);
    for (const result of ['hit', 'miss']) this.#starts.inc({ result }, 0);
    for (const reason of REFUSALS) this.#refusals.inc({ reason }, 0);
    for (const reason of HTTP_REFUSALS) this.#httpRefusals.inc({ reason }, 0);
    this.#passedOn.inc({ status: 200 }, 0);
    for (const tool of TOOL_NAMES) for (const result of CALL_RESULTS) this.#mcpCalls.inc({ tool, result }, 0);
    for (const result of GIT_RESULTS) this.#repositories.inc({ result }, 0);
  }

  /** Counts the start of a run. */
  countStart({ warm }: StartedClaude): void {
    this.#starts.inc({ result: warm ? 'hit' : 'miss' });
  }

  /** Counts a run that ended. */
  count({ result, acceptedAt, startedAt, endedAt, request }: EndedRun): void {
    this.#runs.inc({ outcome: result.outcome });
    const name = callerNameOf({ request });
    const caller = this.#callers.includes(name) ? name : REMOVED;
    this.#callerRuns.inc({ caller, outcome: result.outcome });
    this.#callerCost.inc({ caller }, result.costUsd ?? 0);
    if (startedAt !== undefined) {
      this.#wait.observe(millisecondsBetween(acceptedAt, startedAt) / 1000);
      this.#duration.observe(millisecondsBetween(startedAt, endedAt) / 1000);
    }
    if (request.git) this.#repositories.inc({ result: gitResultOf(result) });
    this.#cost.inc(result.costUsd ?? 0);
    const { usage } = result;
    if (!usage) return;
    this.#tokens.inc({ kind: 'input' }, usage.inputTokens);
    this.#tokens.inc({ kind: 'output' }, usage.outputTokens);
    this.#tokens.inc({ kind: 'cache_creation' }, usage.cacheCreationInputTokens);
    this.#tokens.inc({ kind: 'cache_read' }, usage.cacheReadInputTokens);
  }

  /** Adds the counter of spans, and returns what counts them. */
  watchSpans(): (result: SpanResult, spans: number) => void {
    const counter = this.#counter(
      'claude_agent_spans_total',
      'Spans by what became of them: exported, failed (the collector did not take them) or dropped (too many waited).',
      ['result'],
    );
    for (const result of SPAN_RESULTS) counter.inc({ result }, 0);
    return (result, spans) => counter.inc({ result }, spans);
  }

  /** Counts a call of a tool over MCP. */
  countMcpCall(tool: ToolName, result: CallResult): void {
    this.#mcpCalls.inc({ tool, result });
  }

  /** Counts a request of a caller. */
  countRequest({ caller: { name: caller }, token }: KnownCaller): void {
    this.#callerRequests.inc({ caller, token });
  }

  /** Counts a request that was refused because of its token or its address. */
  countHttpRefusal(reason: HttpRefusal): void {
    this.#httpRefusals.inc({ reason });
  }

  /** Counts an attempt of a callback, given its state after the attempt. */
  countAttempt({ state }: Callback): void {
    if (state !== 'pending') this.#callbacks.inc({ result: state });
    if (state !== 'delivered') this.#failures.inc();
  }

  /** Adds the number of pending callbacks, read at each scrape. */
  watchCallbacks(callbacks: CallbackRecords): void {
    this.#gauge('claude_agent_callbacks_pending', 'Callbacks of ended runs that are not delivered yet.', (gauge) =>
      gauge.set(callbacks.pending),
    );
  }

  /** Adds the number of runs that wait for a person, read at each scrape. */
  watchDecisions(decisions: Pick<Decisions, 'waitingRuns'>): void {
    this.#gauge('claude_agent_waiting_runs', 'Runs in progress that wait for a decision of a person.', (gauge) =>
      gauge.set(decisions.waitingRuns),
    );
  }

  /** Adds the metrics that are read at each scrape. */
  watch(service: RunService, claude: Claude, loginStatus: LoginStatus, version: string): void {
    this.#gauge('claude_agent_info', 'The version of the agent.', (gauge) => gauge.set({ version }, 1), ['version']);
    this.#gauge('claude_agent_active_runs', 'Runs in progress.', (gauge) => gauge.set(service.load.active));
    this.#gauge('claude_agent_queue_depth', 'Runs waiting in the queue.', (gauge) => gauge.set(service.load.queued));
    this.#gauge('claude_agent_queue_limit', 'The most runs that may wait in the queue.', (gauge) =>
      gauge.set(service.load.limit),
    );
    this.#gauge('claude_agent_paused', '1 while the agent is paused.', (gauge) => gauge.set(service.paused ? 1 : 0));
    this.#gauge('claude_agent_busy_slots', 'Slots with a run in progress or with processes that it left.', (gauge) =>
      gauge.set(service.load.busy),
    );
    this.#gauge('claude_agent_slots', 'The most runs in progress at a time.', (gauge) => gauge.set(service.load.slots));
    this.#gauge('claude_agent_warm_processes', 'Processes that were started ahead.', (gauge) =>
      gauge.set(claude.preparedCount),
    );
    this.#gauge(
      'claude_agent_warm_process_resident_memory_bytes',
      'Memory of the processes that were started ahead.',
      async (gauge) => gauge.set(await claude.preparedBytes()),
    );
    this.#gauge(
      'claude_agent_available_memory_bytes',
      'Memory that more processes can use, in the container or on the machine; NaN if unknown.',
      (gauge) => gauge.set(availableMemory() ?? NaN),
    );
    this.#gauge(
      'claude_agent_login_state',
      '1 for the current state of the login.',
      (gauge) => {
        const { state } = loginStatus.current.login;
        for (const each of [...AUTH_STATES, 'unknown']) gauge.set({ state: each }, each === state ? 1 : 0);
      },
      ['state'],
    );
    this.#gauge(
      'claude_agent_login_expiry_timestamp_seconds',
      'When the access token expires; 0 if unknown.',
      (gauge) => {
        const { expiresAt } = loginStatus.current.credential;
        gauge.set(expiresAt === undefined ? 0 : Date.parse(expiresAt) / 1000);
      },
    );
    this.#gauge('claude_agent_login_renewable', '1 if the access token can be renewed automatically.', (gauge) =>
      gauge.set(loginStatus.credential.status().refreshable ? 1 : 0),
    );
  }

  /** Adds the time of the last login check, for example by the watchdog. */
  watchChecks(check: LoginCheck): void {
    this.#gauge(
      'claude_agent_login_check_timestamp_seconds',
      'When POST /auth/check last returned a result; 0 before the first.',
      (gauge) => gauge.set((check.answeredAt?.getTime() ?? 0) / 1000),
    );
  }

  /** Adds the runners by state, read at each scrape. */
  watchRunners(counts: () => Readonly<Record<string, number>>): void {
    this.#gauge(
      'claude_agent_runners',
      'Runners by state.',
      (gauge) => {
        for (const [state, count] of Object.entries(counts())) gauge.set({ state }, count);
      },
      ['state'],
    );
  }

  /** Counts a request that the gateway refused. */
  countRefusal(reason: Refusal): void {
    this.#refusals.inc({ reason });
  }

  /** Counts a request that the gateway passed on. @param status of the API; undefined if there was no response. */
  countPassedOn(status: number | undefined): void {
    this.#passedOn.inc({ status: status ?? 'none' });
  }

  /** Adds what is known about the usage limit, and whether the queue waits. */
  watchQuota(quota: Pick<Quota, 'windows'>, hold: Pick<QueueHold, 'current'>): void {
    const perWindow = (name: string, help: string, valueOf: (window: QuotaWindow) => number) =>
      this.#gauge(
        name,
        help,
        (gauge) => {
          gauge.reset();
          for (const each of quota.windows) gauge.set({ window: each.window }, valueOf(each));
        },
        ['window'],
      );
    perWindow(
      'claude_agent_quota_utilization',
      'The part of a window of the usage limit that is used, 0 to 1 and above.',
      ({ utilization }) => utilization,
    );
    perWindow(
      'claude_agent_quota_reset_timestamp_seconds',
      'When a window of the usage limit resets.',
      ({ resetsAt }) => Date.parse(resetsAt) / 1000,
    );
    this.#gauge(
      'claude_agent_queue_held',
      '1 while waiting runs do not start for this reason.',
      (gauge) => {
        for (const reason of HOLD_REASONS) gauge.set({ reason }, hold.current?.reason === reason ? 1 : 0);
      },
      ['reason'],
    );
  }

  /** Adds the number, the size and the limit of the files of runs. */
  watchFiles(files: Pick<FileStore, 'stored'>): void {
    this.#gauge('claude_agent_files', 'Files of runs with different contents.', (gauge) =>
      gauge.set(files.stored.count),
    );
    this.#gauge('claude_agent_files_bytes', 'Disk use of the files of runs.', (gauge) => gauge.set(files.stored.bytes));
    this.#gauge('claude_agent_files_limit_bytes', 'The limit of the files of runs.', (gauge) =>
      gauge.set(files.stored.limitBytes),
    );
  }

  /** Adds the budgets, read at each scrape. Of a budget of a label it has the value that has spent the most. */
  watchBudgets(budgets: Pick<Budgets, 'states'>): void {
    const names = ['per', 'caller', 'label'] as const;
    const ofEach = (read: (state: BudgetState) => number) => (gauge: Gauge<(typeof names)[number]>) => {
      gauge.reset();
      // The most spent comes first.
      for (const state of budgets.states.toReversed()) {
        const { per, caller = '', label = '' } = state;
        gauge.set({ per, caller, label }, read(state));
      }
    };
    this.#gauge(
      'claude_agent_budget_usd',
      'Budgets in US dollars.',
      ofEach(({ usd }) => usd),
      [...names],
    );
    this.#gauge(
      'claude_agent_budget_spent_usd',
      'What runs have spent of a budget in its current period; of a budget of a label, the value that has spent the most.',
      ofEach(({ spentUsd }) => spentUsd),
      [...names],
    );
  }

  /** Adds the size and limit of the workspace. */
  watchWorkspace(workspace: Workspace): void {
    this.#gauge('claude_agent_workspace_bytes', 'Disk use of the workspace when it was last measured.', (gauge) =>
      gauge.set(workspace.bytes),
    );
    this.#gauge('claude_agent_workspace_limit_bytes', 'The limit of the workspace; 0 for no limit.', (gauge) =>
      gauge.set(workspace.limitBytes ?? 0),
    );
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  #counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: SECONDS, registers: [this.#registry] });
  }

  #gauge<T extends string = never>(
    name: string,
    help: string,
    read: (gauge: Gauge<T>) => void | Promise<void>,
    labelNames: T[] = [],
  ): void {
    new Gauge<T>({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        return read(this);
      },
    });
  }
}
