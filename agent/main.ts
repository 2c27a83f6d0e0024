import { rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Hono } from 'hono';
import { pino, stdTimeFunctions, type Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { createApp } from './http/app.ts';
import { banner, insteadOfStart } from './terminal.ts';
import { CallbackHosts } from './callbacks/hosts.ts';
import { CallbackSender } from './callbacks/sender.ts';
import { callbackSecrets } from './callbacks/signature.ts';
import { CannotStartError } from './cannot-start.ts';
import { createClaude } from './claude/claude.ts';
import { pruneConversations } from './claude/conversations.ts';
import { Custody } from './login/custody.ts';
import { npmRun, sessionCredential, variableCredential, type CredentialSource } from './login/credential.ts';
import { federatedCredential } from './login/federation.ts';
import { AGENT_ENV, CREDENTIAL_VARIABLES, FEDERATION_CACHE_FOLDER, SESSION_FOLDER } from './contract.ts';
import { DiskWait } from './disk-wait.ts';
import { makeFolder } from './workspace/folders.ts';
import { resourceOf } from './http/routes/run-resource.ts';
import { LoginStatus } from './login/status.ts';
import { forgetSoon, hourly, keepWithin, openSoundStore } from './store/housekeeping.ts';
import { LoginCheck } from './runs/login-check.ts';
import { RunMetrics } from './http/metrics.ts';
import { RunService } from './runs/service.ts';
import { StoreInUseError } from './store/store.ts';
import { Workspace } from './workspace/workspace.ts';
import { CannotListenError, closeServer, listen, serverOf } from './http/server.ts';
import { readSettings, SettingsError, type Settings } from './settings.ts';
import { logDestination } from './log.ts';
import { apiToken, type ApiToken } from './http/token.ts';

/** Exit code for settings or a machine that do not let the agent start. */
const CANNOT_START = 2;
/** A person takes longer to press Ctrl-C again. */
const FORWARDED_WITHIN_MS = 500;

const instead = insteadOfStart(process.argv.slice(2));
if (instead !== undefined) {
  process[instead.exitCode === 0 ? 'stdout' : 'stderr'].write(instead.text);
  process.exit(instead.exitCode);
}
try {
  await start(readSettings());
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const known = [CannotStartError, StoreInUseError, CannotListenError].some((kind) => error instanceof kind);
  // What the system says names the file, and no line of the agent is wrong.
  const said = 'syscall' in error ? `The agent cannot start: ${error.message}` : (error.stack ?? error.message);
  process.stderr.write(`${known ? error.message : said}\n`);
  process.exit(CANNOT_START);
}

async function start(settings: Settings): Promise<void> {
  // A terminal that was closed takes no more of the log (EIO); pino's own way to write would try again for ever.
  process.stdout.on('error', () => undefined);
  const log = pino(
    {
      level: settings.logLevel,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    logDestination(process.stdout),
  );
  for (const note of settings.notes) log.warn(note);
  const disk = new DiskWait(settings.authMode, packageJson.version, log, allowedHostsOf(settings));
  let agent: Agent | undefined;
  const server = serverOf((...request) => (agent?.app ?? disk.app).fetch(...request));

  let drainingSince: number | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (drainingSince !== undefined) {
      const isFirstAgain = isForwarding(settings) && performance.now() - drainingSince < FORWARDED_WITHIN_MS;
      if (signal === 'SIGINT' && !isFirstAgain) agent?.service.endActive();
      return;
    }
    drainingSince = performance.now();
    log.info({ signal, graceSeconds: settings.graceSeconds, ...agent?.service.load }, 'draining');
    disk.stop();
    void Promise.resolve(agent?.service.drain(settings.graceSeconds))
      .then(() => Promise.all([closeServer(server), agent?.callbacks.stop()]))
      .then(() => {
        agent?.close();
        log.info('drained');
        process.exit(0);
      });
  };
  // Listeners that stay: without one the next signal would end the process at once.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The terminal was closed.
  process.on('SIGHUP', stop);
  // Without a listener, or --disable-sigusr1, any process of this user opens Node's inspector, and reads the token.
  process.on('SIGUSR1', () => undefined);

  let url: string | undefined;
  const compose = () => composeAgent(settings, log);
  agent = disk.attempt(compose);
  if (!agent) {
    url = await listen(server, settings.host, settings.port);
    log.info({ url, version: packageJson.version }, 'listening');
    agent = await disk.until(compose);
    if (!agent) return;
    log.info('the disk can be written again');
  }
  await agent.service.recover();
  const { mode, source } = agent.credential;
  url ??= await listen(server, settings.host, settings.port);
  log.info({ url, version: packageJson.version, auth: { mode, source } }, 'listening');
  const { present, problem } = agent.credential.status();
  if (!present) log.warn({ source }, problem ?? 'there is no credential');
  agent.callbacks.start();
  if (settings.tokenSha256 === undefined) process.stdout.write(banner(url, agent.token));
}

/** Everything between the settings and the requests. */
interface Agent {
  readonly app: Hono;
  readonly service: RunService;
  readonly callbacks: CallbackSender;
  readonly credential: CredentialSource;
  readonly token: ApiToken;
  /** Ends what goes on by itself and closes the records. */
  close(): void;
}

/** @throws where the disk cannot be written, and then nothing stays open. */
function composeAgent(settings: Settings, log: Logger): Agent {
  using opened = new DisposableStack();
  makeFolders(settings);

  const store = opened.use(openSoundStore(path.join(settings.stateDir, 'runs.db'), log));
  const limits = { days: settings.recordDays, count: settings.recordCount, megabytes: settings.recordMegabytes };
  opened.defer(keepWithin(limits, store, log));
  const token = apiToken(settings, settings.stateDir);
  const custody = custodyOf(settings, log);
  const credential = chooseCredential(settings);
  const loginStatus = new LoginStatus(credential);
  const configDir = configDirOf(settings) ?? path.join(homeOf(settings), '.claude');
  const conversations = { days: settings.conversationDays, megabytes: settings.conversationMegabytes };
  // A person's own folder holds their own conversations.
  const isOwn = isInside(configDir, settings.stateDir);
  if (isOwn) {
    const prune = () => pruneConversations(configDir, conversations);
    opened.defer(hourly('conversations', prune, conversations, log));
  }
  const workspace = new Workspace({
    dir: settings.workspaceDir,
    lifetime: settings.workspaceLifetime,
    megabytes: settings.workspaceMegabytes,
    log,
  });
  const claude = createClaude({
    path: settings.claudePath,
    instanceId: store.instanceId,
    permissionMode: settings.permissionMode,
    model: settings.model,
    mcpConfig: settings.mcpConfig,
    claudeSettings: settings.claudeSettings,
    credential,
    custody,
    configDir,
    preparedFor: settings.warmStart ? workspace.runDir : undefined,
    log,
    environment: settings.environment,
  });
  const metrics = new RunMetrics();
  const forget = forgetSoon(store, log);
  const callbackHosts = new CallbackHosts(settings.callbackHosts);
  const callbacks = new CallbackSender({
    store,
    hosts: callbackHosts,
    secrets: callbackHosts.none ? [] : callbackSecrets(settings.callbackSecretFile, settings.stateDir),
    log,
    dataOf: (run) => ({ ...resourceOf(run), callback: undefined }),
    userAgent: `${packageJson.name}/${packageJson.version}`,
    timeoutSeconds: settings.callbackTimeoutSeconds,
    giveUpSeconds: settings.callbackGiveUpSeconds,
    onAttempt: (callback) => {
      metrics.countAttempt(callback);
      forget();
    },
  });
  const service = new RunService({
    store,
    claude,
    loginStatus,
    workspace,
    log,
    queueLimit: settings.queueLimit,
    onStarted: (process) => metrics.countStart(process),
    onEnded: (run) => {
      metrics.count(run);
      forget();
      if (run.callback) callbacks.wake();
    },
  });
  metrics.watchWorkspace(workspace);
  metrics.watch(service, claude, loginStatus, packageJson.version);
  metrics.watchCallbacks(store.callbacks);
  const loginCheck = new LoginCheck(service, claude, loginStatus, workspace);
  metrics.watchChecks(loginCheck);
  const app = createApp({
    service,
    loginStatus,
    loginCheck,
    metrics,
    log,
    tokenSha256: token.sha256,
    watchdogTokenSha256: settings.watchdogTokenSha256,
    workspace,
    allowedHosts: allowedHostsOf(settings),
    callbackHosts,
    version: packageJson.version,
    n8nUrl: settings.n8nUrl,
  });
  const held = opened.move();
  return { app, service, callbacks, credential, token, close: () => held.dispose() };
}

/**
 * @throws {SettingsError} naming every one that cannot be made.
 * @throws where the disk cannot be written.
 */
function makeFolders(settings: Settings): void {
  const { stateDir, workspaceDir } = settings;
  const folders = { [AGENT_ENV.stateDir]: stateDir, [AGENT_ENV.workspaceDir]: workspaceDir, HOME: homeOf(settings) };
  const wrong = Object.entries(folders).flatMap(([name, folder]) => {
    const problem = makeFolder(folder);
    return problem === undefined ? [] : [{ name, folder, problem }];
  });
  // What is inside another one is not wrong by itself.
  const mistakes = wrong
    .filter(({ folder }) => !wrong.some((other) => folder.startsWith(`${other.folder}${path.sep}`)))
    .map(
      ({ name, folder, problem }) =>
        `${name} is ${JSON.stringify(folder)}; it must be a folder, or one that can be made (${problem}).`,
    );
  if (mistakes.length > 0) throw new SettingsError(mistakes);
}

/** Ctrl-C goes to every program of the terminal, and npm sends what it gets on to the one that it started. */
function isForwarding({ environment }: Settings): boolean {
  return process.stdin.isTTY && environment['npm_lifecycle_event'] !== undefined;
}

/** A login that is used in place is a person's, and so is what lies beside it; so is a home folder outside of the state. */
function custodyOf(settings: Settings, log: Logger): Custody | undefined {
  const { authMode, sessionDir: seedDir, stateDir, workspaceDir } = settings;
  if (seedDir === undefined && authMode === 'session') return undefined;
  const dir = configDirOf(settings);
  const configDir = dir !== undefined && isInside(dir, stateDir) ? dir : undefined;
  const holds = (folder: string | undefined) => folder !== undefined && isInside(folder, homeOf(settings));
  const isOwnHome = isInside(homeOf(settings), stateDir) && !holds(workspaceDir) && !holds(dir);
  const home = isOwnHome ? homeOf(settings) : undefined;
  return configDir === undefined && home === undefined
    ? undefined
    : new Custody({ stateDir, configDir, home, seedDir }, log);
}

function isInside(folder: string, parent: string): boolean {
  const relative = path.relative(parent, folder);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

function allowedHostsOf({ host, allowedHosts }: Settings): string[] {
  return [host, ...allowedHosts];
}

function chooseCredential(settings: Settings): CredentialSource {
  const { authMode, credentialFile, environment, federation, stack, stateDir } = settings;
  const configDir = configDirOf(settings);
  // The CLI leaves one file for each identity token it exchanged, and removes none.
  const cacheDir = path.join(stateDir, FEDERATION_CACHE_FOLDER);
  rmSync(cacheDir, { recursive: true, force: true });
  if (federation !== undefined) return federatedCredential(federation, cacheDir, configDir);
  if (authMode === 'oauthToken' || authMode === 'apiKey') {
    return variableCredential(authMode, credentialFile, environment[CREDENTIAL_VARIABLES[authMode]], configDir, stack);
  }
  return sessionCredential(configDir, homeOf(settings), loginRemedy(settings));
}

/** How one gets a login: in the stack, or on this machine, where another credential may lie about. */
function loginRemedy({ sessionDir, environment, stack }: Settings): string {
  if (sessionDir !== undefined) return `Run \`${npmRun(stack, 'login')}\`, and then \`${npmRun(stack, 'up')}\`.`;
  const others = Object.entries(CREDENTIAL_VARIABLES).filter(([, variable]) => environment[variable]);
  return [
    'Log in with `npx claude auth login`, and the next run uses that login.',
    ...others.map(([mode, variable]) => `To use ${variable} instead, start with ${AGENT_ENV.authMode}=${mode}.`),
  ].join(' ');
}

/** With a seed the session lives in the state folder; without one the operator's own is used in place. */
function configDirOf({ sessionDir, stateDir, environment }: Settings): string | undefined {
  return sessionDir === undefined ? environment['CLAUDE_CONFIG_DIR'] : path.join(stateDir, SESSION_FOLDER);
}

/** On a pod's empty volume the home folder is not there yet; claude needs one it can write to. */
function homeOf(settings: Settings): string {
  return settings.environment['HOME'] ?? homedir();
}
