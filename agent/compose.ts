import path from 'node:path';
import type { Hono } from 'hono';
import { type Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { createApp } from './http/app.ts';
import { serveSnapshots, type SnapshotServer } from './backup/snapshot-server.ts';
import { Budgets } from './budgets/budgets.ts';
import { Callers } from './callers/callers.ts';
import { sharedHashes } from './callers/setting.ts';
import { CallbackHosts } from './callbacks/hosts.ts';
import { CallbackSender, type CallbackSenderDependencies } from './callbacks/sender.ts';
import { callbackSecrets } from './callbacks/signature.ts';
import { createClaude } from './claude/claude.ts';
import { LocalHost } from './claude/local-host.ts';
import { localPlace } from './claude/place.ts';
import type { Runners } from './compose-runners.ts';
import { maskOfSecrets } from './compose-steps.ts';
import { Decisions } from './decisions/decisions.ts';
import type { Features } from './features.ts';
import { pruneConversations } from './conversations/prune.ts';
import { type CredentialSource } from './login/credential.ts';
import { AGENT_ENV, FILES_FOLDER } from './contract.ts';
import { isInside } from './is-inside.ts';
import { makeFolder, unwritableBecause } from './workspace/folders.ts';
import { admit } from './gateway/admission.ts';
import { LocalServer } from './gateway/local-server.ts';
import { RunTokens } from './gateway/run-tokens.ts';
import type { Gateway } from './gateway/server.ts';
import type { RunOptions } from './http/api/run-request.ts';
import { endOf, needOf } from './http/occasions.ts';
import { LoginStatus } from './login/status.ts';
import { scheduleForget, pruneHourly, pruneRecordsHourly, openOrReplaceStore } from './store/housekeeping.ts';
import { LoginCheck } from './runs/login-check.ts';
import { RunMetrics } from './http/metrics.ts';
import { Reach } from './http/reach/reach.ts';
import { Contents } from './files/contents.ts';
import { FileStore } from './files/file-store.ts';
import { NO_GIT_HOSTS } from './git/no-hosts.ts';
import { GitRuns } from './git/run/git-runs.ts';
import { RunService } from './runs/service.ts';
import type { EndedRun, KeptHold } from './store/run.ts';
import type { RunStore } from './store/store.ts';
import type { Log } from './log.ts';
import { RunSteps } from './steps/run-steps.ts';
import type { SpanExport } from './tracing/span-export.ts';
import { Workspace } from './workspace/workspace.ts';
import { SettingsError, type Settings } from './settings.ts';
import { apiToken, watchdogTokenSha256, type ApiToken } from './http/token.ts';
import { identityOf } from './login/credential.ts';
import { QueueHold, type HoldWaits } from './quota/queue-hold.ts';
import { Quota } from './quota/quota.ts';
import { quotaInEvent, quotaInHeaders, type QuotaReading } from './quota/windows.ts';
import { isStorageFailure } from './store/storage-failure.ts';
import type { LoginAttempts } from './login/new-login/login-attempts.ts';
import { chooseCredential, configurationsOf, homeOf, loginAttempts, userSettingsOf } from './compose-login.ts';

/** Everything that handles requests according to the settings. */
export interface Agent {
  readonly app: Hono;
  readonly service: RunService;
  /** They send callbacks about the ends of runs, and about decisions. */
  readonly callbacks: readonly CallbackSender[];
  /** Stop it before {@link Agent.close}. */
  readonly snapshots: SnapshotServer;
  readonly credential: CredentialSource;
  /** Recover them before the first request, and close them when shutting down. */
  readonly logins: LoginAttempts;
  readonly token: ApiToken;
  /** For runners; undefined without. It does not listen yet. */
  readonly gateway: Gateway | undefined;
  /** For programs of runs on this machine; undefined if none needs it. It does not listen yet. */
  readonly local: LocalServer | undefined;
  /** Load it when the agent listens, and close it last; undefined if runs have no spans. */
  readonly spans: SpanExport | undefined;
  /** Stops the background tasks and closes the records. */
  close(): void;
}

/**
 * Builds the agent from its settings. Nothing runs yet.
 * @param features what the settings turn on, see {@link Features}.
 * @param waits how long the queue waits in an outage, and after a reset, instead of the default.
 * @throws if the disk cannot be written; nothing stays open.
 */
export function composeAgent(settings: Settings, features: Features, log: Logger, waits?: HoldWaits): Agent {
  using opened = new DisposableStack();
  makeFolders(settings);

  const store = opened.use(openOrReplaceStore(path.join(settings.stateDir, 'runs.db'), log));
  const snapshots = serveSnapshots(store, settings.stateDir, log);
  opened.defer(() => void snapshots.stop());
  const { recordDays, recordCount, recordMegabytes, transcriptDays } = settings;
  const limits = { days: recordDays, count: recordCount, megabytes: recordMegabytes, transcriptDays };
  opened.defer(pruneRecordsHourly(limits, store, log));
  const token = apiToken(settings, settings.stateDir);
  const callers = callersOf(settings, token);
  const metrics = new RunMetrics(callers.names);
  const tokens = new RunTokens();
  const local = new LocalServer(tokens, log);
  const gitHosts = opened.use(features.git?.composeGit(settings, tokens, local, log)) ?? NO_GIT_HOSTS;
  const tracing =
    settings.tracing && features.tracing?.composeTracing(settings, settings.tracing, { tokens, local, metrics, log });
  const onRunner = (id: string) => admit(tokens, settings.authMode, id);
  const configurations = configurationsOf(settings, log, settings.runners && onRunner, tracing?.openProcess);
  const credential = chooseCredential(settings);
  const loginStatus = new LoginStatus(credential);
  const quota = new Quota();
  const hold = opened.use(
    new QueueHold({
      waitsForReset: settings.onUsageLimit === 'wait',
      stopsAllRuns: (resetsAt) => quota.stopsAllRuns(resetsAt),
      credential: () => identityOf(credential),
      kept: store.hold,
      keep: (kept) => keepHold(kept, store, log),
      onChange: () => service.holdChanged(),
      log,
      ...(waits && { waits }),
    }),
  );
  const { store: kept } = configurations;
  const { conversationDays: days, conversationMegabytes: megabytes } = settings;
  if (kept) {
    const { maxRunMinutes } = settings;
    const prune = () => pruneConversations(kept.folder, { days, megabytes, maxRunMinutes });
    opened.defer(pruneHourly('conversations', prune, { days, megabytes }, log));
  }
  const workspace = new Workspace({
    dir: settings.workspaceDir,
    lifetime: settings.workspaceLifetime,
    onRunners: settings.runners !== undefined,
    megabytes: settings.workspaceMegabytes,
    log,
  });
  const takeQuota = (reading: QuotaReading | undefined) => reading && quota.take(reading);
  const runners: Runners | undefined =
    settings.runners &&
    opened.use(
      features.runners?.composeRunners({
        settings,
        runners: settings.runners,
        workspaceDir: workspace.dir,
        credential,
        tokens,
        configurations,
        log,
        onRefused: (refusal) => metrics.countRefusal(refusal),
        onResponse: ({ statusCode, headers }) => takeQuota(quotaInHeaders(statusCode, headers)),
        onPassedOn: (status) => metrics.countPassedOn(status),
        onChange: () => service.resize(runners?.slots ?? 0),
      }),
    );
  const thisMachine = new LocalHost();
  const here = (environment: Settings['environment']) =>
    localPlace(thisMachine, {
      claudePath: settings.claudePath,
      environment,
      workspaceDir: workspace.dir,
      freeBytes: settings.warmStartFreeMegabytes * 1_048_576,
      log,
    });
  const decisions = new Decisions({
    store: store.decisions,
    log,
    approve: settings.approve,
    permissionMode: settings.permissionMode,
    limitMinutes: settings.decisionMinutes,
    stateDir: settings.stateDir,
    claudeSettings: settings.claudeSettings,
    userSettings: userSettingsOf(settings),
    onChange: (run, decision) => {
      service.events.publishDecision(run.id, decision);
      steps.takeDecision(run.id, decision);
      if (run.callback) notices.wake();
    },
  });
  const budgets = new Budgets(settings.budgets, store.spending);
  opened.defer(pruneHourly('spending of runs', () => budgets.prune(), {}, log));
  // Marks processes on this machine. It may see those on its runners, too, which are not its to kill.
  const ownInstance = runners ? `${store.instanceId}.own` : store.instanceId;
  const given = {
    permissionMode: settings.permissionMode,
    model: settings.model,
    loginModel: runners?.loginModel,
    mcpConfig: settings.mcpConfig,
    claudeSettings: settings.claudeSettings,
    // On runners the gateway has it.
    credential: runners ? { ...credential, environment: () => ({}) } : credential,
    workdir: workspace.runDir,
    // Without a gateway the CLI gets what is left of a budget as its own limit.
    startsCold: (options: RunOptions) => decisions.concerns(options) || (budgets.any && !runners),
    // The gateway reads the headers themselves. A run could write such an event to its output.
    onEvent: runners ? undefined : (event: unknown) => takeQuota(quotaInEvent(event)),
    log,
  };
  const claude = createClaude({
    ...given,
    instanceId: store.instanceId,
    place: runners?.place ?? here(settings.environment),
    configurations,
    prepared: () => (settings.warmStart ? (runners?.slots ?? settings.slots) : 0),
  });
  // A check of the login waits for no runner.
  const ownClaude = runners
    ? createClaude({
        ...given,
        instanceId: ownInstance,
        place: here(runners.environment),
        configurations: configurations.beside,
        prepared: () => 0,
      })
    : claude;
  const forget = scheduleForget(store, log);
  const callbackHosts = new CallbackHosts(settings.callbackHosts);
  const secrets = callbackHosts.none ? [] : callbackSecrets(settings.callbackSecretFile, settings.stateDir);
  const steps = new RunSteps({
    store: store.steps,
    isKept: transcriptDays > 0,
    mask: maskOfSecrets(settings, { token, credential, callbackSecrets: secrets, runnerKey: runners?.privateKey }),
    onTool: (runId, step) => service.events.publishTool(runId, step),
    onForgotten: (runId) => service.events.forgetTools(runId),
    log,
  });
  const messages: Omit<CallbackSenderDependencies, 'records' | 'occasionOf'> = {
    hosts: callbackHosts,
    secrets,
    log,
    userAgent: `${packageJson.name}/${packageJson.version}`,
    timeoutSeconds: settings.callbackTimeoutSeconds,
    giveUpSeconds: settings.callbackGiveUpSeconds,
    onAttempt: (callback) => {
      metrics.countAttempt(callback);
      forget();
    },
  };
  const callbacks = new CallbackSender({
    ...messages,
    records: store.callbacks,
    occasionOf: (id) => endOf(store.find(id) as EndedRun),
  });
  const notices = new CallbackSender({
    ...messages,
    records: store.decisions.notices,
    occasionOf: (id) => needOf(store.find(store.decisions.runIdOf(id)), id),
  });
  const files = filesOf(settings, store, log);
  opened.defer(pruneHourly('files', () => files.prune(), { megabytes: settings.filesMegabytes }, log));
  const gitRuns = new GitRuns({
    hosts: gitHosts,
    records: store.git,
    folder: path.join(settings.stateDir, 'git'),
    workspaceDir: workspace.dir,
    path: settings.environment['PATH'],
    maxBytes: settings.gitMegabytes * 1_048_576,
    log,
  });
  const service = new RunService({
    store,
    files,
    git: gitRuns,
    claude,
    loginStatus,
    workspace,
    decisions,
    steps,
    budgets,
    tracing: tracing?.runs,
    hold,
    log,
    queueLimit: settings.queueLimit,
    slots: settings.slots,
    onStarted: (process) => metrics.countStart(process),
    onEnded: (run) => {
      metrics.count(run);
      budgets.settle(run);
      tracing?.runs.ended(run);
      forget();
      if (run.callback) callbacks.wake();
    },
  });
  metrics.watchWorkspace(workspace);
  if (runners) metrics.watchRunners(() => runners.host.counts);
  metrics.watch(service, claude, loginStatus, packageJson.version);
  metrics.watchCallbacks(store.callbacks);
  metrics.watchDecisions(decisions);
  metrics.watchFiles(files);
  metrics.watchBudgets(budgets);
  metrics.watchQuota(quota, hold);
  const loginCheck = new LoginCheck(service, ownClaude, loginStatus, workspace, (finding) => hold.checked(finding));
  metrics.watchChecks(loginCheck);
  const logins = loginAttempts(settings, {
    host: thisMachine,
    instanceId: ownInstance,
    credential,
    configurations,
    onReplaced: ({ detail }) => {
      loginStatus.learn({ state: 'ok', detail, seenAt: new Date().toISOString() });
      claude.renewPrepared();
      quota.forget();
      hold.release('the login was replaced');
    },
    reportOf: (finding) => loginCheck.report('probe', finding),
    log,
  });
  const reach = opened.use(new Reach(settings, log, (reason) => metrics.countHttpRefusal(reason)));
  const app = createApp({
    service,
    loginStatus,
    loginCheck,
    logins,
    metrics,
    log,
    callers,
    workspace,
    allowedHosts: allowedHostsOf(settings),
    reach,
    callbackHosts,
    gitHosts,
    files,
    decisions,
    steps,
    budgets,
    tracing: tracing?.runs,
    quota,
    maxRunMinutes: settings.maxRunMinutes,
    version: packageJson.version,
    n8nUrl: settings.n8nUrl,
  });
  const isLocalNeeded = !gitHosts.none || (tracing !== undefined && !runners);
  const held = opened.move();
  return {
    app,
    service,
    gateway: runners?.gateway,
    local: isLocalNeeded ? local : undefined,
    spans: tracing?.spans,
    callbacks: [callbacks, notices],
    snapshots,
    credential,
    logins,
    token,
    close: () => held.dispose(),
  };
}

/** A hold that cannot be recorded ends with the process. */
function keepHold(hold: KeptHold | undefined, store: RunStore, log: Log): void {
  try {
    store.setHold(hold);
  } catch (error) {
    if (!isStorageFailure(error)) throw error;
    log.warn({ err: error }, 'why the queue waits cannot be recorded');
  }
}

/** @throws if the folder cannot be read or written. */
function filesOf(settings: Settings, { files: records }: RunStore, log: Log): FileStore {
  const { stateDir, fileMegabytes, runFilesMegabytes, filesMegabytes } = settings;
  const contents = new Contents(path.join(stateDir, FILES_FOLDER), filesMegabytes * 1_048_576);
  const sizes = { fileBytes: fileMegabytes * 1_048_576, runBytes: runFilesMegabytes * 1_048_576 };
  return new FileStore({ contents, records, sizes, log });
}

/**
 * @throws {SettingsError} that lists every folder that cannot be created or written to.
 * @throws if the disk cannot be written.
 */
function makeFolders(settings: Settings): void {
  const { stateDir, workspaceDir } = settings;
  const folders = { [AGENT_ENV.stateDir]: stateDir, [AGENT_ENV.workspaceDir]: workspaceDir, HOME: homeOf(settings) };
  const wrong = Object.entries(folders).flatMap(([name, folder]) => {
    const problem = makeFolder(folder) ?? (name === 'HOME' ? undefined : unwritableBecause(folder));
    return problem === undefined ? [] : [{ name, folder, problem }];
  });
  // A folder inside a wrong one is not reported itself.
  const mistakes = wrong
    .filter(({ folder }) => !wrong.some((other) => isInside(folder, other.folder)))
    .map(
      ({ name, folder, problem }) =>
        `${name} is ${JSON.stringify(folder)}; it must be an existing folder, or one that can be created (${problem}).`,
    );
  if (mistakes.length > 0) throw new SettingsError(mistakes);
}

/** @throws {SettingsError} if a caller has the API token that the agent created. */
function callersOf(settings: Settings, token: ApiToken): Callers {
  const { earlierTokenSha256, callers } = settings;
  const watchdog = watchdogTokenSha256(settings);
  const operator = [earlierTokenSha256, token.sha256].filter((hash) => hash !== undefined);
  const shared = sharedHashes(callers, { operator, watchdog });
  if (shared.length > 0) throw new SettingsError(shared);
  return new Callers({ operator, watchdog, callers });
}

/** Host names of the agent besides those of its machine. */
export function allowedHostsOf({ host, allowedHosts, pageUrl }: Settings): string[] {
  return [host, ...allowedHosts, ...(pageUrl === undefined ? [] : [new URL(pageUrl).hostname])];
}
