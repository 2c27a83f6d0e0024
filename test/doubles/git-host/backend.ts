import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { HostState } from './state.ts';

/** What hosts allow, and a folder does not by default. */
const CONFIG = { 'uploadpack.allowAnySHA1InWant': 'true', 'safe.directory': '*' };
const END_OF_HEADERS = Buffer.from('\r\n\r\n');

/**
 * Answers a request of git by `git http-backend`.
 * @param pathInfo the folder of the repository below `root`, and the endpoint.
 * @param user who is logged in, and may then push.
 */
export async function serveGit(
  { root, allowsFilters }: Pick<HostState, 'root' | 'allowsFilters'>,
  { pathInfo, user }: { readonly pathInfo: string; readonly user: string | undefined },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { headers } = request;
  const entries = Object.entries({ ...CONFIG, 'uploadpack.allowFilter': String(allowsFilters) });
  const backend = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: String(entries.length),
      ...Object.fromEntries(
        entries.flatMap(([key, value], i) => [
          [`GIT_CONFIG_KEY_${i}`, key],
          [`GIT_CONFIG_VALUE_${i}`, value],
        ]),
      ),
      PATH_INFO: pathInfo,
      QUERY_STRING: request.url?.split('?')[1] ?? '',
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers['content-type'],
      CONTENT_LENGTH: headers['content-length'],
      HTTP_CONTENT_ENCODING: headers['content-encoding'],
      GIT_PROTOCOL: headers['git-protocol'] as string | undefined,
      REMOTE_USER: user,
    },
  });
  response.once('close', () => backend.kill());
  // It may answer before it has read everything.
  pipeline(request, backend.stdin).catch(() => undefined);
  let head = Buffer.alloc(0);
  const iterator = backend.stdout.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  for await (const chunk of iterator) {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(END_OF_HEADERS);
    if (end === -1) continue;
    writeHead(head.subarray(0, end).toString('latin1'), response);
    response.write(head.subarray(end + END_OF_HEADERS.length));
    break;
  }
  if (!response.headersSent) response.writeHead(500);
  await pipeline(backend.stdout, response);
}

function writeHead(text: string, response: ServerResponse): void {
  const lines = text.split('\r\n').map((line) => line.split(/: */u, 2) as [string, string]);
  const status = lines.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200';
  for (const [name, value] of lines) if (name.toLowerCase() !== 'status') response.setHeader(name, value);
  response.writeHead(Number.parseInt(status));
}
