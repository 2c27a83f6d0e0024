import { parse } from 'content-disposition';
import type { Context, Handler } from 'hono';
import type { FileStore } from '../../files/file-store.ts';
import { FileTooLargeError } from '../../files/errors.ts';
import { FILE_NAME, isFileName } from '../../files/file-name.ts';
import { typeOf } from '../../files/media-types.ts';
import type { RunService } from '../../runs/service.ts';
import type { UploadedFile } from '../api/file.ts';
import { callerOf } from '../bearer.ts';
import { runOf } from '../own-runs.ts';
import { problem, ProblemError } from '../problem.ts';
import { freeing } from '../request/freeing.ts';
import { describe } from '../request/json-body.ts';
import { downloadHeaders, downloadOf, sendDownload, type NodePair } from './download.ts';

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
    const found = downloadOf(runOf(c, service, 'see'), 'left', c.req.param('name') ?? '', store);
    if (typeof found === 'string') return problem(c, 'no-such-file', found);
    const { bytes } = found.file;
    const headers = downloadHeaders(found.file);
    if (matches(c.req.header('If-None-Match'), headers.ETag)) return c.body(null, 304, headers);
    const range = rangeOf(c, bytes, headers.ETag);
    if (range === 'none') {
      return problem(c, 'range-not-satisfiable', `The file has ${bytes} bytes.`, {
        headers: { 'Content-Range': `bytes */${bytes}` },
      });
    }
    return sendDownload(c, found, range);
  };
}

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
