import { mkdtempSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import * as pulumi from '@pulumi/pulumi';
import { vi } from 'vitest';
import { parse } from 'yaml';

import type { Arm } from '../doubles/azure/arm.ts';

/** One registered resource. */
export interface Rendered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  /** It can't be deleted. */
  readonly isProtected: boolean;
}

const PROJECT = 'claude-code-agent';
/** What the mocked push of the image gives. */
export const DIGEST = `127.0.0.1:5000/claude-agent@sha256:${'ab12'.repeat(16)}`;
export const API_TOKEN = 'canary-api-token';
export const REFRESH_TOKEN = 'canary-refresh-token';
export const CALLBACK_SECRET = `whsec_${Buffer.from('canary-callback-secret-of-32-byt').toString('base64')}`;

/** The defaults of Pulumi.yaml; the engine applies them, mocks don't. */
export function defaults(): Record<string, string> {
  const project = parse(readFileSync('Pulumi.yaml', 'utf8')) as { config: Record<string, { default: unknown }> };
  return Object.fromEntries(
    Object.entries(project.config).map(([key, { default: value }]) => [
      `${PROJECT}:${key}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}

/** A folder with a login, as `npm run login` leaves it. */
export function loginFolder(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'login-'));
  const login = { accessToken: 'canary-access-token', refreshToken: REFRESH_TOKEN, expiresAt: 2_000_000_000_000 };
  const all = { '.credentials.json': JSON.stringify({ claudeAiOauth: login }), ...files };
  for (const [name, content] of Object.entries(all)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  readonly preview?: boolean;
  readonly repoDigest?: string | undefined;
  /** Where the resources of Azure are made, and looked up. */
  readonly azure?: Arm;
}

/** Runs the whole program under Pulumi's mocks and gives what it registered and exported. */
export async function runProgram(
  config: Record<string, string> = {},
  { preview = false, repoDigest = DIGEST, azure }: ProgramOptions = {},
): Promise<{ resources: Rendered[]; outputs: Record<string, unknown> }> {
  const resources: Rendered[] = [];
  const protectedNames = new Set<string>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const plain = inputs as Record<string, unknown>;
        resources.push({ type, name, inputs: plain, isProtected: protectedNames.has(name) });
        if (azure !== undefined && type.startsWith('azure-native:')) {
          if (preview) return { id: undefined, state: plain };
          const { id, outputs } = azure.create(type, plain);
          return { id, state: outputs };
        }
        const made = type === 'docker:index/image:Image' && !preview ? { ...plain, repoDigest } : plain;
        return { id: `${name}-id`, state: made };
      },
      call: ({ token, inputs }) => azure?.call(token, inputs as Record<string, unknown>) ?? {},
    },
    PROJECT,
    'dev',
    preview,
  );
  acceptHooks();
  noteProtected(protectedNames);
  const given = { agentToken: API_TOKEN, sessionDir: loginFolder(), ...config };
  const named = Object.fromEntries(Object.entries(given).map(([key, value]) => [`${PROJECT}:${key}`, value]));
  pulumi.runtime.setAllConfig({ ...defaults(), ...named });
  vi.resetModules();
  const program = (await import('../../stack/index.ts')) as Record<string, unknown>;
  const outputs = Object.fromEntries(
    await Promise.all(Object.entries(program).map(async ([key, value]) => [key, await settled(value)] as const)),
  );
  await pulumi.runtime.disconnect();
  return { resources, outputs };
}

/** Pulumi's mocks know no resource hooks: this one takes their registration and never calls them. */
function acceptHooks(): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as Record<string, unknown>;
  monitor['registerResourceHook'] = (_request: unknown, done: (error: null, answer: object) => void) => done(null, {});
}

/** Pulumi's mocks are not told what is protected. */
function noteProtected(names: Set<string>): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource(request: { getName(): string; getProtect(): boolean }, done: unknown): unknown;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, done) => {
    if (request.getProtect()) names.add(request.getName());
    return register(request, done);
  };
}

/** The value of an output; undefined where it is not known in preview. */
export function settled(value: unknown): Promise<unknown> {
  const output = pulumi.output(value) as unknown as { promise(): Promise<unknown> };
  return output.promise();
}

/** The one resource of a type, by its name in the cluster where there are more. */
export function find(resources: readonly Rendered[], type: string, name?: string): Record<string, unknown> {
  const found = resources.filter(
    (resource) =>
      resource.type === type &&
      (name === undefined || (resource.inputs['metadata'] as { name?: string } | undefined)?.name === name),
  );
  if (found.length !== 1 || found[0] === undefined) {
    throw new Error(
      `${found.length} of ${type} ${name ?? ''} among: ${resources.map((r) => `${r.type} ${r.name}`).join(', ')}`,
    );
  }
  return found[0].inputs;
}
