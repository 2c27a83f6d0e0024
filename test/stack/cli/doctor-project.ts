import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { project } from './project.ts';

/** What a program prints if its arguments contain `to`; the first match counts. */
export interface Answer {
  readonly to: string;
  readonly out?: string | object;
  readonly err?: string;
  readonly code?: number;
}

/** A shell script, which starts much faster than Node. It prints the first matching answer, and fails if there is none. */
const scripted = (answers: readonly Answer[]) => `#!/bin/sh
case "$*" in
${answers.map(branch).join('\n')}
*) printf ' ' >&2; exit 9 ;;
esac
`;

function branch({ to, out = '', err = '', code = err === '' ? 0 : 1 }: Answer): string {
  const text = typeof out === 'string' ? out : JSON.stringify(out);
  const end = to === 'port-forward' && text !== '' ? 'exec sleep 60' : `exit ${code}`;
  return `*${quoted(to)}*) printf %s ${quoted(err)} >&2; printf %s ${quoted(text)}; ${end} ;;`;
}

const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** One line of the doctor. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'broken' | 'skipped';
  readonly detail: string;
  readonly next?: string;
}

export const at = (msAgo: number): string => new Date(Date.now() - msAgo).toISOString();

/** The pod of a watchdog pass that ended. */
export const passOf = (finishedAt: string, exitCode = 0) => ({
  metadata: { creationTimestamp: finishedAt, ownerReferences: [{ name: 'claude-auth-watchdog-1' }] },
  status: { containerStatuses: [{ state: { terminated: { exitCode, finishedAt } } }] },
});

/** The watchdog's CronJob, as the stack creates it. */
export const cronJobOf = (schedule: string, more: { status?: object; spec?: object } = {}) => ({
  metadata: { creationTimestamp: at(30 * 24 * 3_600_000) },
  spec: {
    schedule,
    startingDeadlineSeconds: 600,
    jobTemplate: { spec: { activeDeadlineSeconds: 900, template: { spec: { containers: [{ env: [] }] } } } },
    ...more.spec,
  },
  status: more.status ?? {},
});

export const HEALTH = {
  version: '1',
  activeRequests: 0,
  slots: 1,
  queued: 0,
  auth: { mode: 'session', source: '/x', state: 'ok' },
};

/** A checkout whose cluster and registry are healthy, unless an added answer says otherwise. */
export function doctorProject() {
  const made = project();
  mkdirSync(made.at('.local', 'pulumi'), { recursive: true });
  const kubectl: Answer[] = [];
  const well: Answer[] = [
    { to: 'version --client', out: { clientVersion: { gitVersion: 'v1.34.0' } } },
    { to: '/readyz', out: 'ok' },
    { to: 'namespace/', out: 'Active' },
    {
      to: 'get deployment/claude-code-runner --ignore-not-found --output name',
      out: 'deployment.apps/claude-code-runner',
    },
    { to: 'get deployment/', out: { spec: { replicas: 1 }, status: { readyReplicas: 1 } } },
    { to: 'component=agent', out: { items: [{ metadata: { name: 'agent-1' }, status: { phase: 'Running' } }] } },
    { to: 'component=runner', out: { items: [{ metadata: { name: 'runner-1' }, status: { phase: 'Running' } }] } },
    { to: 'localhost:3000/ready', out: { status: 'ready' } },
    { to: 'localhost:3000/health', out: HEALTH },
    { to: 'get cronjob/', out: cronJobOf('*/30 * * * *') },
    { to: 'component=watchdog', out: { items: [passOf(at(60_000))] } },
    { to: 'get configmap/', out: {} },
    { to: 'get secret/' },
  ];
  const docker: Answer[] = [{ to: 'version', out: '28.0.0' }];
  return {
    ...made,
    /** Answers that take precedence over those of a healthy system. */
    kubectl,
    docker,
    /** Gives the stack a resource. */
    deploy: () => {
      writeFileSync(made.at('bin', 'stacks.json'), JSON.stringify([{ name: 'dev', resourceCount: 1 }]));
      const resources = [{ urn: 'u', type: 'pulumi:pulumi:Stack', outputs: { image: 'localhost/a@sha256:1' } }];
      writeFileSync(made.at('bin', 'state.json'), JSON.stringify({ deployment: { resources } }));
    },
    /** Runs the doctor and returns its findings by name of the check. */
    look: async (
      more: Record<string, string> = {},
      args: readonly string[] = ['--quick'],
    ): Promise<Record<string, Finding>> => {
      writeFileSync(made.at('bin', 'kubectl'), scripted([...kubectl, ...well]));
      if (existsSync(made.at('bin', 'docker')))
        writeFileSync(made.at('bin', 'docker'), scripted([...docker, { to: 'manifest inspect', out: '{}' }]));
      const { stdout, stderr } = await made.launch(['doctor', '--json', ...args], {
        PULUMI_CONFIG_PASSPHRASE: 'p',
        ...more,
      });
      if (stdout === '') throw new Error(stderr);
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
    },
  };
}

/**
 * Serves a list of runs, newest first, budgets and git hosts as the agent does, and returns the answer of `kubectl port-forward` to it.
 * @param budgets undefined: the agent is older than budgets.
 * @param gitHosts undefined: it is older than these.
 */
export async function agentWithRuns(
  outcomes: readonly string[],
  budgets?: readonly object[],
  gitHosts?: readonly object[],
) {
  const runs = outcomes.map((outcome, id) => ({ id: `run-${id}`, acceptedAt: at(0), outcome }));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://agent');
    if (url.pathname === '/budgets') {
      response.statusCode = budgets ? 200 : 404;
      return void response.end(JSON.stringify({ budgets }));
    }
    if (url.pathname === '/git/check') {
      response.statusCode = gitHosts ? 200 : 404;
      return void response.end(JSON.stringify({ hosts: gitHosts }));
    }
    response.end(JSON.stringify({ runs: runs.slice(0, Number(url.searchParams.get('limit'))) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    forward: { to: 'port-forward', out: `Forwarding from 127.0.0.1:${port} -> 3000\n` } satisfies Answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
