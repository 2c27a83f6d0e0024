import * as fs from 'node:fs';
import * as path from 'node:path';

import { parse } from 'yaml';

/** A project, as far as its configuration goes. */
export interface Project {
  readonly name: string;
  /** By key. */
  readonly config: Readonly<
    Record<string, { readonly type: string; readonly description: string; readonly default: unknown }>
  >;
}

/** @param projectDir Root of the repository. */
export function readProject(projectDir: string): Project {
  return parse(fs.readFileSync(path.join(projectDir, 'Pulumi.yaml'), 'utf8')) as Project;
}

/** A stack's settings file can't be read; the message says why. */
export class StackFileError extends Error {
  override readonly name = 'StackFileError';
}

/**
 * What the engine would give the program: the values of a stack's settings file, else the defaults of Pulumi.yaml. A
 * secret that is encrypted there is a placeholder.
 * @param file Of the stack; one that is not there sets nothing.
 * @returns Texts by full key (`PROJECT:KEY`), as `pulumi.runtime.setAllConfig` takes them.
 * @throws StackFileError when the file is no settings file.
 */
export function fileConfig(project: Project, file: string): Record<string, string> {
  const defaults = Object.entries(project.config).map(([key, { default: value }]) => [
    `${project.name}:${key}`,
    text(value),
  ]);
  const given = Object.entries(settingsIn(file)).map(([key, value]) => [
    key.includes(':') ? key : `${project.name}:${key}`,
    isEncrypted(value) ? standInFor(key.replace(/^.*:/, '')) : text(value),
  ]);
  return Object.fromEntries([...defaults, ...given]) as Record<string, string>;
}

/**
 * The keys of a stack's settings file whose values are not encrypted, without the project's name. A map or list counts as
 * encrypted where any part of it is.
 * @throws StackFileError when the file is no settings file.
 */
export function plainKeys(project: Project, file: string): ReadonlySet<string> {
  const plain = Object.entries(settingsIn(file)).filter(([, value]) => !hasEncrypted(value));
  return new Set(plain.map(([key]) => key.replace(`${project.name}:`, '')));
}

/** What stands in for a value that is encrypted, by its key or the last part of it, where only some form will do. */
const STAND_INS: Readonly<Record<string, string>> = {
  teamsWebhookUrl: 'https://encrypted.invalid',
  url: 'https://encrypted.invalid',
  callbackSecret: `whsec_${Buffer.alloc(32).toString('base64')}`,
  mcpServers: '{}',
  claudeSettings: '{}',
};
const ENCRYPTED = '[encrypted]';
const standInFor = (key: string): string => STAND_INS[key] ?? ENCRYPTED;

function settingsIn(file: string): Record<string, unknown> {
  if (!fs.existsSync(file)) return {};
  let parsed: unknown;
  try {
    parsed = parse(fs.readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new StackFileError(`${file} can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const config = (parsed as { config?: unknown } | null)?.config ?? {};
  if (typeof config !== 'object' || Array.isArray(config))
    throw new StackFileError(`${file}: \`config\` is no map of keys.`);
  return config as Record<string, unknown>;
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  return JSON.stringify(value, (key, part: unknown) => (isEncrypted(part) ? standInFor(key) : part));
}

function isEncrypted(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'secure' in value;
}

function hasEncrypted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return isEncrypted(value) || Object.values(value).some(hasEncrypted);
}
