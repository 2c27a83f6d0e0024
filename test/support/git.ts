import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Nothing of the machine's configuration counts. */
const ENVIRONMENT = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
  GIT_AUTHOR_NAME: 'Somebody',
  GIT_AUTHOR_EMAIL: 'somebody@example.org',
  GIT_COMMITTER_NAME: 'Somebody',
  GIT_COMMITTER_EMAIL: 'somebody@example.org',
};

/** What a command of git printed, and whether it succeeded. */
export interface GitResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs git. */
export async function git(
  cwd: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<GitResult> {
  const options = { cwd, env: { ...ENVIRONMENT, ...environment }, maxBuffer: 16_777_216 };
  return run('git', args, options).then(
    ({ stdout, stderr }) => ({ ok: true, stdout, stderr }),
    (error: unknown) => ({ ok: false, ...(error as { stdout: string; stderr: string }) }),
  );
}

/** Runs git and returns what it printed, without white space around it. @throws if it fails. */
export async function gitOutput(cwd: string, ...args: readonly string[]): Promise<string> {
  const { ok, stdout, stderr } = await git(cwd, args);
  if (!ok) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** A folder of bare repositories. */
export class Repositories implements Disposable {
  readonly root = mkdtempSync(path.join(tmpdir(), 'git-'));

  /** Makes a repository with one commit on main. @param name such as `acme/shop`. @returns its folder. */
  async make(
    name: string,
    files: Readonly<Record<string, string | Buffer>> = { 'README.md': 'A shop.\n' },
  ): Promise<string> {
    const work = mkdtempSync(path.join(this.root, 'work-'));
    const bare = path.join(this.root, `${name}.git`);
    await gitOutput(this.root, 'init', '--quiet', '--initial-branch', 'main', work);
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(work, file)), { recursive: true });
      writeFileSync(path.join(work, file), content);
    }
    await gitOutput(work, 'add', '--all');
    await gitOutput(work, 'commit', '--quiet', '--message', 'first');
    await gitOutput(this.root, 'clone', '--quiet', '--bare', work, bare);
    rmSync(work, { recursive: true });
    return bare;
  }

  /** Adds a file to what a commit has. @returns the id of the new commit, to which no branch leads. */
  async commit(bare: string, parent: string, file: string): Promise<string> {
    const index = { GIT_INDEX_FILE: path.join(this.root, 'index') };
    const output = async (...args: string[]) => {
      const { ok, stdout, stderr } = await git(bare, args, index);
      if (!ok) throw new Error(`git ${args.join(' ')}: ${stderr}`);
      return stdout.trim();
    };
    const content = path.join(this.root, 'content');
    writeFileSync(content, `${file}\n`);
    await output('read-tree', parent);
    const blob = await output('hash-object', '-w', content);
    await output('update-index', '--add', '--cacheinfo', `100644,${blob},${file}`);
    return output('commit-tree', await output('write-tree'), '-p', parent, '-m', file);
  }

  /** Removes all of them. */
  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
