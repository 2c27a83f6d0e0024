import packageJson from '../../package.json' with { type: 'json' };
import { CannotStartError } from '../cannot-start.ts';
import { PINNED_CLAUDE } from '../claude/pinned.ts';
import { RUNNER_ENV } from '../contract.ts';
import { CannotListenError, closeServer, listen } from '../http/server.ts';
import { startLog } from '../log.ts';
import { Cleaner } from './clean.ts';
import { OwnNamespace } from './own-namespace.ts';
import { EXIT, Runner } from './runner.ts';
import { runnerServer } from './server.ts';
import { readRunnerSettings } from './settings.ts';

/** Exit code when the settings or the machine keep the runner from starting. */
const CANNOT_START = 2;

try {
  await start();
} catch (error) {
  if (!(error instanceof CannotStartError) && !(error instanceof CannotListenError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(CANNOT_START);
}

async function start(): Promise<void> {
  const settings = readRunnerSettings();
  const namespace = OwnNamespace.enter();
  const log = startLog(settings.logLevel, process.stdout);
  for (const note of settings.notes) log.warn(note);
  if (namespace.isOpen)
    log.warn('a run can take over this program or PID 1: start both as the image does, and not as root');
  const { home, workspace, environment, publicKey, host, port, graceSeconds } = settings;
  const cleaner = new Cleaner({ home, workspace, tmp: settings.tmp, keepsWorkspace: settings.keepWorkspace });
  const runner = await Runner.start(namespace, cleaner, log, {
    exit: (code) => process.exit(code),
    onLastRun: () => {
      if (!runner.isDraining) void end('ended after its run');
    },
  });
  const claudePath = settings.claudePath ?? PINNED_CLAUDE;
  const server = runnerServer({ runner, publicKey, claudePath, home, workspace, environment, log });

  const end = async (how: string) => {
    await closeServer(server);
    log.info(how);
    process.exit(EXIT.drained);
  };
  const stop = (signal: NodeJS.Signals) => {
    if (runner.isDraining) return;
    log.info({ signal, state: runner.state, graceSeconds }, 'draining');
    void runner.drain(graceSeconds).then(() => end('drained'));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Without a listener or --disable-sigusr1, a run could open Node's inspector here.
  process.on('SIGUSR1', () => undefined);

  const program = { name: 'The runner', settings: `${RUNNER_ENV.host}, ${RUNNER_ENV.port}` };
  const url = await listen(server, host, port, program);
  log.info({ url, version: packageJson.version }, 'listening');
}
