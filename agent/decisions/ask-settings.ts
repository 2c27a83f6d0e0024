import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { objectOf } from '../json.ts';
import { textsOf } from './claude-permissions.ts';
import { concernsBash } from './rules.ts';

/** The folder in the state folder that holds the settings of runs which a person decides about. */
const ASK_SETTINGS_FOLDER = 'decisions';

/**
 * Files for `claude --settings`, one for each process: the agent's own settings with rules for what is asked. The CLI reads
 * only the last file that it is given. A file may contain secrets of the settings.
 */
export class AskSettings {
  readonly #folder: string;
  readonly #own: string | undefined;
  readonly #configDirs: readonly string[];

  /**
   * Removes what an earlier agent left.
   * @param own the agent's own settings of claude.
   * @param configDirs configuration folders of claude on this machine, absolute.
   */
  constructor(stateDir: string, own: string | undefined, configDirs: readonly string[]) {
    this.#configDirs = configDirs;
    this.#folder = path.join(stateDir, ASK_SETTINGS_FOLDER);
    this.#own = own;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * Writes the file of a run.
   * @throws if the agent's own settings cannot be read, or the disk cannot be written.
   */
  write(runId: string, rules: readonly string[]): string {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const file = path.join(this.#folder, `${runId}.json`);
    const own = this.#own === undefined ? {} : objectOf(JSON.parse(readFileSync(this.#own, 'utf8')));
    writeFileSync(file, JSON.stringify(withRules(own, rules, this.#configDirs)), { mode: 0o600 });
    return file;
  }

  /** Removes the file of a run. */
  remove(runId: string): void {
    rmSync(path.join(this.#folder, `${runId}.json`), { force: true });
  }
}

/**
 * With Bash in the rules: in a sandbox the CLI would by default use it without asking. And the CLI runs commands that its
 * settings name, such as hooks, as soon as they are written, so Claude may not write to its own configuration.
 */
function withRules(
  own: Readonly<Record<string, unknown>>,
  rules: readonly string[],
  configDirs: readonly string[],
): object {
  const permissions = objectOf(own['permissions']);
  const ask = [...new Set([...textsOf(permissions['ask']), ...rules])];
  if (!concernsBash(rules)) return { ...own, permissions: { ...permissions, ask } };
  const closed = ['~/.claude', ...configDirs.map((dir) => `/${dir}`)].map((dir) => `Edit(${dir}/**)`);
  return {
    ...own,
    permissions: { ...permissions, ask, deny: [...textsOf(permissions['deny']), ...closed] },
    sandbox: { ...objectOf(own['sandbox']), autoAllowBashIfSandboxed: false },
  };
}
