import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { GitError } from '../errors.ts';
import { commitId } from './clone.ts';
import { gitFailure } from './failure.ts';
import type { PlaceGit } from './place-git.ts';
import { RESTRICTED } from './own-git.ts';

/** What a run committed. */
export interface HandedOver {
  /** The id of the last commit; `base` if there is none. */
  readonly commit: string;
  readonly warnings: readonly string[];
}

/**
 * Takes the commits of a run from the place where it worked.
 * @param options.message commits what is not committed with this message; undefined to leave it.
 * @param options.pack the file for the objects of the commits.
 * @throws {GitError}
 */
export async function handOver(
  git: PlaceGit,
  options: {
    readonly base: string;
    readonly message: string | undefined;
    readonly pack: string;
    readonly maxBytes: number;
  },
): Promise<HandedOver> {
  const { base, message, pack, maxBytes } = options;
  const isChanged =
    (await git.output(['status', '--porcelain', '--untracked-files=normal', '--ignore-submodules'])) !== '';
  if (isChanged && message !== undefined) {
    await git.output(['add', '--all']);
    await git.output(['-c', 'commit.gpgSign=false', 'commit', '-q', '--no-verify', '-F', '-'], message);
  }
  const warnings =
    isChanged && message === undefined
      ? ['The run left changes that it did not commit. They are not pushed; `git.commit: true` commits them.']
      : [];
  const commit = commitId(await git.output(['rev-parse', '--verify', 'HEAD^{commit}']));
  if (commit !== base) await takePack(git, { base, commit, pack, maxBytes });
  return { commit, warnings };
}

async function takePack(
  git: PlaceGit,
  {
    base,
    commit,
    pack,
    maxBytes,
  }: {
    readonly base: string;
    readonly commit: string;
    readonly pack: string;
    readonly maxBytes: number;
  },
): Promise<void> {
  await mkdir(path.dirname(pack), { recursive: true, mode: 0o700 });
  const file = createWriteStream(pack, { mode: 0o600, flush: true });
  const written = finished(file);
  written.catch(() => undefined);
  let bytes = 0;
  try {
    const { code, stderr } = await git.run({
      file: 'git',
      args: [...RESTRICTED, 'pack-objects', '--revs', '--stdout', '-q'],
      input: `${commit}\n^${base}\n`,
      async stdout(chunk) {
        bytes += chunk.length;
        if (bytes > maxBytes) {
          throw new GitError(
            'tooLarge',
            `The commits of the run need more than ${Math.round(maxBytes / 1_048_576)} MiB. Nothing was pushed. Have Claude commit less, or raise AGENT_GIT_MEGABYTES.`,
          );
        }
        if (!file.write(chunk)) await Promise.race([once(file, 'drain'), written]);
      },
    });
    if (code !== 0) throw gitFailure('git pack-objects', stderr);
    file.end();
    await written;
  } finally {
    file.destroy();
  }
}
