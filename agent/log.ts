import { pino, stdTimeFunctions, type Logger } from 'pino';

/** The agent's log. Fields hold names and numbers, never a prompt, an answer or a secret. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Starts the log of a program on its output: sentences for people on a terminal, JSON lines on anything else. */
export function startLog(level: string, out: NodeJS.WriteStream): Logger {
  // Writing to a closed terminal fails with EIO; pino's own destination would retry for ever.
  out.on('error', () => undefined);
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    out.isTTY ? { write: (line) => void out.write(forTerminal(line)) } : out,
  );
}

/** Fields of every line that are not listed as details; `msg` is the message. */
const OWN = new Set(['level', 'time', 'msg', 'err']);

/** A log line for people: the time of day, the message and its details. */
function forTerminal(json: string): string {
  const line = JSON.parse(json) as Record<string, unknown>;
  const { level, time, msg, err } = line;
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const urgency = level === 'info' || level === 'debug' || level === 'trace' ? '' : `${String(level).toUpperCase()}: `;
  const facts = Object.entries(line).flatMap(([name, value]) => (OWN.has(name) ? [] : factsOf(name, value)));
  const details = [...facts, ...(isObject(err) ? [text(err['message'])] : [])];
  return `${clock}  ${urgency}${capitalised(text(msg))}${details.length > 0 ? `  (${details.join(', ')})` : ''}\n`;
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
