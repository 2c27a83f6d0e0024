import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { operations, OPERATIONS } from '../../agent/http/api/operations.ts';
import { PROBLEMS } from '../../agent/http/api/problems.ts';
import { runQuery } from '../../agent/http/api/run-query.ts';
import { idempotencyKey, runRequest } from '../../agent/http/api/run-request.ts';
import { runAnswer, type RunResource } from '../../agent/http/api/run.ts';
import { AUTH_STATES, EXIT_CODES, RUN_LIMITS } from '../../agent/contract.ts';
import type { Step } from '../doubles/claude/script.ts';
import { Agent, TOKEN, until } from '../support/agent.ts';
import { published } from '../support/openapi.ts';
import { examplesIn, readDocument, tableIn } from './markdown.ts';

const run = promisify(execFile);
const document = readDocument('docs/api.md');
const code = (text: string | number) => `\`${text}\``;

/** What the scripted CLI prints for a prompt of the examples. */
function says(model: string, text: string, tokens: readonly [number, number, number], result: object): Step[] {
  const [inputs, outputs, cached] = tokens;
  const usage = { input_tokens: inputs, output_tokens: outputs, cache_read_input_tokens: cached };
  return [
    {
      do: 'event',
      event: { type: 'assistant', message: { role: 'assistant', model, content: [{ type: 'text', text }] } },
    },
    {
      do: 'event',
      event: {
        type: 'result',
        subtype: 'success',
        is_error: false,
        result: text,
        permission_denials: [],
        usage: { ...usage, cache_creation_input_tokens: 0 },
        num_turns: 1,
        ...result,
      },
    },
  ];
}

const prompts = {
  'In a sentence: what is a watchdog job?': says(
    'claude-opus-5-5',
    'A watchdog job looks at a system at intervals and raises the alarm when it does not work.',
    [14, 21, 0],
    { total_cost_usd: 0.0006 },
  ),
  'Is this ticket urgent? The shop is down, nobody can order.': says(
    'claude-sonnet-5',
    '{"urgent":true}',
    [212, 9, 0],
    { total_cost_usd: 0.0011, structured_output: { urgent: true } },
  ),
  'Write the report.': says('claude-opus-5-5', 'The report is in report.md.', [3120, 860, 2048], {
    total_cost_usd: 0.031,
    num_turns: 4,
  }),
};

describe('docs/api.md', () => {
  it('lists every operation', () => {
    const rows = operations.map(([, { method, path: template, summary }]) => [code(`${method} ${template}`), summary]);
    expect(tableIn(document, 'request')).toEqual(rows);
  });

  it('lists every problem kind, with its meaning and what to do', () => {
    const rows = Object.entries(PROBLEMS).map(([kind, { status, means, remedy }]) => [
      String(status),
      code(kind),
      means,
      remedy,
    ]);
    expect(tableIn(document, 'status', 'kind')).toEqual(rows);
  });

  it('lists every outcome with its exit code, and every login state', () => {
    const outcomes = tableIn(document, '`outcome`', '`exitCode`').map(([name, exitCode]) => [name, exitCode]);
    expect(outcomes).toEqual(Object.entries(EXIT_CODES).map(([name, exitCode]) => [code(name), String(exitCode)]));
    expect(tableIn(document, '`state`').map(([state]) => state)).toEqual(AUTH_STATES.map(code));
  });

  it('lists every field of a request and of its response, and every parameter of GET /runs', () => {
    const [fixed, options] = [tableIn(document, 'field', 'type'), tableIn(document, 'option', 'type')];
    const names = (rows: string[][]) => rows.flatMap(([name = '']) => name.split(', ')).sort();
    const of = (schema: { readonly shape: object }) => Object.keys(schema.shape).map(code).sort();
    expect(names([...fixed, ...options])).toEqual(of(runRequest));
    expect(names(tableIn(document, 'field', 'what'))).toEqual(of(runAnswer));
    expect(names(tableIn(document, 'parameter'))).toEqual(of(runQuery));
  });
});

/** All limits in a JSON Schema, at any depth. */
function limitsIn(schema: unknown): number[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) =>
    /^max(imum|Length|Items|Properties)$/.test(key) ? [Number(value)] : limitsIn(value),
  );
}

describe('the limits of docs/api.md', () => {
  const rows = tableIn(document, 'what', 'limit').map(([what = '', limit = '']) => ({ what, limit }));
  const grouped = (limit: number) => new Intl.NumberFormat('en-US').format(limit);

  it.each(['RunRequest', 'PauseRequest'])('include every limit of a %s', (name) => {
    const { properties } = published.components.schemas[name] as { properties: Record<string, object> };
    const fields = Object.entries(properties).map(([field, schema]) => ({ field, limits: limitsIn(schema) }));
    expect(fields.flatMap(({ limits }) => limits).length).toBeGreaterThan(0);
    for (const { field, limits } of fields) {
      const listed = rows.filter(({ what }) => what.includes(code(field))).map(({ limit }) => limit);
      for (const limit of limits) expect(listed.join(' '), field).toMatch(new RegExp(`\\b${grouped(limit)}\\b`));
    }
  });

  it('include every number in RUN_LIMITS', () => {
    const listed = rows.map(({ limit }) => limit).join(' ');
    for (const [name, limit] of Object.entries(RUN_LIMITS)) {
      expect(listed, name).toMatch(new RegExp(`\\b${grouped(limit)}\\b`));
    }
  });

  it('match the limits of keys, models and pages, which no published schema contains', () => {
    const largest = (what: string) => Number(/ to (\d+)/.exec(rows.find((row) => row.what === what)?.limit ?? '')?.[1]);
    const accepts = (schema: z.ZodType, value: unknown) => schema.safeParse(value).success;
    const key = largest('`Idempotency-Key`');
    expect([accepts(idempotencyKey, 'x'.repeat(key)), accepts(idempotencyKey, 'x'.repeat(key + 1))]).toEqual([
      true,
      false,
    ]);
    const { model } = runRequest.shape;
    const named = largest('`model`');
    expect([accepts(model, 'x'.repeat(named)), accepts(model, 'x'.repeat(named + 1))]).toEqual([true, false]);
    const { limit } = runQuery.shape;
    const page = largest('`limit` of `GET /runs`');
    expect([accepts(limit, String(page)), accepts(limit, String(page + 1))]).toEqual([true, false]);
  });

  it('include the readiness check in the words of the OpenAPI document', () => {
    const plain = document.replaceAll(/\s+/g, ' ');
    expect(plain).toContain(OPERATIONS.ready.description);
  });
});

describe('against an agent', () => {
  let agent: Agent;
  let folder: string;
  beforeAll(async () => {
    agent = new Agent({ prompts });
    folder = agent.folder;
    mkdirSync(path.join(folder, 'home/.claude'));
    const expiresAt = Date.now() + 8 * 3_600_000;
    const login = { claudeAiOauth: { accessToken: 'a', refreshToken: 'r', expiresAt } };
    writeFileSync(path.join(folder, 'home/.claude/.credentials.json'), JSON.stringify(login));
    mkdirSync(path.join(folder, '.local'));
    writeFileSync(path.join(folder, '.local/agent-token'), `${TOKEN}\n`);
    await agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  /** Runs a command as a reader does, except for the port. */
  async function shell(command: string, env: Record<string, string> = {}): Promise<string> {
    const here = command.replaceAll(/http:\/\/127\.0\.0\.1:3000|localhost:3000/g, agent.url);
    const options = { cwd: folder, env: { PATH: process.env['PATH'], ...env } };
    return (await run('bash', ['-euc', here], options)).stdout;
  }

  /** A response without the values that differ between runs. */
  function stable(answer: unknown): unknown {
    const text = JSON.stringify(answer, (key, value: unknown) =>
      ['duration', 'queuedMs', 'version'].includes(key) ? typeof value : value,
    );
    const same = text
      .replaceAll(agent.workspaceDir, '/workspace')
      .replaceAll(path.join(folder, 'home'), '/home/me')
      .replaceAll(JSON.stringify(hostname()), '"my-machine"')
      .replaceAll(/"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}"/g, '"an id"')
      .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"a time"');
    return JSON.parse(same);
  }

  it('the examples of docs/api.md print the responses that it shows', async () => {
    const [lines, ...examples] = examplesIn(document);
    expect(examples.length).toBeGreaterThan(10);
    let id = '';
    for (const { command, answer } of examples) {
      await until(() => agent.isIdle(), 'no process of the last run is left');
      const printed = await shell(`${lines?.command}\n${command}`, { RUN: id });
      if (answer === undefined) {
        expect(printed, command).toMatch(/./);
        expect(printed, command).not.toContain('urn:claude-code-agent:problem');
        continue;
      }
      const real = JSON.parse(printed) as Partial<RunResource>;
      expect(stable(real), command).toEqual(stable(answer));
      if (real.id === undefined || real.state === undefined) continue;
      id = real.id;
      const now = async () => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
      await until(async () => (await now()).state === 'ended', 'the end');
    }
  });

  it('the curl commands of the README succeed', async () => {
    const commands = examplesIn(readDocument('README.md')).flatMap(({ command }) => command.match(/curl .*/g) ?? []);
    expect(commands.length).toBeGreaterThan(1);
    for (const command of commands) expect(await shell(command)).toMatch(/"status":"ok"|"success":true/);
  });

  it('docs/api.md lists every claude_agent metric', async () => {
    const metrics = await (await agent.fetch('/metrics')).text();
    const names = [...metrics.matchAll(/^# TYPE (claude_agent_\w+)/gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !document.includes(`\`${name}`))).toEqual([]);
  });
});
