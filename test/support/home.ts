import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const credentials = z.object({
  claudeAiOauth: z.object({
    accessToken: z.string(),
    refreshToken: z.string(),
    /** Milliseconds since the epoch. */
    expiresAt: z.number(),
    scopes: z.array(z.string()),
  }),
});

/** The content of a login file. */
export type Login = z.infer<typeof credentials>['claudeAiOauth'];

/** A home folder for the CLI that is removed with the test. */
export interface Home extends AsyncDisposable {
  readonly path: string;
  /** Writes a login in the format of `claude auth login`; by default it is valid for eight hours. */
  logIn(login: Partial<Login>): Promise<void>;
  /** Reads the login file: its content, its permission bits, and its inode, which distinguishes a new file from an old one. */
  login(): Promise<{ readonly login: Login; readonly mode: number; readonly inode: number }>;
}

/** Creates an empty home folder. */
export async function makeHome(): Promise<Home> {
  const path = await mkdtemp(join(tmpdir(), 'claude-home-'));
  const file = join(path, '.claude/.credentials.json');
  return {
    path,
    async logIn(login) {
      const claudeAiOauth: Login = {
        accessToken: 'sk-ant-oat01-first',
        refreshToken: 'sk-ant-ort01-first',
        expiresAt: Date.now() + 8 * 3_600_000,
        scopes: ['user:inference', 'user:profile'],
        ...login,
      };
      await mkdir(join(path, '.claude'), { recursive: true });
      await writeFile(file, JSON.stringify({ claudeAiOauth }), { mode: 0o600 });
    },
    async login() {
      const { mode, ino } = await stat(file);
      const { claudeAiOauth } = credentials.parse(JSON.parse(await readFile(file, 'utf8')));
      return { login: claudeAiOauth, mode: mode & 0o777, inode: ino };
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
