import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Agent } from './agent.ts';
import { AS_ROOT } from './claude.ts';
import { closedPort } from './closed-port.ts';
import { KEY, RunnerProgram } from './runner.ts';

/** The name of the Service of runners in a cluster. */
const SERVICE = 'claude-code-runner';

/** Gives a program its own `/etc/hosts`, which is all that it looks names up in, and its own ServiceAccount. */
const OWN_NAMES = `set -e
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
mount -t tmpfs tmpfs /var/run
mkdir -p /var/run/secrets/kubernetes.io
ln -s "$1/serviceaccount" /var/run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"`;

/**
 * An agent whose runners are the addresses of one name, and those runners, which have the same port. A prompt that begins
 * with `hold` ends when it is released.
 */
export class NamedRunners implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'named-runners-'));
  readonly agent: Agent;
  readonly #started = new Set<RunnerProgram>();
  #port = '0';

  /** @param env for the agent; with `AGENT_CLAUDE_PATH` undefined the real CLI is used, on the runners too. */
  constructor(env: Readonly<Record<string, string | undefined>> = {}) {
    writeFileSync(path.join(this.folder, 'nsswitch.conf'), 'hosts: files\n');
    mkdirSync(path.join(this.folder, 'serviceaccount'));
    this.name([]);
    const hold = `case "$PROMPT" in hold*) until [ -e "${this.folder}/$PROMPT" ]; do sleep 0.05; done; esac`;
    this.agent = new Agent({
      prompts: {
        '*': [
          { do: 'shell', command: hold },
          { do: 'result', text: '$PROMPT' },
        ],
      },
      command: ['unshare', '--mount', 'sh', '-c', OWN_NAMES, 'sh', this.folder, process.execPath, 'agent/main.ts'],
      env: { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-any', ...env },
    });
  }

  /** Starts the agent. Call it after the first runner is started. */
  async start(): Promise<void> {
    const keyFile = path.join(this.folder, 'runner-key.pem');
    writeFileSync(keyFile, KEY.export({ format: 'pem', type: 'pkcs8' }));
    const { port } = new URL(await closedPort());
    Object.assign(this.agent.env, {
      AGENT_RUNNERS: `http://${SERVICE}:${this.#port}`,
      AGENT_GATEWAY_PORT: port,
      AGENT_GATEWAY_URL: `http://127.0.0.1:${port}`,
      AGENT_RUNNER_KEY_FILE: keyFile,
    });
    await this.agent.start();
  }

  /** Starts a runner, which has no name yet. @param host the last part of its address. */
  async runner(host: number, hostName?: string): Promise<RunnerProgram> {
    const runner = await RunnerProgram.start({
      ...(hostName !== undefined && { name: hostName }),
      env: {
        RUNNER_HOST: `127.0.0.${host}`,
        RUNNER_PORT: this.#port,
        ...('AGENT_CLAUDE_PATH' in this.agent.env ? AS_ROOT : { RUNNER_CLAUDE_PATH: this.agent.claude.path }),
      },
    });
    this.#started.add(runner);
    this.#port = String(runner.address.port);
    return runner;
  }

  /** From now on, the name has the addresses of these runners; without any, it does not exist. */
  name(runners: readonly RunnerProgram[]): void {
    const lines = runners.map(({ address }) => `${address.address} ${SERVICE}`);
    writeFileSync(path.join(this.folder, 'hosts'), ['127.0.0.1 localhost', ...lines, ''].join('\n'));
  }

  /** Lets a prompt that holds end. */
  release(prompt: string): void {
    writeFileSync(path.join(this.folder, prompt), '');
  }

  /** The folder of the runner that a prompt began on; undefined before. */
  placeOf(prompt: string): string | undefined {
    for (const entry of this.agent.claude.journal()) {
      if (entry.what === 'began' && entry.prompt === prompt) return path.dirname(entry.env['HOME'] ?? '');
    }
    return undefined;
  }

  /** How many runners are in a state. */
  async count(state: string): Promise<number> {
    const text = await (await this.agent.fetch('/metrics')).text();
    return Number(new RegExp(`^claude_agent_runners\\{state="${state}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    for (const runner of this.#started) await runner[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }
}
