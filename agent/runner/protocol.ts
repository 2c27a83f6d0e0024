/**
 * What a runner and the agent say to each other over a WebSocket. One connection is one run.
 *
 * Text frames are JSON; binary frames are one byte that names the channel, and data. First the runner says `hello`, the agent
 * `authenticate`, the runner `ready`. Then the agent may `start` one process, once. At the end it says `sweep` (the runner
 * kills everything and says `swept`), may still `pull` files, and says `clean`: the runner removes all files and closes the
 * connection. A connection that ends earlier has the same effect. Before `start` and after `swept` it may have a `program`
 * run to its end, and then another one.
 * @module
 */
import { z } from 'zod';
import { REASONS } from '../files/left-files.ts';
import { jsonOf } from '../json.ts';

/** The agent sends a ping this often, in milliseconds. */
export const PING_MS = 5000;
/** Whoever hears nothing for this long gives the connection up, in milliseconds. */
export const SILENCE_MS = 20_000;

/** How much may be on its way in a channel until the other side has taken it. */
export const WINDOW_BYTES = 1_048_576;
/** The most data in a binary frame. */
export const CHUNK_BYTES = 65_536;
/** No message is larger. */
export const MAX_MESSAGE_BYTES = 4 * 1_048_576;

/** The first byte of a binary frame. `file`: the contents of the files of a `start` or `pull`, one after the other. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, file: 3 } as const;
export type Channel = keyof typeof CHANNEL;

/** Codes with which a runner closes a connection. */
export const CLOSE = {
  /** Nothing of the run is left. */
  clean: 4000,
  /** Another connection has the runner. */
  busy: 4001,
  /** The signature is wrong, or was made for another runner or nonce. */
  unauthorized: 4002,
  /** It takes no further run. */
  draining: 4003,
  /** The other side broke the protocol. */
  invalid: 4004,
} as const;

/** How many files a runner says one by one that it leaves out. */
export const LEFT_OUT_MOST = 50;

/** Limits of a pull: a run decides what it finds. */
export const PULL_LIMITS = { files: 1000, bytes: 256 * 1_048_576, depth: 8, pathChars: 512 } as const;

const channel = z.enum(['stdin', 'stdout', 'stderr', 'file']);
const count = z.number().int().nonnegative();
const acknowledge = z.object({ type: z.literal('acknowledge'), channel, bytes: count });

/** A file and its size; `mtimeMs` is in whole milliseconds. */
const fileState = z.object({ path: z.string(), bytes: count, mtimeMs: z.number() });
export type FileState = z.output<typeof fileState>;

const toRunner = z.discriminatedUnion('type', [
  z.object({ type: z.literal('authenticate'), signature: z.string().max(100) }),
  z.object({
    type: z.literal('start'),
    /** `claude` is the CLI of the runner. */
    file: z.string(),
    args: z.array(z.string()),
    /** Besides the variables that the runner sets. */
    env: z.record(z.string(), z.string()),
    /** Relative to the workspace, or absolute. */
    cwd: z.string(),
    /** Absolute paths in HOME or the workspace. Their contents follow in the channel `file`. */
    files: z.array(z.object({ path: z.string(), mode: count, bytes: count })),
    /** Whether the runner ends after this run, if the process gets any input. */
    isLast: z.boolean().optional(),
    /** Whether the process has a folder, `run` in HOME, with `in` and `out`. */
    hasFolder: z.boolean().optional(),
  }),
  /** Its output comes in the channels of a process; a signal reaches it, too. */
  z.object({
    type: z.literal('program'),
    file: z.string(),
    args: z.array(z.string()),
    /** Besides the variables that the runner sets. */
    env: z.record(z.string(), z.string()),
    /** Relative to the workspace, or absolute. */
    cwd: z.string(),
    /** Its whole stdin. */
    input: z.string().max(65_536),
    /** As in `start`, but any program uses the runner. */
    isLast: z.boolean().optional(),
  }),
  /** Files for `in` of the folder, before the input. Their contents follow in the channel `file`. */
  z.object({ type: z.literal('put'), files: z.array(z.object({ name: z.string(), bytes: count })) }),
  /** Asks for what is in `out` of the folder. */
  z.object({ type: z.literal('collect'), limits: z.object({ files: count, fileBytes: count, runBytes: count }) }),
  z.object({ type: z.literal('signal'), name: z.enum(['SIGTERM', 'SIGKILL']) }),
  z.object({ type: z.literal('closeStdin') }),
  z.object({ type: z.literal('measure') }),
  /** @see PULL_LIMITS `known`: what the agent has. */
  z.object({ type: z.literal('pull'), known: z.array(fileState).max(PULL_LIMITS.files) }),
  z.object({ type: z.literal('sweep') }),
  z.object({ type: z.literal('clean') }),
  acknowledge,
]);
/** What the agent says. */
export type ToRunner = z.output<typeof toRunner>;

/** How a process or a program ended. */
const ending = {
  code: z.number().int().optional(),
  signal: z.string().max(20).optional(),
  startError: z.string().max(10_000).optional(),
  reason: z.string().max(1000).optional(),
};

const fromRunner = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    /** Base64 of 32 random bytes. */
    nonce: z.string().max(100),
    /** The host name; in a cluster, that of the pod. */
    name: z.string().max(253),
    /** Absolute. */
    home: z.string(),
    workspace: z.string(),
    /** Whether processes can have a folder for files; earlier runners have none. */
    takesFiles: z.boolean().optional(),
    /** Whether it runs programs; earlier runners do not. */
    runsPrograms: z.boolean().optional(),
  }),
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('exit'), ...ending }),
  /** A program has ended, all its output is sent, and nothing that it started is left. */
  z.object({ type: z.literal('programEnd'), ...ending }),
  z.object({ type: z.literal('outputEnd') }),
  /** Answers `measure`. */
  z.object({ type: z.literal('memory'), residentBytes: count }),
  /** A file that changed: `offset` is where its content, which follows in the channel `file`, begins. */
  z.object({ type: z.literal('pulled'), file: fileState, offset: count }),
  /** All of a pull was sent. `skipped`: files beyond a limit. */
  z.object({ type: z.literal('pullEnd'), skipped: count }),
  /** Answers `put`: why the files could not be written, if so. */
  z.object({ type: z.literal('putEnd'), problem: z.string().max(10_000).optional() }),
  /** A file in `out`. Its content follows in the channel `file`. */
  z.object({ type: z.literal('left'), name: z.string().max(1000), bytes: count }),
  /** One that may not be copied. */
  z.object({ type: z.literal('leftOut'), name: z.string().max(1000), why: z.enum(REASONS) }),
  /** All of `out` was sent. `more`: files that were left out without a word. */
  z.object({ type: z.literal('collectEnd'), more: count }),
  z.object({ type: z.literal('swept') }),
  acknowledge,
]);
/** What the runner says. */
export type FromRunner = z.output<typeof fromRunner>;

/** Thrown for what the protocol does not allow. The message holds nothing of what was received. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** @throws {ProtocolError} */
export const readToRunner = (text: string): ToRunner => read(toRunner, text);
/** @throws {ProtocolError} */
export const readFromRunner = (text: string): FromRunner => read(fromRunner, text);

function read<T extends z.ZodType>(schema: T, text: string): z.output<T> {
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new ProtocolError(`an invalid message (${parsed.error.issues[0]?.path.join('.') ?? ''})`);
}

/** Splits a binary frame. @throws {ProtocolError} */
export function readFrame(frame: Buffer): { channel: Channel; data: Buffer } {
  const found = Object.entries(CHANNEL).find(([, number]) => number === frame[0]);
  if (!found) throw new ProtocolError('a binary frame of no channel');
  return { channel: found[0] as Channel, data: frame.subarray(1) };
}
