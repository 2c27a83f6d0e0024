import { randomUUID } from 'node:crypto';
import { ownArguments } from '../claude/default-model.ts';
import { claudeEnvironment, retryWaitWithin } from '../claude/environment.ts';
import type { ProcessHost } from '../claude/host.ts';
import { argumentsOf } from '../claude/options.ts';
import { startClaude } from '../claude/process.ts';
import { withRemedy } from '../claude/token-exchange.ts';
import { sessionCredential } from '../login/credential.ts';
import type { LoginTrial } from '../login/new-login/login-attempt.ts';
import { LoginStatus } from '../login/status.ts';
import { findingOf, PROBE, PROBE_MS } from './login-check.ts';

/** What {@link loginTrial} needs. */
export interface LoginTrialParts {
  /** This machine, also where runs are on runners. */
  readonly host: ProcessHost;
  readonly claudePath: string;
  /** The agent's environment, of which the CLI gets a few variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly instanceId: string;
  /** Of runs that name none; undefined for the default of the login. */
  readonly model: string | undefined;
  /** A file with settings of every run. */
  readonly claudeSettings: string | undefined;
}

/**
 * Tries a login with a small prompt, beside all runs: it does not matter whether there is a slot.
 * @returns what to call with the configuration folder that has the login. It rejects if the CLI cannot be started.
 */
export function loginTrial(parts: LoginTrialParts): LoginTrial {
  const { host, claudePath, environment, instanceId, model, claudeSettings } = parts;
  return async (configDir, heard, signal) => {
    const mark = `${instanceId}/login-trial-${randomUUID()}`;
    const status = new LoginStatus(sessionCredential(configDir, configDir, ''));
    const { version } = status.credential.status();
    const waiting = startClaude(
      {
        file: claudePath,
        args: [
          ...ownArguments(claudeSettings),
          ...argumentsOf({ permissionMode: 'dontAsk', maxTurns: 1 }, { permissionMode: 'dontAsk', model }),
          ...['--tools', ''],
        ],
        env: claudeEnvironment(environment, { CLAUDE_CONFIG_DIR: configDir }, mark, PROBE_MS),
        cwd: configDir,
        mark,
      },
      host,
    );
    const process = waiting.begin({
      prompt: PROBE,
      deadline: performance.now() + PROBE_MS,
      retryWaitMs: retryWaitWithin(PROBE_MS),
      onHeard: ({ apiError }) => heard(apiError),
    });
    signal.addEventListener('abort', () => process.end('cancelled'));
    if (signal.aborted) process.end('cancelled');
    const report = await process.report;
    await process.reaped;
    const { apiError } = report.transcript;
    if (apiError) report.transcript.apiError = { ...apiError, message: withRemedy(apiError.message, '') };
    return findingOf({ ...report, spent: {} }, status, version);
  };
}
