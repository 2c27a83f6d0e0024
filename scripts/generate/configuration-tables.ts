import { readFileSync } from 'node:fs';
import * as path from 'node:path';

import { isMap, isScalar, parseDocument } from 'yaml';

import { readProject } from '../../stack/config/stack-file.ts';
import type { Project } from '../../stack/config/stack-file.ts';
import { SECRETS } from '../../stack/config/secrets.ts';
import { agentSettings } from './agent-settings.ts';
import { limits } from './limits.ts';
import { watchdogSettings } from './watchdog-settings.ts';

/** The tables of all config keys of the stack, one per group. */
export function stackTables(projectDir: string): string {
  const project = readProject(projectDir);
  const groups = groupsOf(projectDir).map((group) => groupTable(group, project));
  const secrets = rows(
    ['key', ''],
    Object.entries(SECRETS).map(([key, { description }]) => [code(key), description]),
  );
  const howTo =
    'Set one with `npm run pulumi -- config set --secret KEY`, which asks for the value. `claudeToken`, `gitCredentials` and `otlpHeaders` are refused in plain text.';
  return [...groups, `### Secrets\n\n${howTo}\n\n${secrets}`].join('\n\n');
}

/** The table of the agent's settings. */
export function agentTable(): string {
  return settingsTable(agentSettings());
}

/** The table of the watchdog's settings. */
export function watchdogTable(): string {
  return settingsTable(watchdogSettings());
}

/** The table of the agent's limits. */
export function limitsTable(): string {
  return rows(['what', 'limit', 'beyond it'], limits());
}

function settingsTable(settings: ReturnType<typeof agentSettings>): string {
  return rows(
    ['variable', 'default', ''],
    settings.map(({ variable, fallback, meaning }) => [
      code(variable),
      valueOf(typeof fallback === 'string' && path.isAbsolute(fallback) ? path.relative('.', fallback) : fallback),
      meaning,
    ]),
  );
}

interface Group {
  readonly title: string;
  readonly keys: string[];
}

/** A comment before a key in Pulumi.yaml is the title of a group of keys. */
function groupsOf(projectDir: string): Group[] {
  const document = parseDocument(readFileSync(path.join(projectDir, 'Pulumi.yaml'), 'utf8'));
  const config = document.get('config');
  if (!isMap(config)) throw new Error('Pulumi.yaml has no config.');
  const groups: Group[] = [];
  for (const [at, { key }] of config.items.entries()) {
    if (!isScalar(key)) continue;
    const title = key.commentBefore ?? (at === 0 ? config.commentBefore : undefined);
    if (typeof title === 'string') groups.push({ title: title.trim(), keys: [] });
    groups.at(-1)?.keys.push(String(key.value));
  }
  return groups;
}

function groupTable({ title, keys }: Group, project: Project): string {
  const entries = keys.map((key) => keyRow(key, project));
  return `### ${title}\n\n${rows(KEY_HEAD, entries)}`;
}

const KEY_HEAD = ['key', 'type', 'default', ''];

function keyRow(key: string, { config }: Project): string[] {
  const of = config[key];
  if (of === undefined) throw new Error(`Pulumi.yaml has no config ${key}.`);
  return [code(key), of.type, valueOf(of.default), of.description];
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...body];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

const code = (text: string): string => `\`${text}\``;

function valueOf(value: unknown): string {
  if (value === undefined || value === '') return '';
  return code(typeof value === 'string' ? value : JSON.stringify(value));
}
