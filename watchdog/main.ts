/**
 * One pass of the watchdog: asks the agent whether its login works, logs one line, and ends with 0 (it does), 57 (log in
 * again) or 1 (anything else), which is what `kubectl get jobs` shows.
 * @module
 */
import { pino } from 'pino';

import { checkAgent } from './check.ts';
import { WATCHDOG_EXIT } from './contract.ts';
import { reportOf } from './report.ts';
import { readSettings, SettingsError } from './settings.ts';

const log = pino({
  base: { program: 'claude-auth-watchdog' },
  formatters: { level: (label) => ({ level: label }) },
  timestamp: pino.stdTimeFunctions.isoTime,
});

try {
  const settings = readSettings();
  const verdict = await checkAgent(settings);
  const report = reportOf(verdict, settings.authMode);
  log[report.level]({ ...verdict, exitCode: report.exitCode }, report.sentence);
  process.exitCode = report.exitCode;
} catch (error) {
  process.exitCode = WATCHDOG_EXIT.notOk;
  if (error instanceof SettingsError) {
    log.error({ state: 'misconfigured', exitCode: WATCHDOG_EXIT.notOk }, `The watchdog can't start: ${error.message}`);
  } else {
    log.error({ err: error, state: 'broken', exitCode: WATCHDOG_EXIT.notOk }, 'The watchdog itself failed.');
  }
}
