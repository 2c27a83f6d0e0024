import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

/** The agent's log. Fields hold names and numbers, never a prompt, an answer or a secret. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Starts the log of a program on its standard output. */
export function startLog(level: string): Logger {
  // Writing to a closed terminal fails with EIO; pino's own destination would retry for ever.
  process.stdout.on('error', () => undefined);
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    logDestination(process.stdout),
  );
}

/** Fields of every line that are not listed as details; `msg` is the message. */
const OWN = new Set(['level', 'time', 'msg', 'err']);

/** Writes sentences for people to a terminal, and JSON lines to anything else. */
export function logDestination(out: NodeJS.WriteStream): DestinationStream {
  if (!out.isTTY) return out;
  return { write: (line) => void out.write(`${formatForTerminal(JSON.parse(line) as Record<string, unknown>)}\n`) };
}

/** A log line for people: the time of day, the message and its details. */
function formatForTerminal(line: Record<string, unknown>): string {
  const { level, time, msg, err } = line;
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const urgency = level === 'info' || level === 'debug' || level === 'trace' ? '' : `${String(level).toUpperCase()}: `;
  const facts = Object.entries(line).flatMap(([name, value]) => (OWN.has(name) ? [] : factsOf(name, value)));
  const details = [...facts, ...(isObject(err) ? [text(err['message'])] : [])];
  return `${clock}  ${urgency}${capitalised(text(msg))}${details.length > 0 ? `  (${details.join(', ')})` : ''}`;
}

function factsOf(name: string, value: unknown): string[] {
  if (isObject(value)) return Object.entries(value).flatMap(([inner, each]) => factsOf(`${name}.${inner}`, each));
  return value === undefined
    ? []
    : [`${name} ${Array.isArray(value) ? value.map(text).join(' ') || 'none' : text(value)}`];
}

/** Replaces characters that would move the cursor or colour the terminal. */
function text(value: unknown): string {
  const plain = typeof value === 'string' ? value : JSON.stringify(value);
  return plain.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
