import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RUN_FOLDER, type HostedProcess } from '../../../agent/claude/host.ts';
import type { CollectedFiles } from '../../../agent/files/run-files.ts';
import { until } from '../../support/agent.ts';
import { PORT_HOSTS } from '../../support/hosts.ts';
import { needs } from '../../support/needs.ts';
import { filesIn, inputFile } from '../../support/run-files.ts';

const MEBIBYTE = 1_048_576;

for (const [where, { create, close, leavesProcesses, missing }] of PORT_HOSTS)
  describe(`the folder of a process ${where}`, needs(missing), () => {
    let host: Awaited<ReturnType<typeof create>>;
    let folder: string;
    const instance = randomUUID();
    const started: HostedProcess[] = [];
    beforeEach(async () => {
      host = await create();
      folder = mkdtempSync(path.join(tmpdir(), 'run-folder-'));
    });
    afterEach(async () => {
      await Promise.all(started.splice(0).map((each) => each.sweep()));
      await host[Symbol.asyncDispose]?.();
      rmSync(folder, { recursive: true });
    });
    afterAll(() => close?.());

    /** Starts a shell that obeys its stdin. */
    function shell() {
      const said = { text: '' };
      const mark = `${instance}/${randomUUID()}`;
      const hosted = host.start(
        {
          file: 'sh',
          args: ['-c', 'cd "$0" && exec sh', RUN_FOLDER],
          env: { PATH: process.env['PATH'] ?? '', OUT: `${RUN_FOLDER}/out` },
          cwd: '/',
          mark,
          hasFolder: true,
        },
        { stdout: (chunk) => (said.text += chunk.toString()), stderr: (chunk) => (said.text += chunk.toString()) },
      );
      started.push(hosted);
      const { folder: own } = hosted;
      if (!own) throw new Error('it has no folder');
      /** Runs commands and returns what they say. */
      const say = async (commands: string) => {
        said.text = '';
        hosted.write(`${commands}\necho "end"\n`);
        await until(() => said.text.endsWith('end\n'), commands);
        return said.text.slice(0, -'end\n'.length);
      };
      return { hosted, own, say };
    }

    const contentsOf = ({ files }: CollectedFiles) =>
      Object.fromEntries(files.map(({ name, path: copy }) => [name, readFileSync(copy, 'utf8')]));

    it('is empty, and its own alone', async () => {
      const { say, own } = shell();
      expect(await say('ls -A *; stat -c %a in out; echo $OUT')).toBe(`in:\n\nout:\n700\n700\n${own.out}\n`);
    });

    it('gets files that can be read only', async () => {
      const { say, own } = shell();
      const large = 'x'.repeat(3 * MEBIBYTE);
      await own.put([
        inputFile(folder, 'a report.txt', 'text'),
        inputFile(folder, 'empty', ''),
        inputFile(folder, 'large', large),
      ]);
      expect(await say('cd in; stat -c "%a %s %n" *; cat "a report.txt"')).toBe(
        `400 4 a report.txt\n400 0 empty\n400 ${large.length} large\ntext`,
      );
    });

    it('says which file cannot be put there', async () => {
      const { own } = shell();
      const file = inputFile(folder, 'gone', 'text');
      rmSync(file.path);
      await expect(own.put([file])).rejects.toThrow('ENOENT');
    });

    it('keeps regular files, and names all others that are left there', async () => {
      const { say, own } = shell();
      await say(`cd out; printf one > 'first file.txt'; printf two > second; : > empty
        ln -s /etc/passwd link; ln -s . around; mkdir below; printf x > below/x; mkfifo fifo
        printf x > "$(printf 'control\\001')"; printf x > 'back\\slash'; printf x > "$(printf 'bytes\\377')"`);
      const collected = await own.collect(filesIn(folder));
      expect(contentsOf(collected)).toEqual({ 'first file.txt': 'one', second: 'two', empty: '' });
      expect([...collected.warnings].sort()).toEqual(
        [
          ['around', 'it is a link'],
          ['back\\slash', 'its name has characters that no file name should have, or is too long'],
          ['below', 'it is a folder'],
          ['bytes?', 'its name has characters that no file name should have, or is too long'],
          ['control?', 'its name has characters that no file name should have, or is too long'],
          ['fifo', 'it is no regular file'],
          ['link', 'it is a link'],
        ].map(([name = '', why = '']) => `The file "${name}" that the run left was not kept: ${why}.`),
      );
    });

    it('has limits for what is kept', async () => {
      const { say, own } = shell();
      await say('cd out; printf 12345 > a; printf 1234 > b; printf 1234 > c; printf 1 > d; printf 1 > e; : > f');
      const collected = await own.collect(filesIn(folder, [], { files: 3, fileBytes: 4, runBytes: 6 }));
      expect(contentsOf(collected)).toEqual({ b: '1234', d: '1', e: '1' });
      expect(collected.warnings).toEqual([
        'The file "a" that the run left was not kept: it is larger than a file may be.',
        'The file "c" that the run left was not kept: the files of a run may not be larger together.',
        'The file "f" that the run left was not kept: a run may not leave more files.',
      ]);
    });

    it('with very many files has few warnings', async () => {
      const { say, own } = shell();
      await say('cd out; i=0; while [ $i -lt 200 ]; do : > f$i; i=$((i+1)); done');
      const { files, warnings } = await own.collect(filesIn(folder, [], { files: 150 }));
      expect(files).toHaveLength(150);
      expect(warnings).toHaveLength(21);
      expect(warnings.at(-1)).toBe('30 more files that the run left were not kept.');
    });

    it.each([
      ['a link in the place of the folder', 'ln -s /etc out'],
      ['a file there', 'printf x > out'],
      ['nothing there', ':'],
    ])('keeps nothing of %s', async (_, command) => {
      const { say, own } = shell();
      await say(`rmdir out; ${command}`);
      expect(await own.collect(filesIn(folder))).toEqual({ files: [], warnings: [] });
      expect(existsSync(path.join(folder, 'collected'))).toBe(false);
    });

    it('is copied as it is while a process writes', async () => {
      const { say, own } = shell();
      await say('head -c 5000000 /dev/zero > out/grows; (while :; do printf more >> out/grows; done) &');
      const { files, warnings } = await own.collect(filesIn(folder));
      expect(warnings).toEqual([]);
      expect(files[0]?.bytes).toBeGreaterThanOrEqual(5_000_000);
      expect(statSync(files[0]?.path ?? '').size).toBe(files[0]?.bytes);
    });

    it('says that the agent cannot keep what is left', async () => {
      const { say, own } = shell();
      await say('head -c 3000000 /dev/zero > out/a; printf x > out/b');
      const files = filesIn(folder);
      const { warnings } = await own.collect({ ...files, collectTo: path.join(inputFile(folder, 'f', 'x').path, 'x') });
      expect(warnings).toEqual([expect.stringMatching(/^Files that the run left could not be copied \(ENOTDIR/)]);
    });

    it('is gone with the process, whatever is in it', async () => {
      const { hosted, say, own } = shell();
      await say('mkdir out/locked && : > out/locked/x && chmod 0 out/locked');
      await hosted.sweep();
      expect(existsSync(path.dirname(own.out))).toBe(false);
    });

    if (leavesProcesses)
      it('is gone after the next start of an agent that was killed', async () => {
        const { own } = shell();
        const later = await create();
        await later.killLeftovers(randomUUID());
        expect(existsSync(own.out)).toBe(true);
        await later.killLeftovers(instance);
        expect(existsSync(path.dirname(own.out))).toBe(false);
        expect(readdirSync(tmpdir()).filter((name) => name.includes(instance))).toEqual([]);
        await later[Symbol.asyncDispose]?.();
      });
  });
