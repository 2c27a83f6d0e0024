import { helpOf, readLine, UsageError } from '../arguments/command-line.ts';
import { CliError } from '../system/terminal.ts';
import { StackFile } from '../../config/stack-file.ts';
import { USAGES } from '../arguments/usages.ts';

/** The arguments of `npm run restore`. */
export interface RestoreOptions {
  /** The backup, as given. */
  readonly file: string;
  /** Parts to restore; the others do not change. */
  readonly parts: readonly Part[];
  readonly yes: boolean;
  readonly overwrite: boolean;
  /** Plain config that replaces the backup's, by key. */
  readonly config: Readonly<Record<string, string>>;
}

/** `state`: the state, and this machine's files that belong to it. `volume`: the content of the agent's volume. */
export type Part = 'state' | 'volume';

const PARTS: readonly Part[] = ['state', 'volume'];

/** @throws UsageError that says what is wrong with the arguments, and lists the valid ones. */
export function restoreOptions(args: readonly string[]): RestoreOptions {
  const line = readLine(USAGES.restore, args);
  const [file] = line.positionals;
  if (file === undefined) throw new UsageError(`Which backup? ${helpOf(USAGES.restore)}`);
  const given = line.value('only');
  const only = PARTS.find((part) => part === given);
  if (given !== undefined && only === undefined) {
    throw new UsageError(`--only '${given}' is not a part; allowed: ${PARTS.join(', ')}.`);
  }
  const config = line.all('config').map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--config '${pair}' must be KEY=VALUE.`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return {
    file,
    parts: only === undefined ? PARTS : [only],
    yes: line.has('yes'),
    overwrite: line.has('overwrite'),
    config: Object.fromEntries(config) as Record<string, string>,
  };
}

/** Adds the given config to the stack file of a backup. @throws CliError for an unknown key. */
export function withConfig(content: string, config: RestoreOptions['config'], projectDir: string): string {
  if (Object.keys(config).length === 0) return content;
  const file = new StackFile(content, projectDir);
  for (const [key, value] of Object.entries(config)) {
    if (file.get(key) === undefined)
      throw new CliError(`--config ${key}: there is no such key (docs/configuration.md).`);
    file.set(key, value);
  }
  return file.toString();
}
