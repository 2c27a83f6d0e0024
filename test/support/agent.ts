import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { RunAnswer } from '../../agent/http/api/run.ts';
import type { Health } from '../../agent/http/api/state.ts';
import type { Step } from '../doubles/claude/script.ts';
import { processIds } from '../../agent/claude/proc.ts';
import { COMPILE_CACHE } from './compile-cache.ts';
import { assertDocumented } from './openapi.ts';
import { scriptClaude, type ScriptedClaude } from './scripted-claude.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

/** The token of every agent under test. */
export const TOKEN = 'the-token-of-the-tests';

/** Headers of a request without a token. */
export const WITHOUT_TOKEN = { headers: { Authorization: '' } } as const;

/** A request, with its headers as a plain object. */
type Request = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> };

/** The default command that starts the program. */
const COMMAND = [process.execPath, 'agent/main.ts'] as const;

/** The agent program, with a folder of its own. Disposing kills it. */
export class Agent implements AsyncDisposable {
  readonly folder: string;
  readonly claude: ScriptedClaude;
  readonly stateDir: string;
  readonly workspaceDir: string;
  /** Every line of its log and of its stderr, since the first start. */
  readonly lines: string[] = [];
  url = '';
  /** Additional settings, applied at each start. */
  readonly env: Record<string, string | undefined>;
  readonly #checksAnswers: boolean;
  readonly #command: readonly string[];
  #process: ChildProcess | undefined;

  /**
   * @param options.env in addition to the settings of the test; with `AGENT_CLAUDE_PATH` undefined the real CLI is used.
   * @param options.command starts it instead of Node.
   * @param options.checksAnswers whether each response is checked against the OpenAPI document, which takes time.
   */
  constructor(
    options: {
      prompts?: Readonly<Record<string, readonly Step[]>>;
      env?: Readonly<Record<string, string | undefined>>;
      command?: readonly string[];
      checksAnswers?: boolean;
    } = {},
  ) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'agent-'));
    this.claude = scriptClaude(this.folder, options.prompts);
    this.stateDir = path.join(this.folder, 'state');
    this.workspaceDir = path.join(this.folder, 'workspace');
    mkdirSync(path.join(this.folder, 'home'));
    mkdirSync(this.workspaceDir);
    this.env = { ...options.env };
    this.#checksAnswers = options.checksAnswers ?? true;
    this.#command = options.command ?? COMMAND;
  }

  /** Creates an agent and starts it. */
  static async start(...options: ConstructorParameters<typeof Agent>): Promise<Agent> {
    const agent = new Agent(...options);
    await agent.start();
    return agent;
  }

  /** The whole environment of the program. */
  get environment(): Record<string, string | undefined> {
    return {
      PATH: process.env['PATH'],
      HOME: path.join(this.folder, 'home'),
      ...COMPILE_CACHE,
      AGENT_PORT: '0',
      AGENT_TOKEN: TOKEN,
      AGENT_STATE_DIR: this.stateDir,
      AGENT_WORKSPACE_DIR: this.workspaceDir,
      AGENT_CLAUDE_PATH: this.claude.path,
      ...this.env,
    };
  }

  /** Starts the program and waits until it listens. Rejects with its output if it does not. */
  async start(): Promise<void> {
    const [file = '', ...args] = this.#command;
    const child = spawn(file, args, { cwd: ROOT, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    const listening = Promise.withResolvers<string>();
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        const { msg, url } = parsed(line);
        if (msg === 'listening' && typeof url === 'string') listening.resolve(url);
      });
    }
    child.once('exit', (code) => listening.reject(new Error(`exit code ${code ?? 'none'}: ${this.lines.join('\n')}`)));
    this.url = await listening.promise;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Sends a request with the token. */
  async fetch(route: string, { method = 'GET', headers, ...init }: Request = {}): Promise<Response> {
    const all = { Authorization: `Bearer ${TOKEN}`, ...headers };
    const response = await fetch(`${this.url}${route}`, { ...init, method, headers: all });
    if (this.#checksAnswers) await assertDocumented(method, route, response);
    return response;
  }

  /** Sends any body to `POST /run`. */
  post(body: unknown, { headers, ...init }: Request = {}): Promise<Response> {
    const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const all = { 'Content-Type': 'application/json', ...headers };
    return this.fetch('/run', { method: 'POST', body: text, ...init, headers: all });
  }

  /** Runs a prompt and expects a response. */
  async run(prompt: string, fields: object = {}): Promise<RunAnswer> {
    const response = await this.post({ prompt, ...fields });
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    return (await response.json()) as RunAnswer;
  }

  /** Submits a prompt to `POST /runs` and returns the id of its run. */
  async submit(prompt: string, fields: object = {}): Promise<string> {
    const headers = { 'Content-Type': 'application/json' };
    const response = await this.fetch('/runs', {
      method: 'POST',
      headers,
      body: JSON.stringify({ prompt, ...fields }),
    });
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
    return ((await response.json()) as { id: string }).id;
  }

  async health(): Promise<Health> {
    return (await (await this.fetch('/health', WITHOUT_TOKEN)).json()) as Health;
  }

  /** Whether no run is in progress and none has left a process. */
  async isIdle(): Promise<boolean> {
    const metrics = await (await this.fetch('/metrics')).text();
    return /^claude_agent_busy_slots 0$/m.test(metrics);
  }

  /** Sends a signal and returns the exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    if (child?.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit') as Promise<[number | null]>;
    child.kill(signal);
    return (await exited)[0];
  }

  /** Kills the program like a crash, and starts it again with the same folder. */
  async crash(): Promise<void> {
    await this.end('SIGKILL');
    await this.start();
  }

  /** The processes of the CLI that still exist. Another program may have the id of one that is gone. */
  get left(): number[] {
    return this.claude.journal().flatMap(({ pid }) => (isAlive(pid) && this.#isOurs(pid) ? [pid] : []));
  }

  /** In a PID namespace of its own, the agent's process ids differ from those of the test. */
  #isOurs(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${this.folder}/`);
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    // What a tool of a killed agent started, too, such as a shell that waits for a file.
    for (const pid of processIds().filter((each) => this.#isOurs(each))) killIfAlive(pid);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until a condition holds: up to 45 seconds, long enough for a busy machine and shorter than a test's timeout. */
export async function until(holds: () => boolean | Promise<boolean>, what = 'it'): Promise<void> {
  const end = Date.now() + 45_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what} did not become true in 45 seconds`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function parsed(line: string): Record<string, unknown> {
  return line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
}
