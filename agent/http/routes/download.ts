import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { create } from 'content-disposition';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { shownName } from '../../files/file-name.ts';
import type { FileStore } from '../../files/file-store.ts';
import { downloadType } from '../../files/media-types.ts';
import type { RunFile } from '../../files/run-files.ts';
import type { Run } from '../../store/run.ts';

/** The request and the response of Node.js. */
export interface NodePair {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** A file of a run, and where its content is. */
export interface Download {
  readonly file: RunFile;
  readonly path: string;
}

/** How much is read from the disk at once. */
const READ_BYTES = 524_288;

/**
 * A file that a run was given, or one that it left.
 * @returns why it cannot be downloaded, in sentences, if it cannot.
 */
export function downloadOf(run: Run, way: 'given' | 'left', name: string, store: FileStore): Download | string {
  const files = way === 'given' ? run.request.files : run.result?.files;
  const file = files?.find((each) => each.name === name);
  if (!file) {
    if (way === 'given') return `Run ${run.id} was given no file ${shownName(name)}.`;
    const there = run.state === 'ended' ? 'Its files are in `files` of the run.' : 'The run has not ended.';
    return `Run ${run.id} left no file ${shownName(name)}. ${there}`;
  }
  const path = store.pathOf(file);
  if (path === undefined) return `The content of ${shownName(name)} is no longer on the agent's volume.`;
  return { file, path };
}

/** The headers of a file, with which no browser shows or runs it. */
export const downloadHeaders = ({ name, sha256 }: RunFile) => ({
  ETag: `"${sha256}"`,
  'Accept-Ranges': 'bytes',
  'Cache-Control': 'private, no-cache',
  'Content-Disposition': create(name),
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
});

/**
 * Sends the content of a file, through one buffer. A client that leaves ends it.
 * @param range the first and the last byte; undefined for the whole file.
 * @throws if the content cannot be opened.
 */
export async function sendDownload(
  c: Context,
  { file, path }: Download,
  range?: { readonly start: number; readonly end: number },
): Promise<Response> {
  const { outgoing } = c.env as NodePair;
  const { start, end } = range ?? { start: 0, end: file.bytes - 1 };
  await using handle = await open(path, 'r');
  outgoing.writeHead(range ? 206 : 200, {
    ...downloadHeaders(file),
    'Content-Type': downloadType(file.type),
    'Content-Length': end - start + 1,
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${file.bytes}` }),
  });
  if (c.req.method !== 'HEAD') {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let at = start; at <= end;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end + 1 - at), at);
      if (bytesRead === 0 || !(await written(outgoing, buffer.subarray(0, bytesRead)))) {
        outgoing.destroy();
        return RESPONSE_ALREADY_SENT;
      }
      at += bytesRead;
    }
  }
  outgoing.end();
  return RESPONSE_ALREADY_SENT;
}

/** Settles when the data needs its buffer no more; false if the client has left. */
const written = (outgoing: ServerResponse, data: Buffer) =>
  new Promise<boolean>((resolve) => {
    outgoing.write(data, (error) => resolve(!error));
  });
