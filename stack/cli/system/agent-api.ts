import * as fs from 'node:fs';
import * as path from 'node:path';

import { TOKEN_FILE } from '../../names.ts';
import { jsonIn } from '../../json.ts';
import { throughPort } from './kubectl.ts';
import { CliError } from './terminal.ts';

/** The API token in {@link TOKEN_FILE}; undefined if this machine has none. */
export function storedToken(projectDir: string): string | undefined {
  const file = path.join(projectDir, TOKEN_FILE);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : undefined;
}

/** A request to the agent. */
export interface AgentRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** The API token. It is sent to the agent over HTTP, and never given to a shell in the pod. */
  readonly token: string;
  readonly body?: object;
  readonly timeoutMs?: number;
}

/** The agent's response. */
export interface AgentResponse {
  readonly status: number;
  /** The JSON in it; undefined if it contains none. */
  readonly body: unknown;
}

const TIMEOUT_MS = 10_000;
/** How long `kubectl` may take to open a port. */
const OPENING_MS = 20_000;

/**
 * Sends a request to the agent in the pod, through a local port.
 * @param context of the kubeconfig; empty for the current one.
 * @throws CliError with the reason if there is no response.
 */
export async function callAgent(context: string, request: AgentRequest): Promise<AgentResponse> {
  const { token, timeoutMs = TIMEOUT_MS } = request;
  // The error of `fetch` would show it.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CliError('An API token is visible ASCII characters without spaces.');
  try {
    return await throughPort(context, (address) => send(address, request, timeoutMs), timeoutMs + OPENING_MS);
  } catch (error) {
    throw new CliError(reasonOf(error as Error), { cause: error });
  }
}

async function send(address: string, request: AgentRequest, timeoutMs: number): Promise<AgentResponse> {
  const { method = 'GET', path: route, token, body } = request;
  const response = await fetch(`${address}${route}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  // A proxy responds with a page.
  return { status: response.status, body: jsonIn(await response.text()) };
}

/** The message of `fetch` is only "fetch failed"; the reason is in its cause. */
const reasonOf = ({ message, cause }: Error): string =>
  cause instanceof Error ? `${message}: ${cause.message}` : message;
