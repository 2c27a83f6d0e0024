import { lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { chmod, constants, copyFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Collection } from '../files/collection.ts';
import { leftFiles } from '../files/left-files.ts';
import type { CollectedFiles, FilesOfPrompt, InputFile } from '../files/run-files.ts';
import { removeTree } from '../remove-tree.ts';
import { RUN_FOLDER, type ProcessCommand, type RunFolder } from './host.ts';

const OWNER_MAY_READ = 0o400;

/**
 * The folder of a process on this machine. It is new, in the folder for temporary files: what a run fills there takes no
 * room from the records.
 */
export class LocalFolder implements RunFolder {
  readonly in: string;
  readonly out: string;
  readonly #path: string;

  /**
   * @param mark of the process.
   * @throws if it cannot be created.
   */
  constructor(mark: string) {
    const [instance = ''] = mark.split('/');
    this.#path = mkdtempSync(path.join(parent(), prefixOf(instance)));
    this.in = path.join(this.#path, 'in');
    this.out = path.join(this.#path, 'out');
    for (const folder of [this.in, this.out]) mkdirSync(folder, { mode: 0o700 });
  }

  /** A command with the path in the place of {@link RUN_FOLDER}. */
  inCommand({ args, env }: ProcessCommand): Pick<ProcessCommand, 'args' | 'env'> {
    const here = (text: string) => text.replaceAll(RUN_FOLDER, this.#path);
    return {
      args: args.map(here),
      env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)])),
    };
  }

  async put(files: readonly InputFile[]): Promise<void> {
    for (const { name, path: content } of files) {
      const file = path.join(this.in, name);
      await copyFile(content, file, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await chmod(file, OWNER_MAY_READ);
    }
  }

  async collect(to: FilesOfPrompt): Promise<CollectedFiles> {
    const collection = new Collection(to);
    const { name, dir } = path.parse(this.#path);
    try {
      for await (const found of leftFiles(dir, [name, 'out'], to.limits)) {
        if ('why' in found) collection.leaveOut(found);
        else await collection.add(found.name, found.bytes, (most) => nextOf(found.handle, most));
      }
    } catch (error) {
      collection.fail(error);
    }
    return collection.result;
  }

  /** Call when its process could not be started. */
  removeNew(): void {
    rmSync(this.#path, { recursive: true });
  }

  /** @throws if something of it cannot be removed. */
  async remove(): Promise<void> {
    try {
      // Most runs leave both empty, and the next run waits for this.
      for (const folder of [this.in, this.out, this.#path]) rmdirSync(folder);
    } catch {
      await removeTree(this.#path);
    }
  }
}

/**
 * Removes the folders that processes of an earlier agent left. Call it when none of these is left.
 * @param instance the part of their run marks before the slash.
 * @throws if something cannot be removed.
 */
export async function removeFolders(instance: string): Promise<void> {
  const isOwn = (folder: string) => lstatSync(folder).uid === process.getuid?.();
  const names = readdirSync(parent()).filter((name) => name.startsWith(prefixOf(instance)));
  await Promise.all(
    names
      .map((name) => path.join(parent(), name))
      .filter(isOwn)
      .map(removeTree),
  );
}

const parent = () => realpathSync(tmpdir());
const prefixOf = (instance: string) => `claude-run-${instance}-`;

async function nextOf(handle: FileHandle, most: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(most);
  const { bytesRead } = await handle.read({ buffer });
  return buffer.subarray(0, bytesRead);
}
