import { pino, stdTimeFunctions } from 'pino';

/** The log of the watchdog: each line has facts for machines and a sentence for people. */
export interface Log {
  info(facts: object, sentence: string): void;
  warn(facts: object, sentence: string): void;
  error(facts: object, sentence: string): void;
}

/** Writes lines of JSON, or only the sentences at a terminal. */
export function makeLog(isTerminal: boolean): Log {
  if (isTerminal) {
    const write = (mark: string) => (_facts: object, sentence: string) =>
      void process.stdout.write(`${mark}${sentence}\n`);
    return { info: write(''), warn: write('Warning: '), error: write('Error: ') };
  }
  return pino({
    base: { program: 'claude-auth-watchdog' },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: stdTimeFunctions.isoTime,
  });
}
