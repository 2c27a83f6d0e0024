import path from 'node:path';
import { EarlierRunnerError } from '../../claude/programs.ts';
import type { PromptPlace } from '../../claude/prompt-work.ts';
import type { Log } from '../../log.ts';
import { GitError } from '../errors.ts';
import type { GitAccess, GitRepository } from '../hosts.ts';
import { gitFailure } from './failure.ts';
import type { PlaceGit } from './place-git.ts';
import { RESTRICTED } from './own-git.ts';
import type { GitPlan } from './plan.ts';

/** What is larger is not passed on. */
const CLAUDE_MD_BYTES = 65_536;

const REMOVE_MS = 60_000;
const REMOVE = 'chmod -R u+rwX "$1" 2>/dev/null; rm -rf "$1"';

/**
 * Makes a new clone, shallow and without tags. What a template, a hook or a filter would do is left out, and so are
 * submodules. `$1`: folder, `$2`: address, `$3`: what to fetch, `$4`: branch, `$5` and `$6`: name and address of the author;
 * then the options of git.
 */
const SCRIPT = `set -e
dir=$1 url=$2 from=$3 branch=$4 name=$5 email=$6
shift 6
chmod -R u+rwX "$dir" 2>/dev/null || :
rm -rf "$dir"
git "$@" init -q --template= "$dir"
cd "$dir"
git "$@" remote add origin "$url"
git "$@" config user.name "$name"
git "$@" config user.email "$email"
git "$@" fetch -q --depth 1 --no-tags --no-recurse-submodules origin "$from"
git "$@" checkout -q --no-recurse-submodules -B "$branch" FETCH_HEAD
git "$@" rev-parse HEAD
`;

/** A new clone. */
export interface Clone {
  /** The id of the commit that the run starts from. */
  readonly base: string;
  readonly warnings: readonly string[];
  /** The `CLAUDE.md` of the repository, if it is wanted and there. */
  readonly claudeMd: string | undefined;
}

/**
 * Clones a repository for a run.
 * @param git in the clone.
 * @param options.trust whether the `CLAUDE.md` of the repository is wanted.
 * @throws {GitError}
 */
export async function clone(
  { cwd }: Pick<PromptPlace, 'cwd'>,
  git: PlaceGit,
  {
    repository,
    plan,
    access,
    trust,
  }: {
    readonly repository: GitRepository;
    readonly plan: GitPlan;
    readonly access: GitAccess;
    readonly trust: boolean;
  },
): Promise<Clone> {
  const { name, email } = repository.author;
  const { code, stdout, stderr } = await git.answer({
    file: 'sh',
    args: ['-c', SCRIPT, 'sh', cwd, repository.remote, plan.from, plan.branch, name, email, ...RESTRICTED],
    cwd: path.dirname(cwd),
  });
  if (code !== 0) throw gitFailure('git clone', stderr, access);
  const base = commitId(stdout);
  const warnings = await warningsOf(git);
  return { base, ...(trust ? await claudeMdOf(git, warnings) : { claudeMd: undefined, warnings }) };
}

/** @throws {GitError} if a text is no id of a commit. */
export function commitId(text: string): string {
  const id = text.trim();
  if (/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(id)) return id;
  throw new GitError('refused', 'git did not name a commit where the run works.');
}

async function warningsOf(git: PlaceGit): Promise<string[]> {
  const submodules = (await git.output(['ls-files', '--', '.gitmodules'])) !== '';
  const lfs = ['grep', '-q', '--cached', '-e', 'filter=lfs', '--', '.gitattributes', '**/.gitattributes'];
  const { code } = await git.result(lfs);
  return [
    ...(submodules ? ['The repository has submodules. They are not cloned: their folders are empty.'] : []),
    ...(code === 0 ? ['The repository has files in Git LFS. Only their pointers are cloned.'] : []),
  ];
}

async function claudeMdOf(git: PlaceGit, before: readonly string[]): Promise<Pick<Clone, 'claudeMd' | 'warnings'>> {
  const listed = await git.output(['ls-tree', '-l', 'HEAD', 'CLAUDE.md']);
  const [, bytes] = /^100(?:644|755) blob \S+ +(\d+)\t/.exec(listed) ?? [];
  if (bytes === undefined) return { claudeMd: undefined, warnings: before };
  if (Number(bytes) > CLAUDE_MD_BYTES) {
    const warning = `The CLAUDE.md of the repository has ${bytes} bytes and is left out: at most ${CLAUDE_MD_BYTES} are passed on.`;
    return { claudeMd: undefined, warnings: [...before, warning] };
  }
  return { claudeMd: await git.output(['cat-file', 'blob', 'HEAD:CLAUDE.md']), warnings: before };
}

/** Removes a clone, whatever is in it. Never rejects. */
export async function removeClone({ programs, cwd, environment }: PromptPlace, log: Log): Promise<void> {
  try {
    const { code, lost, startError, stderr } = await programs.run({
      file: 'sh',
      args: ['-c', REMOVE, 'sh', cwd],
      env: environment,
      cwd: path.dirname(cwd),
      signal: AbortSignal.timeout(REMOVE_MS),
    });
    // With its runner, all of it is gone.
    if (code !== 0 && !lost) log.warn({ code, startError, stderr }, 'the clone of a run cannot be removed');
  } catch (error) {
    if (!(error instanceof EarlierRunnerError)) log.warn({ err: error }, 'the clone of a run cannot be removed');
  }
}
