import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RUN_LIMITS } from '../../../agent/contract.ts';
import { Agent, WITHOUT_TOKEN } from '../../support/agent.ts';

let agent: Agent;
beforeAll(async () => {
  agent = await Agent.start();
  const { workspaceDir, folder } = agent;
  mkdirSync(path.join(workspaceDir, 'project'));
  writeFileSync(path.join(workspaceDir, 'file'), '');
  mkdirSync(path.join(folder, 'workspace-of-another'));
  symlinkSync(folder, path.join(workspaceDir, 'out'));
  symlinkSync(path.join(workspaceDir, 'project'), path.join(workspaceDir, 'in'));
});
afterAll(() => agent[Symbol.asyncDispose]());

const inFolder = (...parts: string[]) => path.join(agent.folder, ...parts);

describe('POST /run refuses, and starts nothing for,', () => {
  const bodies: [what: string, body: unknown, says: string][] = [
    ['invalid JSON', '{"prompt": "hi"', 'not valid JSON'],
    ['an empty body', '', 'The body is empty'],
    ['a body that is not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'not UTF-8'],
    ['the body null', 'null', 'it is null'],
    ['a body that is an array', '[]', 'it is an array'],
    ['a body that is a string', '"hi"', 'it is the string "hi"'],
    ['no prompt', {}, '`prompt` must be a string of 1 to 100000 characters'],
    ['an empty prompt', { prompt: '' }, 'it is a string of 0'],
    ['a blank prompt', { prompt: ' \n\t' }, 'not all white space'],
    ['a prompt that is a number', { prompt: 7 }, 'it is the number 7'],
    ['a prompt that is null', { prompt: null }, 'it is null'],
    ['a prompt that is too long', { prompt: 'x'.repeat(RUN_LIMITS.promptChars + 1) }, 'it is a string of 100001'],
    ['the timeout 0', { prompt: 'x', timeout: 0 }, 'it is the number 0'],
    ['a negative timeout', { prompt: 'x', timeout: -1 }, 'it is the number -1'],
    ['a fractional timeout', { prompt: 'x', timeout: 1.5 }, 'it is the number 1.5'],
    ['a timeout that is a string', { prompt: 'x', timeout: '5000' }, 'it is the string "5000"'],
    ['a timeout that is too long', { prompt: 'x', timeout: 600_001 }, 'from 1 to 600000'],
    ['a timeout beyond the range of numbers', '{"prompt":"x","timeout":1e999}', '`timeout` must be'],
    ['a number beyond the range of numbers', '{"prompt":"x","maxBudgetUsd":1e999}', 'it is the number Infinity'],
    ['a workdir that is null', { prompt: 'x', workdir: null }, 'it is null'],
    ['an empty lane', { prompt: 'x', lane: '' }, '`lane` must be a string of 1 to 128 characters'],
    ['a lane that is too long', { prompt: 'x', lane: 'x'.repeat(129) }, 'without control characters'],
    ['a lane with a line break', { prompt: 'x', lane: 'a\nb' }, '`lane` must be'],
    ['a lane that is a number', { prompt: 'x', lane: 7 }, 'it is the number 7'],
    ['a relative workdir', { prompt: 'x', workdir: 'project' }, 'must be an absolute path inside the workspace'],
    ['a workdir elsewhere', { prompt: 'x', workdir: '/etc' }, 'must be inside the workspace'],
    ['a workdir with a NUL', { prompt: 'x', workdir: '/a\0b' }, 'must be an existing folder'],
  ];

  it.each(bodies)('%s', async (_, body, says) => {
    const response = await agent.post(body);
    expect(response.status).toBe(400);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    const problem = (await response.json()) as { status: number; detail: string; error: string };
    expect(problem).toMatchObject({ status: 400, detail: expect.stringContaining(says) as string });
    expect(problem.error).toContain(problem.detail);
  });

  const folders: [what: string, workdir: () => string, says: string][] = [
    ['a workdir that is missing', () => inFolder('workspace', 'nothing'), 'must be an existing folder'],
    ['a workdir that is a file', () => inFolder('workspace', 'file'), 'must be a folder'],
    ['a workdir outside with ..', () => `${inFolder('workspace')}/project/../../home`, 'must be inside the workspace'],
    ['a workdir outside through a symlink', () => inFolder('workspace', 'out'), 'must be inside the workspace'],
    [
      'a workdir next to the workspace with a longer name',
      () => inFolder('workspace-of-another'),
      'must be inside the workspace',
    ],
  ];

  it.each(folders)('%s', async (_, workdir, says) => {
    const response = await agent.post({ prompt: 'x', workdir: workdir() });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [{ field: 'workdir', message: expect.stringContaining(says) as string }],
    });
  });

  it('a body over the limit', async () => {
    const response = await agent.post({ prompt: 'x', more: 'y'.repeat(RUN_LIMITS.bodyBytes) });
    expect(response.status).toBe(413);
  });

  it('a body over the limit without a declared length', async () => {
    // It stops once it is over the limit: a client that is still writing when the agent closes may lose the response.
    async function* chunks() {
      for (let sent = 0; sent <= RUN_LIMITS.bodyBytes; sent += 65_536) yield new Uint8Array(65_536).fill(0x20);
      await new Promise(() => undefined);
    }
    const response = await agent.fetch('/run', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: ReadableStream.from(chunks()),
      duplex: 'half',
    });
    expect(response.status).toBe(413);
  });

  it.each([
    ['another type', { 'Content-Type': 'text/plain' }],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['another charset', { 'Content-Type': 'application/json; charset=utf-16' }],
    ['a compressed body', { 'Content-Encoding': 'gzip' }],
  ])('%s', async (_, headers) => {
    expect((await agent.post({ prompt: 'x' }, { headers })).status).toBe(415);
  });

  it('no token and a wrong one, whatever the body', async () => {
    for (const authorization of ['', 'Bearer wrong', 'Basic eDp5', 'Bearer']) {
      const response = await agent.post('{', { headers: { Authorization: authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
    }
  });

  it('several errors, and lists them all', async () => {
    const response = await agent.post({ prompt: 7, timeout: 'soon' });
    const { errors } = (await response.json()) as { errors: { field: string }[] };
    expect(errors.map(({ field }) => field)).toEqual(['prompt', 'timeout']);
  });

  it('a folder that is not allowed, and lists the other errors too', async () => {
    const body = JSON.stringify({ timeout: 0, workdir: '/etc', colour: 'red' });
    const json = { 'Content-Type': 'application/json' };
    const response = await agent.fetch('/runs', { method: 'POST', body, headers: json });
    const { errors } = (await response.json()) as { errors: { field: string }[] };
    expect(errors.map(({ field }) => field).sort()).toEqual(['colour', 'prompt', 'timeout', 'workdir']);
  });

  it('all of the above', () => {
    expect(agent.claude.begun()).toEqual([]);
  });
});

describe('POST /run accepts', () => {
  it('the smallest request, in the workspace', async () => {
    const answer = await agent.run('hello');
    expect(answer).toMatchObject({ success: true, output: 'echo: hello', exitCode: 0 });
    expect(agent.claude.journal().find((entry) => entry.prompt === 'hello')).toMatchObject({ cwd: agent.workspaceDir });
  });

  it('a workdir in the workspace, by its real path', async () => {
    await agent.run('inside', { workdir: inFolder('workspace', 'in') });
    const entry = agent.claude.journal().find(({ prompt }) => prompt === 'inside');
    expect(entry).toMatchObject({ cwd: inFolder('workspace', 'project') });
  });

  it('unknown fields, and names them', async () => {
    const { warnings } = await agent.run('x', { workingDir: '/x', mode: 1 });
    expect(warnings).toEqual([
      'The field "workingDir" is unknown and was ignored. Did you mean `workdir`?',
      'The field "mode" is unknown and was ignored.',
    ]);
  });

  it.each([
    ['a byte order mark', '\ufeff{"prompt": "marked"}', {}],
    ['capital letters in its headers', '{"prompt": "loud"}', { 'Content-Encoding': 'IDENTITY' }],
    ['names that every JavaScript object has', '{"prompt": "x", "__proto__": {"maxTurns": 1}, "constructor": 1}', {}],
    ['half of a character', '{"prompt": "\\ud83d", "systemPrompt": "\\ud83d", "labels": {"\\ud83d": "\\ud83d"}}', {}],
    ['a NUL in the prompt and in labels', '{"prompt": "a\\u0000b", "labels": {"a\\u0000": "\\u0000"}}', {}],
  ])('a body with %s', async (_, body, headers) => {
    const response = await agent.post(body, { headers });
    expect(response.status).toBe(200);
    const { success, runId } = (await response.json()) as { success: boolean; runId: string };
    expect(success).toBe(true);
    expect((await agent.fetch(`/runs/${runId}`)).status).toBe(200);
  });

  it('the longest prompt, in any script, unchanged', async () => {
    const prompt = '漢"\\\u2028'.repeat(RUN_LIMITS.promptChars / 4);
    expect((await agent.run(prompt)).output).toBe(`echo: ${prompt}`);
  });

  it('a prompt that looks like an option', async () => {
    expect((await agent.run('--help')).output).toBe('echo: --help');
  });
});

describe('an unknown path', () => {
  it('is 401 without a token, and 404 or 405 with one', async () => {
    expect((await agent.fetch('/runs', WITHOUT_TOKEN)).status).toBe(401);
    expect((await agent.fetch('/nothing')).status).toBe(404);
    for (const [method, route, allowed] of [
      ['GET', '/run', 'POST'],
      ['PUT', '/runs', 'POST, GET'],
      ['PATCH', '/runs/x', 'GET, DELETE'],
    ] as const) {
      const response = await agent.fetch(route, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('Allow')).toBe(allowed);
    }
  });
});
