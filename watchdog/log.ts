import { pino, stdTimeFunctions } from 'pino';

import type { PassLog } from './pass.ts';

/** Lines of JSON; at a terminal just the sentences. */
export function makeLog(isTerminal: boolean): PassLog {
  if (isTerminal) {
    const say = (mark: string) => (_facts: object, sentence: string) =>
      void process.stdout.write(`${mark}${sentence}\n`);
    return { info: say(''), warn: say('Warning: '), error: say('Error: ') };
  }
  return pino({
    base: { program: 'claude-auth-watchdog' },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: stdTimeFunctions.isoTime,
  });
}
