import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UploadedFile } from '../../../agent/http/api/file.ts';
import type { Problem } from '../../../agent/http/api/problem.ts';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';

const MEBIBYTE = 1_048_576;
const hashOf = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex');

let agent: Agent;
beforeAll(async () => {
  agent = await Agent.start({
    env: {
      AGENT_FILE_MEGABYTES: '2',
      AGENT_RUN_FILES_MEGABYTES: '3',
      AGENT_FILES_MEGABYTES: '8',
      AGENT_WARM_START: 'off',
    },
  });
});
afterAll(() => agent[Symbol.asyncDispose]());

const put = (route: string, body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) =>
  agent.fetch(route, { method: 'PUT', body, headers });
const uploaded = async (name: string, content: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>) => {
  const response = await put(`/files?name=${encodeURIComponent(name)}`, content, headers);
  expect(response.status).toBe(201);
  return (await response.json()) as UploadedFile;
};
const start = (body: object, headers?: Record<string, string>) =>
  agent.fetch('/runs', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ prompt: 'Read it.', ...body }),
  });
const accepted = async (response: Response) => {
  expect(response.status, await response.clone().text()).toBe(202);
  return (await response.json()) as RunResource;
};
const refused = async (response: Response, status: number): Promise<Problem> => {
  expect(response.status, await response.clone().text()).toBe(status);
  return (await response.json()) as Problem;
};
const formWith = (...files: Uint8Array<ArrayBuffer>[]) => {
  const form = new FormData();
  form.set('request', JSON.stringify({ prompt: 'Read them.' }));
  for (const [i, content] of files.entries()) form.append('file', new Blob([content]), `f${i}`);
  return form;
};
const counts = async () => ((await (await agent.fetch('/runs?limit=100')).json()) as { runs: unknown[] }).runs.length;
const contents = () => readdirSync(path.join(agent.stateDir, 'files'));

describe('PUT /files', () => {
  it('stores a file and says what it is', async () => {
    expect(await uploaded('Bericht für März.pdf', '%PDF-1.7')).toEqual({
      fileId: expect.any(String) as string,
      name: 'Bericht für März.pdf',
      bytes: 8,
      sha256: hashOf('%PDF-1.7'),
      type: 'application/pdf',
    });
  });

  it.each([
    ['attachment; filename="a b.csv"', 'a b.csv', 'text/csv'],
    [
      "attachment; filename=x; filename*=UTF-8''%C3%BCber.xlsx",
      'über.xlsx',
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    ],
  ])('takes the name from Content-Disposition: %s', async (header, name, type) => {
    const response = await put('/files', 'x', { 'Content-Disposition': header });
    expect(await response.json()).toMatchObject({ name, type });
  });

  it('believes a Content-Type that says something', async () => {
    expect(await uploaded('data', '{}', { 'Content-Type': 'application/json; charset=utf-8' })).toMatchObject({
      type: 'application/json',
    });
    expect(await uploaded('data', '{}', { 'Content-Type': 'application/x-www-form-urlencoded' })).toMatchObject({
      type: 'application/octet-stream',
    });
  });

  it('keeps a content once', async () => {
    const content = randomBytes(100);
    const before = contents().length;
    const [one, two] = [await uploaded('one', content), await uploaded('two', content)];
    expect(one.fileId).not.toBe(two.fileId);
    expect(contents().length).toBe(before + 1);
  });

  it('takes an empty file', async () => {
    expect(await uploaded('empty.txt', '')).toMatchObject({ bytes: 0, sha256: hashOf('') });
  });

  it.each([
    '../x',
    'a/b',
    'a\\b',
    '..',
    '.',
    '',
    ' ',
    'a\nb',
    'a\u0000b',
    'a\u202Eb',
    'x'.repeat(256),
    'ü'.repeat(128),
  ])('refuses the name %j', async (name) => {
    const problem = await refused(await put(`/files?name=${encodeURIComponent(name)}`, 'x'), 400);
    expect(problem.errors).toEqual([
      { field: 'name', message: expect.stringContaining('must be a name of 1 to 255 bytes') as string },
    ]);
  });

  it('refuses a file without a name', async () => {
    expect((await refused(await put('/files', 'x'), 400)).detail).toContain('it is missing');
  });

  it('refuses a file that is too large, also without a Content-Length', async () => {
    expect((await refused(await put('/files?name=big', Buffer.alloc(2 * MEBIBYTE + 1)), 413)).detail).toBe(
      'The file "big" may have at most 2097152 bytes.',
    );
    const endless = request(`${agent.url}/files?name=endless`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    endless.write(Buffer.alloc(2 * MEBIBYTE + 1));
    const [response] = (await once(endless, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    endless.destroy();
    await until(() => contents().every((name) => !name.startsWith('.')));
  });

  it('keeps nothing of an upload that was cut off', async () => {
    const { port } = new URL(agent.url);
    const socket = connect(Number(port), '127.0.0.1');
    const before = contents();
    socket.write(
      `PUT /files?name=cut HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1000\r\n\r\nhalf`,
    );
    await until(() => contents().some((name) => name.startsWith('.new-')));
    socket.destroy();
    await until(() => contents().length === before.length);
    expect(contents().sort()).toEqual(before.sort());
  });

  it('refuses a file that there is no room for, and keeps no other file of that request', async () => {
    await using full = await Agent.start({
      env: { AGENT_FILE_MEGABYTES: '2', AGENT_FILES_MEGABYTES: '3' },
      checksAnswers: false,
    });
    const send = (size: number) => full.fetch('/files?name=x', { method: 'PUT', body: randomBytes(size) });
    expect(await full.health()).not.toHaveProperty('files');
    expect((await send(2 * MEBIBYTE)).status).toBe(201);
    const response = await send(MEBIBYTE + 1);
    expect(response.status).toBe(507);
    expect(((await response.json()) as Problem).detail).toContain(
      'may have 3 MiB together (AGENT_FILES_MEGABYTES, config filesMegabytes of the stack)',
    );
    expect((await send(MEBIBYTE - 100)).status).toBe(201);
    const files = ['1', '2'].map((name) => ({ name, base64: randomBytes(60).toString('base64') }));
    expect((await full.post({ prompt: 'Read them.', files })).status).toBe(507);
    const body = formWith(randomBytes(60), randomBytes(60));
    expect((await full.fetch('/runs', { method: 'POST', body })).status).toBe(507);
    // The first of the two is not there any more.
    expect((await send(100)).status).toBe(201);
    const metrics = await (await full.fetch('/metrics')).text();
    for (const line of ['files 3', `files_bytes ${3 * MEBIBYTE}`, `files_limit_bytes ${3 * MEBIBYTE}`])
      expect(metrics).toMatch(new RegExp(`^claude_agent_${line}$`, 'm'));
    expect((await full.health()).files).toBe('The files of runs use 3 of 3 MiB. Files over that limit are refused.');
  });
});

describe('files of a run', () => {
  it('are in its record, by a fileId or base64, and in a list with others', async () => {
    const { fileId, ...facts } = await uploaded('table.csv', 'a,b\n');
    const run = await accepted(await start({ files: [{ fileId }, { name: 'n.txt', base64: btoa('note') }] }));
    expect(run.request.files).toEqual([
      { ...facts, inline: false },
      { name: 'n.txt', bytes: 4, sha256: hashOf('note'), type: 'text/plain', inline: false },
    ]);
  });

  it('may be named by what the upload returned, and under another name', async () => {
    const upload = await uploaded('scan.png', 'not really');
    const run = await accepted(await start({ files: [{ ...upload, name: 'page 1.png', inline: true }] }));
    expect(run.request.files).toMatchObject([{ name: 'page 1.png', type: 'image/png', inline: true }]);
  });

  it('come in a multipart request, too', async () => {
    const form = new FormData();
    form.set('request', JSON.stringify({ prompt: 'Compare.', files: [{ name: 'b.png', inline: true }] }));
    form.append('x', new Blob(['one']), 'a.txt');
    form.append('y', new Blob(['two'], { type: 'image/png' }), 'b.png');
    const response = await agent.fetch('/runs', { method: 'POST', body: form });
    expect((await accepted(response)).request.files).toEqual([
      { name: 'b.png', bytes: 3, sha256: hashOf('two'), type: 'image/png', inline: true },
      { name: 'a.txt', bytes: 3, sha256: hashOf('one'), type: 'text/plain', inline: false },
    ]);
    const answer = await agent.fetch('/run', { method: 'POST', body: form });
    expect(await answer.json()).toMatchObject({ success: true });
  });

  it('are whole in a multipart request, also if they nearly have its boundary', async () => {
    const [random, similar] = [randomBytes(MEBIBYTE), Buffer.from('\r\n--x'.repeat(MEBIBYTE / 8))];
    const part = (headers: string, content: Buffer | string) =>
      [`--b\r\n${headers}\r\n\r\n`, content, '\r\n'].map((each) => Buffer.from(each as string));
    const file = (name: string) => `Content-Disposition: form-data; name="${name}"; filename="${name}"`;
    const body = [
      ...part('Content-Disposition: form-data; name="request"', '{"prompt":"Compare."}'),
      ...part(file('random'), random),
      ...part(file('similar'), similar),
      Buffer.from('--b--\r\n'),
    ];
    const response = await agent.fetch('/runs', {
      method: 'POST',
      headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
      body: Buffer.concat(body),
    });
    expect((await accepted(response)).request.files).toMatchObject([
      { name: 'random', bytes: random.length, sha256: hashOf(random) },
      { name: 'similar', bytes: similar.length, sha256: hashOf(similar) },
    ]);
  });

  it('are named by their part if they have no name, as n8n sends them', async () => {
    const part = (headers: string, content: string) =>
      `--b\r\nContent-Disposition: form-data; ${headers}\r\n\r\n${content}\r\n`;
    const response = await agent.fetch('/runs', {
      method: 'POST',
      headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
      body: `${part('name="request"', '{"prompt":"x"}')}${part('name="file"; filename=""', 'abc')}--b--\r\n`,
    });
    expect((await accepted(response)).request.files).toMatchObject([{ name: 'file', bytes: 3 }]);
  });

  it('count for the Idempotency-Key by their contents', async () => {
    const key = { 'Idempotency-Key': 'files' };
    const [one, two] = [
      await uploaded('f.txt', 'same'),
      await uploaded('f.txt', 'same', { 'Content-Type': 'text/markdown' }),
    ];
    const { id } = await accepted(await start({ files: [{ fileId: one.fileId }] }, key));
    expect((await accepted(await start({ files: [{ fileId: two.fileId }] }, key))).id).toBe(id);
    expect((await accepted(await start({ files: [{ name: 'f.txt', base64: btoa('same') }] }, key))).id).toBe(id);
    const form = new FormData();
    form.set('request', JSON.stringify({ prompt: 'Read it.' }));
    form.append('file', new Blob(['same']), 'f.txt');
    expect((await accepted(await agent.fetch('/runs', { method: 'POST', headers: key, body: form }))).id).toBe(id);
    await refused(await start({ files: [{ name: 'f.txt', base64: btoa('other') }] }, key), 422);
    await refused(await start({}, key), 422);
  });

  const name = 'a.txt';
  const base64 = btoa('x');
  it.each<[string, unknown, string]>([
    ['no list', { name, base64 }, 'must be at most 100 files'],
    ['an entry that is no object', ['a.txt'], 'item 1 must be an object; it is the string "a.txt"'],
    [
      'an unknown fileId',
      [{ fileId: '5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11' }],
      'item 1 has a `fileId` that names no file',
    ],
    ['a name with ..', [{ name: '../x', base64 }], 'item 1, "../x", must have a name of 1 to 255 bytes'],
    ['base64 that is none', [{ name, base64: 'a-_!' }], 'item 1, "a.txt", must have `base64`'],
    ['base64 without a name', [{ base64 }], 'must have a `name`'],
    ['both', [{ name, base64, fileId: 'x' }], 'has both `fileId` and `base64`'],
    ['neither', [{ name }], 'must have a `fileId` or `base64`'],
    ['an unknown field', [{ name, base64, inlined: true }], 'has an unknown field "inlined"'],
    ['another size', [{ name, base64, bytes: 2 }], 'must have its size in `bytes`, 1; it is the number 2'],
    ['another hash', [{ name, base64, sha256: hashOf('y') }], `that of "a.txt" is ${hashOf('x')}`],
    [
      'doubles',
      [
        { name, base64 },
        { name: 'A.TXT', base64 },
      ],
      'must have different names',
    ],
    ['text inline', [{ name, base64, inline: true }], 'cannot be `inline`, because its type is text/plain'],
    ['10,000 files', Array.from({ length: 10_000 }, (_, n) => ({ name: `${n}`, base64 })), 'it has 10000'],
  ])('are refused: %s', async (_, files, message) => {
    const before = await counts();
    const problem = await refused(await start({ files }), 400);
    expect(problem.errors).toEqual([{ field: 'files', message: expect.stringContaining(message) as string }]);
    expect(await counts()).toBe(before);
  });

  it('are refused if they are too large together', async () => {
    const files = await Promise.all(['1', '2'].map((each) => uploaded(each, randomBytes(1.6 * MEBIBYTE))));
    expect((await refused(await start({ files }), 413)).detail).toBe(
      'The files of a run together may have at most 3145728 bytes.',
    );
  });

  it.each([
    [
      'cut off',
      '--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"prompt":"x"}\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nabc',
      'cannot be read',
      'files',
    ],
    [
      'cut off in the request',
      '--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nabc\r\n--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"pro',
      'cannot be read',
      'request',
    ],
    [
      'without a request',
      '--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nabc\r\n--b--\r\n',
      'the part `request` with the JSON of the run is missing',
      'request',
    ],
    [
      'with another field',
      '--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nabc\r\n--b--\r\n',
      'the part "prompt" is neither `request` nor a file',
      'prompt',
    ],
    [
      'with two requests',
      '--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"prompt":"x"}\r\n'.repeat(2).concat('--b--\r\n'),
      'it may have one part that is no file, `request`',
      'request',
    ],
    [
      'with more than 100 files',
      Array.from(
        { length: 101 },
        (_, n) => `--b\r\nContent-Disposition: form-data; name="f"; filename="f${n}"\r\n\r\n${n}\r\n`,
      )
        .join('')
        .concat('--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"prompt":"x"}\r\n--b--\r\n'),
      'it may have at most 100 files',
      'files',
    ],
    ['empty', '', 'cannot be read', 'request'],
    [
      'with a name twice',
      ['one', 'two']
        .map((each) => `--b\r\nContent-Disposition: form-data; name="${each}"; filename="f"\r\n\r\n${each}\r\n`)
        .join('')
        .concat('--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"prompt":"x"}\r\n--b--\r\n'),
      'must have different names, also in another case; "f" is there 2 times',
      'files',
    ],
  ])('are refused in a multipart body: %s', async (_, body, message, field) => {
    const before = [contents().sort(), await counts()];
    const response = await agent.fetch('/runs', {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
    });
    const problem = await refused(response, 400);
    expect(problem.detail).toContain(message);
    expect(problem.errors).toEqual([{ field, message: expect.stringContaining(message) as string }]);
    expect([contents().sort(), await counts()]).toEqual(before);
  });

  it.each([
    ['one', [2 * MEBIBYTE + 1], 'The file "f0" may have at most 2097152 bytes.'],
    ['all together', [1.6 * MEBIBYTE, 1.6 * MEBIBYTE], 'The files of a run together may have at most 3145728 bytes.'],
  ])('are refused in a multipart body that has too large ones: %s', async (_, sizes, detail) => {
    const before = [contents().sort(), await counts()];
    const response = await agent.fetch('/runs', {
      method: 'POST',
      body: formWith(...sizes.map((size) => randomBytes(size))),
    });
    expect((await refused(response, 413)).detail).toBe(detail);
    expect([contents().sort(), await counts()]).toEqual(before);
  });

  it('are not kept if the connection ends in the middle of a multipart body, and no run starts', async () => {
    const { port } = new URL(agent.url);
    const before = [contents().sort(), await counts()];
    const socket = connect(Number(port), '127.0.0.1');
    const head = `POST /runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1000\r\n`;
    const request = '--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"prompt":"x"}\r\n';
    const file = '--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nhalf';
    socket.write(`${head}Content-Type: multipart/form-data; boundary=b\r\n\r\n${request}${file}`);
    await until(() => contents().some((name) => name.startsWith('.new-')));
    socket.destroy();
    await until(() => contents().every((name) => !name.startsWith('.new-')));
    expect([contents().sort(), await counts()]).toEqual(before);
  });
});

describe('files that a run leaves', () => {
  let working: Agent;
  beforeAll(async () => {
    working = await Agent.start({
      prompts: {
        '*': [
          {
            do: 'shell',
            command:
              'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"; printf "<script>" > "$CLAUDE_RUN_OUT/page.html"; ln -s /etc/passwd "$CLAUDE_RUN_OUT/link"',
          },
          { do: 'result', text: 'done' },
        ],
        fail: [
          { do: 'shell', command: 'printf part > "$CLAUDE_RUN_OUT/part.csv"' },
          { do: 'refuse', kind: 'unknown', text: 'no' },
        ],
        hang: [
          { do: 'shell', command: 'printf lost > "$CLAUDE_RUN_OUT/lost.csv"' },
          { do: 'say', text: 'written' },
          { do: 'hang' },
        ],
        large: [
          {
            do: 'shell',
            command:
              'head -c 3000000 /dev/urandom > "$CLAUDE_RUN_OUT/a"; head -c 3000000 /dev/urandom > "$CLAUDE_RUN_OUT/b"',
          },
          { do: 'result', text: 'done' },
        ],
      },
      env: { AGENT_FILE_MEGABYTES: '3', AGENT_FILES_MEGABYTES: '4', AGENT_GRACE_SECONDS: '0' },
    });
  });
  afterAll(() => working[Symbol.asyncDispose]());

  const get = (id: string, name: string, headers: Record<string, string> = {}) =>
    working.fetch(`/runs/${id}/files/${encodeURIComponent(name)}`, { headers });

  it('are in the answer, in the record and to be had', async () => {
    const answer = await working.run('any', { files: [{ name: 'Größe 1.csv', base64: btoa('a;b') }] });
    const files = [
      { name: 'Größe 1.csv', bytes: 3, sha256: hashOf('a;b'), type: 'text/csv' },
      { name: 'page.html', bytes: 8, sha256: hashOf('<script>'), type: 'text/html' },
    ];
    expect(answer).toMatchObject({
      success: true,
      files,
      warnings: ['The file "link" that the run left was not kept: it is a link.'],
    });
    expect(await (await working.fetch(`/runs/${answer.runId}`)).json()).toMatchObject({
      files,
      request: { files: [{ ...files[0], inline: false }] },
    });
    const csv = await get(answer.runId, 'Größe 1.csv');
    expect(await csv.text()).toBe('a;b');
    expect(Object.fromEntries(csv.headers)).toMatchObject({
      'content-type': 'text/csv',
      'content-length': '3',
      'content-disposition': `attachment; filename="Gr??e 1.csv"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.csv`,
      etag: `"${hashOf('a;b')}"`,
      'x-content-type-options': 'nosniff',
    });
    const page = await get(answer.runId, 'page.html');
    expect(page.headers.get('content-type')).toBe('application/octet-stream');
    expect(page.headers.get('content-disposition')).toBe('attachment; filename=page.html');
  });

  it('can be had in part, and are not sent again', async () => {
    const { runId } = await working.run('any', { files: [{ name: 'digits', base64: btoa('0123456789') }] });
    const part = async (range: string, headers: Record<string, string> = {}) => {
      const response = await get(runId, 'digits', { Range: range, ...headers });
      return [response.status, response.headers.get('content-range'), response.status < 400 && (await response.text())];
    };
    expect(await part('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await part('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await part('bytes=-2')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await part('bytes=-20')).toEqual([206, 'bytes 0-9/10', '0123456789']);
    expect(await part('bytes=5-100')).toEqual([206, 'bytes 5-9/10', '56789']);
    expect(await part('bytes=10-')).toEqual([416, 'bytes */10', false]);
    expect(await part('bytes=-0')).toEqual([416, 'bytes */10', false]);
    for (const whole of ['bytes=4-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-'])
      expect(await part(whole)).toEqual([200, null, '0123456789']);
    expect(await part('bytes=2-4', { 'If-Range': '"other"' })).toEqual([200, null, '0123456789']);
    const etag = `"${hashOf('0123456789')}"`;
    for (const has of [etag, `W/${etag}`, `"x", ${etag}`, '*'])
      expect((await get(runId, 'digits', { 'If-None-Match': has })).status).toBe(304);
    expect((await get(runId, 'digits', { 'If-None-Match': '"x"' })).status).toBe(200);
    const head = await working.fetch(`/runs/${runId}/files/digits`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
  });

  it('are kept when the run fails', async () => {
    const answer = await working.run('fail');
    expect(answer).toMatchObject({ success: false, files: [{ name: 'part.csv', bytes: 4 }] });
    expect(await (await get(answer.runId, 'part.csv')).text()).toBe('part');
  });

  it('are left out where there is no room, and the run ends all the same', async () => {
    const answer = await working.run('large');
    expect(answer).toMatchObject({ success: true, files: [{ name: 'a', bytes: 3_000_000 }] });
    expect(answer.warnings).toEqual([
      expect.stringContaining('The file "b" was not kept. The agent\'s files may have 4 MiB together') as string,
    ]);
  });

  it('are those of a run that waited when the agent was killed, too', async () => {
    const killed = await working.submit('hang');
    await until(() => working.claude.begun().includes('hang'), 'the start of the first run');
    const { fileId } = (await (
      await working.fetch('/files?name=kept.txt', { method: 'PUT', body: 'kept' })
    ).json()) as UploadedFile;
    const id = await working.submit('any', { files: [{ fileId }, { name: 'b.txt', base64: btoa('b') }] });
    await working.crash();
    expect(await (await working.fetch(`/runs/${killed}`)).json()).toMatchObject({
      outcome: 'interrupted',
      warnings: ['If the run left files, they are not kept, because the agent stopped.'],
    });
    const now = async () => (await (await working.fetch(`/runs/${id}`)).json()) as RunResource;
    await until(async () => (await now()).state === 'ended');
    expect(await now()).toMatchObject({
      outcome: 'succeeded',
      files: [{ name: 'b.txt' }, { name: 'kept.txt' }, { name: 'page.html' }],
    });
    expect(await (await get(id, 'kept.txt')).text()).toBe('kept');
  });

  it('are refused without a token, and where there is none', async () => {
    const { runId } = await working.run('fail');
    expect((await fetch(`${working.url}/runs/${runId}/files/part.csv`)).status).toBe(401);
    for (const name of ['other', '../part.csv', '..', 'part.csv/']) expect((await get(runId, name)).status).toBe(404);
    expect((await get('5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11', 'part.csv')).status).toBe(404);
  });

  it('are kept of a run that a shutdown interrupts', async () => {
    const id = await working.submit('hang');
    const steps = async () => (await working.fetch(`/runs/${id}/transcript`)).text();
    await until(async () => (await steps()).includes('written'), 'it has left the file');
    await working.end('SIGTERM');
    await working.start();
    expect(await (await working.fetch(`/runs/${id}`)).json()).toMatchObject({
      outcome: 'interrupted',
      files: [{ name: 'lost.csv', sha256: hashOf('lost') }],
    });
    expect(await (await get(id, 'lost.csv')).text()).toBe('lost');
  });

  it('say so when their content is lost', async () => {
    const { runId } = await working.run('any', { files: [{ name: 'lost', base64: btoa('lost') }] });
    await working.submit('hang');
    const waiting = await working.submit('any', { files: [{ name: 'given', base64: btoa('given') }] });
    await working.end('SIGTERM');
    for (const content of ['lost', 'given']) rmSync(path.join(working.stateDir, 'files', hashOf(content)));
    await working.start();
    const run = async () => (await (await working.fetch(`/runs/${waiting}`)).json()) as RunResource;
    await until(async () => (await run()).state === 'ended');
    expect(await run()).toMatchObject({
      outcome: 'failed',
      error:
        'The file "given" is no longer on the agent\'s volume. The run was not started. Send it again with the file.',
    });
    const response = await get(runId, 'lost');
    expect([response.status, ((await response.json()) as Problem).detail]).toEqual([
      404,
      'The content of "lost" is no longer on the agent\'s volume.',
    ]);
    const fields = { token: TOKEN, action: 'download', run: runId, file: 'lost', way: 'left' };
    const page = await fetch(working.url, { method: 'POST', body: new URLSearchParams(fields) });
    expect([page.status, await page.text()]).toEqual([
      404,
      expect.stringContaining('The content of &quot;lost&quot; is no longer on the agent&#39;s volume.'),
    ]);
  });

  it('that is a large PDF can be inline only up to 5 MiB a run', async () => {
    const pdf = Buffer.alloc(1_000_000, '%PDF-');
    const upload = await working.fetch('/files?name=x.pdf', { method: 'PUT', body: pdf });
    const { fileId } = (await upload.json()) as UploadedFile;
    const files = Array.from({ length: 6 }, (_, n) => ({ fileId, name: `${n}.pdf`, inline: true }));
    const response = await working.post({ prompt: 'any', files });
    const message = 'must have PDFs of at most 5242880 bytes together with `inline`; there are 6000000';
    expect((await refused(response, 400)).errors).toEqual([
      { field: 'files', message: expect.stringContaining(message) as string },
    ]);
  });

  it('leave no copy besides the store', () => {
    expect(readdirSync(path.join(working.stateDir, 'files')).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('contents', () => {
  it('go a day after the upload, unless the record of a run names them', async () => {
    await using old = await Agent.start({ checksAnswers: false });
    const send = async (name: string) =>
      (await (await old.fetch(`/files?name=${name}`, { method: 'PUT', body: name })).json()) as UploadedFile;
    const [unused, used] = [await send('unused'), await send('used')];
    await old.fetch('/run', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prompt: 'x', files: [used] }),
    });
    await old.end('SIGTERM');
    writeFileSync(path.join(old.stateDir, 'files/.new-left'), 'x');
    writeFileSync(path.join(old.stateDir, 'files', hashOf('no record')), 'no record');
    {
      using store = openStore(path.join(old.stateDir, 'runs.db'));
      for (const { fileId, ...rest } of [unused, used]) {
        store.files.addUpload({
          ...rest,
          caller: 'operator',
          fileId: `${fileId}-old`,
          uploadedAt: new Date(Date.now() - 86_400_001).toISOString(),
        });
      }
      store.files.removeUploads(new Date(Date.now() + 1000).toISOString());
      store.files.addUpload({
        ...unused,
        caller: 'operator',
        uploadedAt: new Date(Date.now() - 86_400_001).toISOString(),
      });
    }
    await old.start();
    await until(() => readdirSync(path.join(old.stateDir, 'files')).length === 1);
    expect(readdirSync(path.join(old.stateDir, 'files'))).toEqual([hashOf('used')]);
    const response = await old.fetch('/runs', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prompt: 'x', files: [unused] }),
    });
    expect((await refused(response, 400)).errors).toMatchObject([{ field: 'files' }]);
  });
});
