import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';

const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--accept', 'first'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let url = '';

beforeAll(async () => {
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  url = z.object({ url: z.url() }).parse(JSON.parse(line)).url;
});
afterAll(() => child.kill('SIGKILL'));

const control = (method: string, path: string, body?: object) =>
  fetch(`${url}/_control${path}`, { method, ...(body && { body: JSON.stringify(body) }) });

const ask = (key: string, content: string, stream = false) =>
  fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': key },
    body: JSON.stringify({ model: 'claude-test', stream, messages: [{ role: 'user', content }] }),
  });

it('echoes the prompt as one object or as a stream of events', async () => {
  expect(await (await ask('first', 'hello')).json()).toMatchObject({
    content: [{ type: 'text', text: 'echo: hello' }],
  });
  const events = await (await ask('first', 'hello', true)).text();
  expect(events.match(/^event: .*$/gm)).toEqual([
    ...['event: message_start', 'event: content_block_start', 'event: content_block_delta'],
    ...['event: content_block_delta', 'event: content_block_stop', 'event: message_delta', 'event: message_stop'],
  ]);
});

it('changes its behaviour over the control endpoint, and lists the requests it received', async () => {
  await control('PUT', '', { mode: '[[fail:overloaded]]', accept: ['second'] });
  expect((await ask('first', 'hello')).status).toBe(401);
  expect((await ask('second', 'hello')).status).toBe(529);
  expect((await ask('second', '[[say:hi]]')).status).toBe(200);
  const seen = (await (await control('GET', '/requests')).json()) as unknown[];
  expect(seen.slice(-3)).toMatchObject([
    { path: '/v1/messages', credential: { scheme: 'api-key', value: 'first' }, status: 401 },
    { prompt: 'hello', model: 'claude-test', status: 529 },
    { prompt: '[[say:hi]]', status: 200 },
  ]);
  await control('DELETE', '');
  expect(await (await control('GET', '/requests')).json()).toEqual([]);
  expect((await ask('first', 'hello')).status).toBe(200);
});

it('refuses a directive for a failure that it does not know', async () => {
  const response = await ask('first', '[[fail:nonsense]]');
  expect(response.status).toBe(400);
  expect(await response.text()).toContain('nonsense');
});

it('ends on SIGTERM', async () => {
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
});
