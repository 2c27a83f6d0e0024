import { parseArgs } from 'node:util';

import { LauncherError } from '../engine.ts';
import { StackFile } from '../stack-file.ts';

/** What `npm run restore` was asked for. */
export interface RestoreOptions {
  /** Of the backup, as given. */
  readonly file: string;
  /** Parts to restore; the other ones stay as they are. */
  readonly parts: readonly Part[];
  readonly yes: boolean;
  readonly overwrite: boolean;
  /** Plain config that is other than in the backup, by key. */
  readonly config: Readonly<Record<string, string>>;
}

/** state: the state, and this machine's files that go with it. volume: what is on the agent's volume. */
export type Part = 'state' | 'volume';

const PARTS: readonly Part[] = ['state', 'volume'];

const USAGE =
  'npm run restore -- FILE [--yes] [--only state|volume] [--config KEY=VALUE]… [--overwrite] [--stack NAME]';

/** @throws LauncherError saying what is wrong with the arguments, and which ones there are. */
export function restoreOptions(args: readonly string[]): RestoreOptions {
  const { values, positionals } = parsed(args);
  const [file, ...more] = positionals;
  if (file === undefined) throw new LauncherError(`Which backup? ${USAGE}`);
  if (more.length > 0) throw new LauncherError(`One file, not ${positionals.join(' and ')}: ${USAGE}`);
  const only = PARTS.find((part) => part === values.only);
  if (values.only !== undefined && only === undefined) {
    throw new LauncherError(`--only '${values.only}' is no part; allowed: ${PARTS.join(', ')}.`);
  }
  const config = (values.config ?? []).map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new LauncherError(`--config '${pair}' is no KEY=VALUE.`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return {
    file,
    parts: only === undefined ? PARTS : [only],
    yes: values.yes ?? false,
    overwrite: values.overwrite ?? false,
    config: Object.fromEntries(config) as Record<string, string>,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        yes: { type: 'boolean', short: 'y' },
        overwrite: { type: 'boolean' },
        only: { type: 'string' },
        config: { type: 'string', multiple: true, short: 'c' },
      },
    });
  } catch (cause) {
    throw new LauncherError(`${(cause as Error).message}\n${USAGE}`, { cause });
  }
}

/** The stack's file of a backup with the config that was given. @throws LauncherError for a key that is none. */
export function withConfig(content: string, config: RestoreOptions['config'], projectDir: string): string {
  if (Object.keys(config).length === 0) return content;
  const file = new StackFile(content, projectDir);
  for (const [key, value] of Object.entries(config)) {
    if (file.get(key) === undefined)
      throw new LauncherError(`--config ${key}: there is no such key (docs/configuration.md).`);
    file.set(key, value);
  }
  return file.toString();
}
