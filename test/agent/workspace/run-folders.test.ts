import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunFolders } from '../../../agent/workspace/run-folders.ts';

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'run-folders-')));
});
afterEach(() => rmSync(dir, { recursive: true }));

const at = (...parts: string[]) => path.join(dir, ...parts);

describe('folders of runs that name none', () => {
  it('are one each with lifetime run, empty when the next run gets them', async () => {
    const folders = new RunFolders(dir, 'run', SILENT);
    const [first, second] = [folders.enter(folders.first), folders.enter(folders.first)];
    expect([first, second]).toEqual([at('run'), at('.run-2')]);
    expect(folders.needed).toEqual(expect.arrayContaining([first, second]));
    for (const folder of [first, second]) {
      mkdirSync(folder);
      writeFileSync(path.join(folder, 'left'), '');
    }
    folders.leave(first);
    await folders.empty();
    expect([readdirSync(first), readdirSync(second)]).toEqual([[], ['left']]);
    expect(folders.enter(folders.first)).toBe(first);
    folders.leave(second);
    await folders.empty();
    expect([...readdirSync(second), ...readdirSync(dir)]).toEqual(['.run-2', 'run']);
  });

  it('with lifetime run do not concern a run that names one', () => {
    const folders = new RunFolders(dir, 'run', SILENT);
    expect([folders.enter(at('checkout')), folders.enter(folders.first)]).toEqual([at('checkout'), at('run')]);
  });

  it('are the workspace for all with lifetime keep', async () => {
    const folders = new RunFolders(dir, 'keep', SILENT);
    expect([folders.enter(dir), folders.enter(dir)]).toEqual([dir, dir]);
    writeFileSync(at('kept'), '');
    folders.leave(dir);
    await folders.empty();
    expect(readdirSync(dir)).toEqual(['kept']);
  });

  it('are not emptied through a link that a run put in the place of one', async () => {
    mkdirSync(at('outside'));
    writeFileSync(at('outside', 'kept'), '');
    symlinkSync(at('outside'), at('.run-2'));
    await new RunFolders(dir, 'run', SILENT).empty();
    expect(readdirSync(at('outside'))).toEqual(['kept']);
    expect(existsSync(at('.run-2', 'kept'))).toBe(false);
  });
});
