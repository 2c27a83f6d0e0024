import { setTimeout as pause } from 'node:timers/promises';

import { execa, ExecaError } from 'execa';

import { CONTROLLER_NAMESPACE, DOUBLE } from './checkout.ts';
import type { Checkout } from './checkout.ts';

const AGENT = ['--namespace', 'claude-agent'];

/** Runs kubectl; rejects when it fails. */
export async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const { stdout } = await execa('kubectl', args, { timeout: 120_000, ...(input === undefined ? {} : { input }) });
  return stdout;
}

/** The agent's pod that is not ending, and its revision. */
export async function agentPod(): Promise<{ name: string; uid: string; revision: string }> {
  const list = JSON.parse(
    await kubectl(['get', 'pods', ...AGENT, '--selector', 'app.kubernetes.io/component=agent', '--output', 'json']),
  ) as { items: { metadata: { name: string; uid: string; deletionTimestamp?: string } }[] };
  const alive = list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (alive.length !== 1 || alive[0] === undefined) throw new Error(`${alive.length} agent pods, not one`);
  const revision = await kubectl([
    'get',
    'deployment/claude-code-agent',
    ...AGENT,
    '--output',
    'jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}',
  ]);
  return { name: alive[0].metadata.name, uid: alive[0].metadata.uid, revision };
}

export const inAgent = (...command: string[]): Promise<string> =>
  kubectl(['exec', ...AGENT, 'deployment/claude-code-agent', '--', ...command]);

/** A request to the agent, with headers besides those of every one. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** JSON, or text as it is. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long it may take. */
  readonly seconds?: number;
}

/** What the agent answered. */
export interface Answer {
  readonly status: number;
  readonly answer: Record<string, unknown>;
  /** The header `Retry-After`, in seconds; 0 without one. */
  readonly retryAfter: number;
}

/** Calls the agent as n8n would: from a pod of another namespace, through the Service, with the token in a header. */
export async function call(token: string, path: string, request: Call = {}): Promise<Answer> {
  const { text, ...rest } = await callForText(token, path, request);
  return { ...rest, answer: JSON.parse(text) as Record<string, unknown> };
}

/** The same for an answer that may be no JSON. */
export async function callForText(
  token: string,
  path: string,
  { method = 'GET', body, headers, seconds = 100 }: Call = {},
): Promise<Omit<Answer, 'answer'> & { readonly text: string }> {
  const all = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\n`);
  const data = body === undefined ? [] : ['--data-raw', typeof body === 'string' ? body : JSON.stringify(body)];
  const output = await onceTheServiceLeads(() =>
    kubectl(
      [
        ...['exec', '--stdin', '--namespace', DOUBLE.namespace, `deployment/${DOUBLE.name}`, '--'],
        ...[
          'curl',
          '--silent',
          '--show-error',
          '--max-time',
          String(seconds),
          '--header',
          '@-',
          '--request',
          method,
          ...data,
        ],
        ...['--write-out', '\n%{http_code} %header{retry-after}', `http://claude-agent.claude-agent.svc${path}`],
      ],
      lines.join(''),
    ),
  );
  const end = output.lastIndexOf('\n');
  const [status, retryAfter] = output
    .slice(end + 1)
    .split(' ')
    .map(Number);
  return { text: output.slice(0, end), status: status ?? 0, retryAfter: retryAfter ?? 0 };
}

/** curl's exit codes for a name that is not known, and a connection that was refused: nothing was sent. */
const UNSENT: readonly unknown[] = [6, 7];

/** A pod is ready, and the update done, before the cluster's DNS knows the Service, and before kube-proxy leads it there. */
async function onceTheServiceLeads<T>(ask: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + 10_000; ;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ExecaError) || !UNSENT.includes(error.exitCode) || Date.now() > deadline) throw error;
    }
    await pause(200);
  }
}

/** Calls `POST /run`. */
export const run = (token: string, body: object): Promise<Answer> => call(token, '/run', { method: 'POST', body });

/** Runs the watchdog by hand, as an operator does, and gives what it logged first and how it ended. */
export async function watchdog(
  job: string,
  cronJob = 'claude-auth-watchdog',
): Promise<{ state: string; exitCode: number; log: Record<string, unknown> }> {
  await kubectl(['create', 'job', `--from=cronjob/${cronJob}`, job, ...AGENT]);
  const condition = (type: string) =>
    kubectl(['wait', ...AGENT, `job/${job}`, `--for=condition=${type}`, '--timeout=110s']).then(() => type);
  const state = await Promise.any([condition('Complete'), condition('Failed')]);
  const exitCode = await kubectl([
    'get',
    'pods',
    ...AGENT,
    '--selector',
    `job-name=${job}`,
    '--output',
    'jsonpath={.items[0].status.containerStatuses[0].state.terminated.exitCode}',
  ]);
  const lines = (await kubectl(['logs', ...AGENT, `job/${job}`])).split('\n');
  const log = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  return { state, exitCode: Number(exitCode), log };
}

/** The double's own endpoint: changes what it accepts, or tells what it has seen. */
export async function control(method: 'PUT' | 'DELETE' | 'GET', suffix = '', body?: object): Promise<unknown> {
  const data = body === undefined ? [] : ['--data', JSON.stringify(body)];
  const url = `http://127.0.0.1:${DOUBLE.port}/_control${suffix}`;
  const command = ['curl', '--silent', '--show-error', '--fail', '--request', method, ...data, url];
  return JSON.parse(
    await kubectl(['exec', '--namespace', DOUBLE.namespace, `deployment/${DOUBLE.name}`, '--', ...command]),
  );
}

/** How often the double was asked for this prompt. */
export async function timesAsked(prompt: string): Promise<number> {
  const requests = (await control('GET', '/requests')) as { path: string; prompt: string }[];
  return requests.filter((request) => request.path === '/v1/messages' && request.prompt.includes(prompt)).length;
}

/** Waits until `check` gives a value. */
export async function until<T>(what: string, check: () => Promise<T | undefined>, seconds = 60): Promise<T> {
  let last: unknown;
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline;) {
    try {
      const value = await check();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await pause(500);
  }
  throw new Error(`${what} did not come about in ${seconds} s`, { cause: last });
}

/** What helps to understand a test that failed: pods, events, the agent's log. */
export async function whatTheClusterSays(): Promise<string> {
  const questions = [
    ['get', 'pods', ...AGENT, '--output', 'wide'],
    ['get', 'events', ...AGENT, '--sort-by', '.lastTimestamp'],
    ['logs', ...AGENT, 'deployment/claude-code-agent', '--tail', '60'],
    ['logs', '--namespace', DOUBLE.namespace, `deployment/${DOUBLE.name}`, '--tail', '20'],
  ];
  const answers = await Promise.all(
    questions.map(async (args) => {
      const { all } = await execa('kubectl', args, { all: true, reject: false, timeout: 20_000 });
      return `$ kubectl ${args.join(' ')}\n${all}`;
    }),
  );
  return answers.join('\n\n');
}

/** Destroys the stack of a checkout and what the tests had beside it, and removes the checkout. */
export async function takeDown(checkout: Checkout): Promise<void> {
  await checkout.npm('down', '--yes', '--skip-preview', '--non-interactive');
  await kubectl(['delete', 'namespace', DOUBLE.namespace, CONTROLLER_NAMESPACE, '--ignore-not-found']);
  checkout.remove();
}
