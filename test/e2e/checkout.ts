import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { execa } from 'execa';
import { parse } from 'yaml';

import { cutOff } from './power-cut.ts';

/** Where the double of the Anthropic API runs. */
export const DOUBLE = { namespace: 'e2e-anthropic', name: 'anthropic', port: 8080 } as const;

/** Where the tests have a Prometheus, as far as network policies go. */
export const PROMETHEUS_NAMESPACE = 'e2e-prometheus';

/** Where the tests have an ingress controller, as far as network policies go. */
export const CONTROLLER_NAMESPACE = 'e2e-controller';

/** The result of one npm script. */
export interface Ran {
  readonly exitCode: number | undefined;
  readonly output: string;
  readonly seconds: number;
}

/** Waits for the moment when something has to happen; `output` is what a program prints. */
export type Moment = (output: Readable) => Promise<unknown>;

/** The moment of the line number `count` that matches. */
export function seen(line: RegExp, count = 1): Moment {
  return (output) =>
    new Promise<void>((resolve) => {
      let left = count;
      // Iterating would close the pipe at the moment, and the program would end of that.
      createInterface({ input: output }).on('line', (text) => {
        if (line.test(text) && --left === 0) resolve();
      });
    });
}

/** What a checkout has besides what git has. */
export interface CheckoutOptions {
  /** Keys of the stack's configuration, over those of the tests; undefined takes one out. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Variables for everything that runs in it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Added to Pulumi.yaml. */
  readonly projectLines?: string;
}

/**
 * Copies the files that a commit of everything here would have.
 * @param paths Only these files and folders; by default all.
 */
export async function copyClean(folder: string, ...paths: readonly string[]): Promise<void> {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ...paths];
  const { stdout } = await execa('git', list);
  for (const file of stdout.split('\0').filter((name) => name !== '' && existsSync(name)))
    cpSync(file, path.join(folder, file));
}

/**
 * A clean checkout in a folder of its own: nothing of the developer's `.local`, `~/.claude`, Pulumi login or stacks is
 * seen or touched.
 */
export class Checkout {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'claude-code-agent-e2e-'));
  /** Its own copy, as each machine has one. */
  readonly kubeconfig = path.join(`${this.folder}-home`, 'kubeconfig');
  readonly #env: NodeJS.ProcessEnv;
  readonly #options: CheckoutOptions;

  constructor(options: CheckoutOptions = {}) {
    this.#options = options;
    const home = `${this.folder}-home`;
    mkdirSync(home);
    copyFileSync(process.env['KUBECONFIG'] ?? path.join(homedir(), '.kube', 'config'), this.kubeconfig);
    const plugins = path.join(process.env['PULUMI_HOME'] ?? path.join(homedir(), '.pulumi'), 'plugins');
    symlinkSync(plugins, path.join(home, 'plugins'));
    this.#env = {
      ...Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !/^(PULUMI_|AGENT_|ANTHROPIC_|CLAUDE)/.test(name)),
      ),
      HOME: home,
      PULUMI_HOME: home,
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      KUBECONFIG: this.kubeconfig,
      DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? path.join(homedir(), '.docker'),
      ...options.env,
    };
  }

  /**
   * Copies what git would, and commits it there with the tests' own settings of the stack.
   * @param version A commit to take in place of what is here. What an earlier call copied goes, as by `git pull`.
   */
  async fill(version?: string): Promise<void> {
    const git = (...args: string[]) =>
      execa('git', ['-c', 'user.name=e2e', '-c', 'user.email=e2e@example.org', ...args], { cwd: this.folder });
    if (existsSync(this.at('.git'))) await git('rm', '--quiet', '-r', '.');
    if (version === undefined) {
      await copyClean(this.folder);
    } else {
      await execa('git', ['archive', version]).pipe('tar', ['-x', '-C', this.folder]);
    }
    if (!existsSync(this.at('node_modules'))) symlinkSync(path.resolve('node_modules'), this.at('node_modules'));
    const settings = {
      registry: process.env['E2E_REGISTRY'],
      protectData: 'false',
      anthropicBaseUrl: `http://${DOUBLE.name}.${DOUBLE.namespace}.svc:${DOUBLE.port}`,
      extraEgress: [{ namespace: DOUBLE.namespace, port: DOUBLE.port }],
      n8nNamespace: DOUBLE.namespace,
      prometheusNamespace: PROMETHEUS_NAMESPACE,
      graceSeconds: '5',
      cpuRequest: '100m',
      memoryRequest: '512Mi',
      memoryLimit: '2Gi',
      volumeSize: '1Gi',
      ...this.#options.settings,
    };
    const config = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`claude-code-agent:${key}`, value]),
    );
    writeFileSync(this.at('Pulumi.dev.yaml'), JSON.stringify({ config }));
    appendFileSync(this.at('Pulumi.yaml'), this.#options.projectLines ?? '');
    await git('init', '--quiet');
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'e2e');
  }

  at(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** What git sees as changed; empty when nothing. */
  async gitStatus(): Promise<string> {
    return (await execa('git', ['status', '--porcelain'], { cwd: this.folder })).stdout;
  }

  /** A login as `npm run login` leaves it; `generation` sets its tokens and how old it is. */
  logIn(generation: number): void {
    mkdirSync(this.at('.local', 'session'), { recursive: true, mode: 0o700 });
    const login = {
      accessToken: `e2e-access-${generation}-canary`,
      refreshToken: `e2e-refresh-${generation}-canary`,
      expiresAt: 4_000_000_000_000 + generation,
      scopes: ['user:inference', 'user:profile'],
      subscriptionType: 'max',
    };
    writeFileSync(this.at('.local', 'session', '.credentials.json'), JSON.stringify({ claudeAiOauth: login }), {
      mode: 0o600,
    });
  }

  /** `npm run NAME -- ARGS`, with all it printed. */
  async npm(name: string, ...args: string[]): Promise<Ran> {
    const started = Date.now();
    const result = await this.#start(name, args);
    return { exitCode: result.exitCode, output: result.all, seconds: (Date.now() - started) / 1000 };
  }

  #start(name: string, args: readonly string[]) {
    return this.start('npm', ['run', '--silent', name, '--', ...args]);
  }

  /** Starts a program as its operator would; ended when it takes 220 seconds. */
  start(program: string, args: readonly string[], stdin: 'ignore' | 'pipe' = 'ignore') {
    return execa(program, args, {
      cwd: this.folder,
      env: this.#env,
      extendEnv: false,
      reject: false,
      all: true,
      stdin,
      timeout: 220_000,
    });
  }

  /** Changes the stack's configuration, as an editor would. */
  configure(settings: Readonly<Record<string, unknown>>): void {
    const file = this.at('Pulumi.dev.yaml');
    const { config, ...rest } = parse(readFileSync(file, 'utf8')) as { config: Record<string, unknown> };
    const changed = Object.entries(settings).map(([key, value]): [string, unknown] => [
      `claude-code-agent:${key}`,
      value,
    ]);
    writeFileSync(file, JSON.stringify({ ...rest, config: { ...config, ...Object.fromEntries(changed) } }));
  }

  /** Encrypts a value for a key or a part of one, such as `gitCredentials.app`; the value comes from standard input. */
  async setSecret(key: string, value: string): Promise<void> {
    const args = ['run', '--silent', 'pulumi', '--', 'config', 'set', '--secret', '--path', key];
    const setting = this.start('npm', args, 'pipe');
    setting.stdin?.end(`${value}\n`);
    const { exitCode, all } = await setting;
    if (exitCode !== 0) throw new Error(`${key} could not be set:\n${all}`);
  }

  /**
   * Kills `npm run NAME` and all it started.
   * @param moment Ends when it is time.
   * @throws Error with the output when it ended before.
   */
  async npmCutOff(name: string, args: readonly string[], moment: Moment): Promise<void> {
    const running = this.#start(name, args);
    const end = running.then(({ all }) => {
      throw new Error(`npm run ${name} ended before it could be killed:\n${all}`);
    });
    await Promise.race([moment(running.all), end]);
    await cutOff(running);
    await end.catch(() => undefined);
  }

  /** The state and its passphrase, for another checkout's environment. */
  stateElsewhere(): Record<string, string> {
    return {
      PULUMI_BACKEND_URL: `file://${this.at('.local', 'pulumi')}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: this.at('.local', 'passphrase'),
    };
  }

  /** Pulumi itself, on the checkout's stack. */
  async pulumi(...args: string[]): Promise<string> {
    const env = { ...this.#env, ...this.stateElsewhere() };
    return (await execa('pulumi', args, { cwd: this.folder, env, extendEnv: false })).stdout;
  }

  token(): string {
    return readFileSync(this.at('.local', 'agent-token'), 'utf8').trim();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(`${this.folder}-home`, { recursive: true, force: true });
  }
}
