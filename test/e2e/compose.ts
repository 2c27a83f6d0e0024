import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';

import { findTool } from '../support/tools.ts';
import { commandBlocks, commandsOf } from '../docs/blocks.ts';
import { copyClean } from './checkout.ts';

/** The image and the project of the test, beside those of a person. */
const IMAGE = 'claude-code-agent:docker-test';
export const PROJECT = 'claude-code-agent-test';
export const NETWORK = 'claude-agent-test';
export const PORT = 3117;

/** The services of compose.yaml that have the image of the agent. */
export const SERVICES = ['agent', 'runner', 'watchdog'];

/** What the image and the services are made of. */
const SOURCES = ['.dockerignore', 'agent', 'watchdog', 'compose.yaml', 'package.json', 'package-lock.json'];

/** Doubles in the place of the services around the agent: programs of `test/doubles` in containers of its image. */
const DOUBLES = { anthropic: 8080, teams: 8080, n8n: 5678 } as const;

/** Why `docker compose` cannot be used here; undefined if it can. */
export async function noCompose(): Promise<string | undefined> {
  if ((await execa('docker', ['info'], { reject: false, timeout: 30_000 })).failed) {
    return 'there is no Docker daemon (docker info fails)';
  }
  return (await composePlugin()).missing;
}

/** Docker's own plugin, or the one among the tools, which Docker has to be told of. */
async function composePlugin(): Promise<{ program?: string; missing?: string }> {
  if (!(await execa('docker', ['compose', 'version'], { reject: false, timeout: 30_000 })).failed) return {};
  return findTool('docker-compose');
}

/** The commands of the block of a document that has this one. @throws if there is none. */
export function commandsWith(document: string, command: string): string[] {
  const block = commandBlocks(document).find(({ text }) => text.includes(command));
  if (!block) throw new Error(`${document} has no block with ${command}`);
  return commandsOf(block);
}

/** A clone in which somebody uses docker compose as the documents say. */
export class ComposeProject {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'compose-'));
  readonly url = `http://127.0.0.1:${PORT}`;
  /** The names and the port of the test, and where Docker finds its plugin. */
  environment: Readonly<Record<string, string>> = {};

  /** @param settings lines for .env. */
  async fill(settings: Readonly<Record<string, string>>): Promise<void> {
    await copyClean(this.folder, ...SOURCES);
    for (const name of Object.keys(DOUBLES)) {
      cpSync(path.join('test/doubles', name), this.at('doubles', name), { recursive: true });
    }
    const services = Object.entries(DOUBLES).map(([name, port]): [string, object] => {
      const command = ['node', 'double/main.ts', '--host', '0.0.0.0', '--port', String(port)];
      const volumes = [`./doubles/${name}:/app/double:ro`];
      return [
        `${name}-double`,
        { image: IMAGE, command, volumes, networks: { default: { aliases: [name] } }, init: false },
      ];
    });
    const agent: [string, object] = ['agent', { volumes: ['./certificates:/certificates:ro'] }];
    writeFileSync(
      this.at('compose.override.yaml'),
      JSON.stringify({ services: Object.fromEntries([agent, ...services]) }),
    );
    mkdirSync(this.at('certificates'));
    this.set(settings);
    const { program } = await composePlugin();
    const config = this.at('docker-config');
    if (program !== undefined) {
      mkdirSync(path.join(config, 'cli-plugins'), { recursive: true });
      const { stdout } = await execa('which', [program]);
      symlinkSync(stdout, path.join(config, 'cli-plugins', 'docker-compose'));
    }
    this.environment = {
      ...(existsSync(config) && { DOCKER_CONFIG: config }),
      COMPOSE_PROJECT_NAME: PROJECT,
      CLAUDE_AGENT_IMAGE: IMAGE,
      CLAUDE_AGENT_NETWORK: NETWORK,
      PUBLISH: `127.0.0.1:${PORT}`,
    };
  }

  /** Appends settings to .env. */
  set(settings: Readonly<Record<string, string>>): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    appendFileSync(this.at('.env'), lines.join(''));
  }

  at(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** Runs a command of a document in a shell; its output. @throws if it fails. */
  async run(command: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { all, stdout } = await execa('bash', ['-c', command], {
      cwd: this.folder,
      env: { ...this.environment, ...env },
      all: true,
      timeout: 220_000,
    });
    return stdout === '' ? all : stdout;
  }

  /** `docker compose ARGS`. */
  async compose(...args: string[]): Promise<string> {
    const { stdout } = await execa('docker', ['compose', ...args], {
      cwd: this.folder,
      env: this.environment,
      timeout: 220_000,
    });
    return stdout;
  }

  /** Runs a program in the container of a service. */
  inside(service: string, ...command: string[]): Promise<string> {
    return this.compose('exec', '-T', service, ...command);
  }

  /** The log of one of its services, or of all of them. */
  logs(service?: string): Promise<string> {
    return this.compose('logs', '--no-color', '--no-log-prefix', ...(service === undefined ? SERVICES : [service]));
  }

  /** A request to the own endpoint of a double. */
  async control(double: keyof typeof DOUBLES, method: string, suffix = '', body?: object): Promise<unknown> {
    const data = body === undefined ? [] : ['--data', JSON.stringify(body)];
    const url = `http://127.0.0.1:${DOUBLES[double]}/_control${suffix}`;
    return JSON.parse(await this.inside(`${double}-double`, 'curl', '-sS', '--fail', '-X', method, ...data, url));
  }

  /** Removes everything that it made, but not the layers from which Docker builds the next image faster. */
  async remove(): Promise<void> {
    if (existsSync(this.at('compose.yaml'))) {
      await this.compose('down', '--volumes', '--remove-orphans', '--timeout', '0');
      await execa('docker', ['image', 'rm', IMAGE], { reject: false });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
