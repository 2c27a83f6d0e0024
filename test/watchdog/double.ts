import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';
import { COMPILE_CACHE } from '../support/compile-cache.ts';

export const TOKEN = 'canary-watchdog-token';

/** What the double was asked. */
export interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An agent that gives the answers of a list, and the last one from then on; it is older than budgets. */
export async function agentDouble(...answers: Answer[]) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/budgets') return void response.writeHead(404).end();
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({ method: request.method, url: request.url, authorization: request.headers.authorization });
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An answer with a JSON body. */
export const json =
  (status: number, body: unknown): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

/** An answer of `POST /auth/check`. */
export const auth = (state: string, more: object = {}): Answer =>
  json(200, {
    state,
    checkedAt: '2026-01-01T00:00:00.000Z',
    evidence: 'probe',
    detail: `It is ${state}.`,
    source: 'session',
    ...more,
  });

/** A folder for one test. */
const folder = (): string => mkdtempSync(path.join(tmpdir(), 'watchdog-'));

/** The token's file, as the pod mounts it. */
export function tokenFile(content = `${TOKEN}\n`): string {
  const file = path.join(folder(), 'token');
  writeFileSync(file, content);
  return file;
}

/** Runs one pass of the real program. */
export async function pass(agentUrl: string, more: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await execa(process.execPath, ['watchdog/main.ts'], {
    env: {
      ...COMPILE_CACHE,
      WATCHDOG_AGENT_URL: agentUrl,
      WATCHDOG_TOKEN_FILE: tokenFile(),
      WATCHDOG_LEDGER_FILE: path.join(folder(), 'ledger.db'),
      WATCHDOG_TIMEOUT_SECONDS: '2',
      WATCHDOG_PAUSE_SECONDS: '0',
      ...more,
    },
    extendEnv: false,
    reject: false,
    timeout: 20_000,
  });
  const lines = stdout.split('\n').filter((line) => line !== '');
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { exitCode, logged, sentence: logged[0]?.['msg'] as string, everything: `${stdout}${stderr}` };
}
