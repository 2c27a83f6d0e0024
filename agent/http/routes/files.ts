import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { create, parse } from 'content-disposition';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context, Handler } from 'hono';
import type { FileStore } from '../../files/file-store.ts';
import { FileTooLargeError } from '../../files/errors.ts';
import { FILE_NAME, isFileName, shownName } from '../../files/file-name.ts';
import { downloadType, typeOf } from '../../files/media-types.ts';
import type { RunService } from '../../runs/service.ts';
import type { UploadedFile } from '../api/file.ts';
import { callerOf } from '../bearer.ts';
import { runOf } from '../own-runs.ts';
import { problem, ProblemError } from '../problem.ts';
import { freeing } from '../request/freeing.ts';
import { describe } from '../request/json-body.ts';

/** The request and the response of Node.js. */
interface NodePair {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** How much is read from the disk at once. */
const READ_BYTES = 524_288;

/** `PUT /files`: stores a file for runs. */
export function uploadFile(store: FileStore): Handler {
  return async (c) => {
    const name = uploadName(c);
    const declared = Number(c.req.header('Content-Length'));
    if (declared > store.sizes.fileBytes) throw new FileTooLargeError(store.sizes, name);
    const { incoming } = c.env as NodePair;
    // An error is answered before the body has arrived, so the connection stays.
    const body = incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    const type = typeOf(name, c.req.header('Content-Type'));
    const { fileId, bytes, sha256 } = await store.upload(freeing(body), { name, type, caller: callerOf(c).name });
    return c.json({ fileId, name, bytes, sha256, type } satisfies UploadedFile, 201);
  };
}

/** @throws {ProblemError} */
function uploadName(c: Context): string {
  const header = c.req.header('Content-Disposition');
  const said = c.req.query('name') ?? (header === undefined ? undefined : parse(header).parameters['filename']);
  if (said !== undefined && isFileName(said)) return said;
  const message = `\`name\` must be ${FILE_NAME}; it is ${describe(said)}. Set it in the query, PUT /files?name=report.pdf, or as \`filename\` in Content-Disposition.`;
  throw new ProblemError('invalid-query', message, { errors: [{ field: 'name', message }] });
}

/** `GET /runs/{id}/files/{name}`: a file that a run left. */
export function getRunFile(service: RunService, store: FileStore): Handler {
  return async (c) => {
    const name = c.req.param('name') ?? '';
    const run = runOf(c, service, 'see');
    const file = run.result?.files?.find((each) => each.name === name);
    if (!file) {
      const there = run.state === 'ended' ? `Its files are in \`files\` of the run.` : 'The run has not ended.';
      return problem(c, 'no-such-file', `Run ${run.id} left no file ${shownName(name)}. ${there}`);
    }
    const path = store.pathOf(file);
    if (path === undefined) {
      return problem(c, 'no-such-file', `The content of ${shownName(name)} is no longer on the agent's volume.`);
    }
    const etag = `"${file.sha256}"`;
    const headers = {
      ETag: etag,
      'Accept-Ranges': 'bytes',
      'Cache-Control': 'private, no-cache',
      'Content-Disposition': create(file.name),
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "default-src 'none'; sandbox",
    };
    if (matches(c.req.header('If-None-Match'), etag)) return c.body(null, 304, headers);
    const range = rangeOf(c, file.bytes, etag);
    if (range === 'none') {
      return problem(c, 'range-not-satisfiable', `The file has ${file.bytes} bytes.`, {
        headers: { 'Content-Range': `bytes */${file.bytes}` },
      });
    }
    const { start, end } = range ?? { start: 0, end: file.bytes - 1 };
    const { outgoing } = c.env as NodePair;
    outgoing.writeHead(range ? 206 : 200, {
      ...headers,
      'Content-Type': downloadType(file.type),
      'Content-Length': end - start + 1,
      ...(range && { 'Content-Range': `bytes ${start}-${end}/${file.bytes}` }),
    });
    if (c.req.method === 'HEAD' || file.bytes === 0) outgoing.end();
    else await send(path, { start, end }, outgoing);
    return RESPONSE_ALREADY_SENT;
  };
}

/** Sends a part through one buffer. A client that leaves ends it. */
async function send(
  path: string,
  { start, end }: { start: number; end: number },
  outgoing: ServerResponse,
): Promise<void> {
  await using handle = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let at = start; at <= end;) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end + 1 - at), at);
    if (bytesRead === 0 || !(await written(outgoing, buffer.subarray(0, bytesRead)))) {
      outgoing.destroy();
      return;
    }
    at += bytesRead;
  }
  outgoing.end();
}

/** Settles when the data needs its buffer no more; false if the client has left. */
const written = (outgoing: ServerResponse, data: Buffer) =>
  new Promise<boolean>((resolve) => {
    outgoing.write(data, (error) => resolve(!error));
  });

function matches(condition: string | undefined, etag: string): boolean {
  return condition?.split(',').some((each) => ['*', etag, `W/${etag}`].includes(each.trim())) ?? false;
}

/** The one range that is asked for; undefined for the whole file, also where several are; 'none' if there is no such part. */
function rangeOf(c: Context, bytes: number, etag: string): { start: number; end: number } | 'none' | undefined {
  const condition = c.req.header('If-Range');
  const asked = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(c.req.header('Range')?.replaceAll(' ', '') ?? '');
  if (!asked || (condition !== undefined && condition !== etag)) return undefined;
  const [, from = '', to = ''] = asked;
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, bytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (from !== '' && to !== '' && Number(to) < start) return undefined;
  return start < bytes && start <= end ? { start, end } : 'none';
}
