import packageJson from '../package.json' with { type: 'json' };
import { banner, parseArguments } from './terminal.ts';
import { CannotStartError } from './cannot-start.ts';
import { DiskWait } from './disk-wait.ts';
import { StoreInUseError } from './store/store.ts';
import { CannotListenError, closeServer, listen, serverOf } from './http/server.ts';
import { Reach } from './http/reach/reach.ts';
import { AGENT_ENV } from './contract.ts';
import { readSettings, type Settings } from './settings.ts';
import { startLog } from './log.ts';
import { loadFeatures } from './features.ts';
import { allowedHostsOf, composeAgent, type Agent } from './compose.ts';

/** Exit code when the settings or the machine keep the agent from starting. */
const CANNOT_START = 2;
/** For {@link listen}. */
const GATEWAY = { name: 'The gateway', settings: `${AGENT_ENV.gatewayHost}, ${AGENT_ENV.gatewayPort}` };
/** A person takes longer than this to press Ctrl-C again. */
const FORWARDED_WITHIN_MS = 500;

const instead = parseArguments(process.argv.slice(2));
if (instead !== undefined) {
  process[instead.exitCode === 0 ? 'stdout' : 'stderr'].write(instead.text);
  process.exit(instead.exitCode);
}
try {
  await start(readSettings());
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const known = [CannotStartError, StoreInUseError, CannotListenError].some((kind) => error instanceof kind);
  // The system's message names the file, and a stack trace would not help.
  const said = 'syscall' in error ? `The agent cannot start: ${error.message}` : (error.stack ?? error.message);
  process.stderr.write(`${known ? error.message : said}\n`);
  process.exit(CANNOT_START);
}

async function start(settings: Settings): Promise<void> {
  const log = startLog(settings.logLevel, process.stdout);
  for (const note of settings.notes) log.warn(note);
  const disk = new DiskWait(settings, packageJson.version, log, allowedHostsOf(settings), new Reach(settings, log));
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
    void Promise.all([agent?.service.drain(settings.graceSeconds), agent?.logins.close()])
      .then(() =>
        Promise.all([
          closeServer(server),
          agent?.gateway?.close(),
          agent?.local?.close(),
          ...(agent?.callbacks ?? []).map((sender) => sender.stop()),
          agent?.snapshots.stop(),
        ]),
      )
      .then(() => agent?.spans?.close())
      .then(() => {
        agent?.close();
        log.info('drained');
        process.exit(0);
      });
  };
  // The listeners stay: without one the next signal would end the process at once.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The terminal was closed.
  process.on('SIGHUP', stop);
  // Without a listener or --disable-sigusr1, any process of this user could open Node's inspector and read the token.
  process.on('SIGUSR1', () => undefined);

  let url: string | undefined;
  const features = await loadFeatures(settings);
  const compose = () => composeAgent(settings, features, log);
  agent = disk.attempt(compose);
  if (!agent) {
    url = await listen(server, settings.host, settings.port);
    log.info({ url, version: packageJson.version }, 'listening');
    agent = await disk.until(compose);
    if (!agent) return;
    log.info('the disk is writable again');
  }
  if (agent.gateway && settings.runners) {
    const { gatewayHost, gatewayPort } = settings.runners;
    await listen(agent.gateway.server, gatewayHost, gatewayPort, GATEWAY);
  }
  await agent.local?.listen();
  await agent.service.recover();
  await agent.logins.recover();
  const { mode, source } = agent.credential;
  url ??= await listen(server, settings.host, settings.port);
  log.info({ url, version: packageJson.version, auth: { mode, source } }, 'listening');
  const { present, problem } = agent.credential.status();
  if (!present) log.warn({ source }, problem ?? 'no credential');
  for (const sender of agent.callbacks) sender.start();
  void agent.spans?.load();
  if (settings.tokenSha256 === undefined) process.stdout.write(banner(url, agent.token));
}

/** Ctrl-C reaches every program of the terminal, and npm forwards the signal to the program that it started. */
function isForwarding({ environment }: Settings): boolean {
  return process.stdin.isTTY && environment['npm_lifecycle_event'] !== undefined;
}
