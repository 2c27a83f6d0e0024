import { readdirSync } from 'node:fs';
import path from 'node:path';
import { removeTree } from '../../remove-tree.ts';
import type { GitProgress } from '../../store/git-records.ts';
import type { Run } from '../../store/run.ts';
import { isCloneName } from './clone-name.ts';
import type { GitRun, GitRunDependencies } from './git-run.ts';

/** The repositories of runs. */
export class GitRuns {
  readonly #dependencies: GitRunDependencies;

  constructor(dependencies: GitRunDependencies) {
    this.#dependencies = dependencies;
  }

  /** The repository of a run; undefined if it has none. The first that has one loads the code. */
  async forRun(run: Run): Promise<GitRun | undefined> {
    const { git } = run.request;
    if (!git) return undefined;
    const { GitRun } = await import('./git-run.ts');
    return new GitRun(run, git, this.#dependencies);
  }

  /** What an earlier agent has received of a run and not published, if anything. */
  unpublished(run: Run): GitProgress | undefined {
    return run.request.git && this.#dependencies.records.find(run.id);
  }

  /** Removes what an earlier agent left, besides what is to be published. Call it when none of its processes is left. */
  async recover(): Promise<void> {
    const { folder, workspaceDir, records, log } = this.#dependencies;
    const own = namesIn(folder).filter((id) => records.find(id) === undefined);
    const clones = namesIn(workspaceDir).filter(isCloneName);
    const left = [
      ...own.map((name) => path.join(folder, name)),
      ...clones.map((name) => path.join(workspaceDir, name)),
    ];
    for (const each of left) {
      await removeTree(each).catch((error: unknown) =>
        log.error({ err: error, folder: each }, 'a repository of an earlier run cannot be removed'),
      );
    }
  }
}

/** None if there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
