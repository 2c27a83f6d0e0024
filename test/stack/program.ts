import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { vi } from 'vitest';

import { StackFile } from '../../stack/config/stack-file.ts';
import { record } from '../../stack/plan/record.ts';
import type { Recorded, StandIn } from '../../stack/plan/record.ts';
import { standIn } from '../../stack/plan/stand-ins.ts';
import type { Arm } from '../doubles/azure/arm.ts';

/** One registered resource. */
export type Rendered = Recorded;

const PROJECT = 'claude-code-agent';
/** The digest that the mocked push of the image returns. */
export const DIGEST = `127.0.0.1:5000/claude-agent@sha256:${'ab12'.repeat(16)}`;
export const API_TOKEN = 'canary-api-token';
export const REFRESH_TOKEN = 'canary-refresh-token';
export const CALLBACK_SECRET = `whsec_${Buffer.from('canary-callback-secret-of-32-byt').toString('base64')}`;

/** The defaults of Pulumi.yaml by full key; the engine applies them, mocks don't. */
export const defaults = (): Record<string, string> => new StackFile('', '.').values();

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
  readonly stack?: string;
  readonly repoDigest?: string | undefined;
  /** Where Azure resources are created and looked up. */
  readonly azure?: Arm;
}

/** Runs the whole program under Pulumi's mocks and returns what it registered and exported. */
export async function runProgram(
  config: Record<string, string> = {},
  { preview = false, stack = 'dev', repoDigest = DIGEST, azure }: ProgramOptions = {},
): Promise<{ resources: Rendered[]; outputs: Record<string, unknown> }> {
  const given = { agentToken: API_TOKEN, sessionDir: loginFolder(), ...config };
  const named = Object.fromEntries(Object.entries(given).map(([key, value]) => [`${PROJECT}:${key}`, value]));
  vi.resetModules();
  const resource: StandIn['resource'] = (type, inputs) => {
    if (type === 'docker:index/image:Image') return { outputs: preview ? {} : { repoDigest } };
    // The API server's address is unknown for a cluster that does not exist yet.
    if (preview && azure !== undefined && type.endsWith(':EndpointSlice')) return {};
    if (azure === undefined || !type.startsWith('azure-native:')) return standIn.resource(type, inputs);
    return preview ? { id: undefined } : azure.create(type, inputs);
  };
  const call: StandIn['call'] = (token, inputs) => azure?.call(token, inputs) ?? standIn.call(token, inputs);
  return record(
    { project: PROJECT, stack, config: { ...defaults(), ...named }, standIn: { resource, call }, preview },
    () => import('../../stack/index.ts'),
  );
}

/** What the Secret of that name in the cluster holds, decoded. */
export function secretOf(resources: readonly Rendered[], name: string): Record<string, string> {
  // Pulumi marks the data as secret.
  const { data } = find(resources, 'kubernetes:core/v1:Secret', name) as { data: { value: Record<string, string> } };
  return Object.fromEntries(
    Object.entries(data.value).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

/**
 * What a program under Pulumi's mocks fails with, as an update would report it: each message once. Pulumi rejects a promise for
 * every resource that depends on what failed, and handles none of them; an update ends at the first.
 */
export async function failureOf(program: () => Promise<unknown>): Promise<string> {
  const messages = new Set<string>();
  const others = process.listeners('unhandledRejection');
  const ended = Promise.withResolvers<undefined>();
  const note = (error: unknown) => {
    messages.add(error instanceof Error ? error.message : String(error));
    ended.resolve(undefined);
  };
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note);
  try {
    program().then(() => ended.resolve(undefined), note);
    await ended.promise;
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return [...messages].join('\n');
}

/** The only resource of a type; by its name in the cluster if there are several. */
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
