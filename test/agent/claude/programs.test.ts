import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalHost } from '../../../agent/claude/local-host.ts';
import type { ClaimableHost, ClaimedPlace, ProgramCommand, Programs } from '../../../agent/claude/host.ts';
import { WINDOW_BYTES } from '../../../agent/runner/protocol.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram, runnersAt, type TestRunnerHost } from '../../support/runner.ts';

/** Succeeds if a process exists and is no zombie, which only its parent can remove. */
const alive = (pid: string) => `[ -e /proc/${pid} ] && ! grep -q 'State:.Z' /proc/${pid}/status`;

const PLACES = [
  { where: 'on this machine', onRunner: false, missing: undefined },
  { where: 'on a runner', onRunner: true, missing: NO_CONTAINER },
];

for (const { where, onRunner, missing } of PLACES)
  describe(`a program in the place of a run ${where}`, needs(missing), () => {
    let runner: RunnerProgram | undefined;
    let folder: string;
    beforeAll(async () => {
      if (onRunner) runner = await RunnerProgram.start();
      folder = mkdtempSync(path.join(tmpdir(), 'programs-'));
    });
    afterAll(async () => {
      await runner?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    });

    /** Takes a place, and gives it back when the work is done. */
    async function inPlace(work: (place: ClaimedPlace, mark: string) => Promise<void>): Promise<void> {
      const runners: TestRunnerHost | undefined = runner && (await runnersAt([runner.address]));
      const host: ClaimableHost = runners ?? new LocalHost();
      const mark = `${randomUUID()}/${randomUUID()}`;
      try {
        await work(host.claim(mark), mark);
      } finally {
        await runners?.[Symbol.asyncDispose]();
      }
    }

    async function shell(programs: Programs, script: string, more: Partial<ProgramCommand> = {}) {
      let stdout = '';
      const exit = await programs.run({
        file: 'sh',
        args: ['-c', script],
        env: { PATH: process.env['PATH'] ?? '' },
        cwd: onRunner ? '.' : folder,
        stdout: (chunk) => void (stdout += chunk.toString()),
        signal: new AbortController().signal,
        ...more,
      });
      return { ...exit, stdout };
    }

    it('gets its input, and its output and exit code are known', () =>
      inPlace(async (place) => {
        const ended = await shell(place, 'cat; echo "$NAMED"; echo bad >&2; exit 7', {
          input: 'given\n',
          env: { PATH: process.env['PATH'] ?? '', NAMED: 'value' },
        });
        expect(ended).toMatchObject({ code: 7, stdout: 'given\nvalue\n', stderr: 'bad' });
        expect(await shell(place, 'pwd', { cwd: `${folder}/missing` })).toMatchObject({
          startError: expect.any(String) as string,
        });
        await place.release();
      }));

    it('runs before the process of the run and, when none of its processes is left, after it', () =>
      inPlace(async (place, mark) => {
        const file = path.join(onRunner ? (runner?.path('workspace') ?? '') : folder, 'file');
        await shell(place, `echo before > ${file}`);
        let said = '';
        const hosted = place.start(
          {
            file: 'sh',
            args: ['-c', `cat ${file}; (sleep 300; echo late >> ${file}) & echo $!; cat`],
            env: { PATH: process.env['PATH'] ?? '', CLAUDE_AGENT_RUN: mark },
            cwd: onRunner ? '.' : folder,
            mark,
          },
          { stdout: (chunk) => void (said += chunk.toString()), stderr: () => undefined },
        );
        hosted.closeStdin();
        await hosted.exit;
        const [before, pid = ''] = said.split('\n');
        expect(before).toBe('before');
        let after = '';
        await hosted.sweep(async (programs) => {
          after = (await shell(programs, `cat ${file}; ${alive(pid)} && echo alive`)).stdout;
        });
        expect(after).toBe('before\n');
      }));

    it('waits while more output is not taken than is on its way', () =>
      inPlace(async (place) => {
        const bytes = 3 * WINDOW_BYTES + 1;
        for (let round = 0; round < 2; round += 1) {
          let taken = 0;
          const { code } = await shell(place, `head -c ${bytes} /dev/zero`, {
            async stdout(chunk) {
              await setImmediate();
              taken += chunk.length;
            },
          });
          expect({ code, taken }).toEqual({ code: 0, taken: bytes });
        }
        await place.release();
      }));

    it('leaves no process', () =>
      inPlace(async (place) => {
        const { stdout } = await shell(place, 'sleep 300 & echo $!');
        expect((await shell(place, alive(stdout.trim()))).code).toBe(1);
        await place.release();
      }));

    it('is killed by its signal, and by what does not take its output', () =>
      inPlace(async (place) => {
        const end = new AbortController();
        const endless = 'sleep 300 & while :; do echo x; done';
        const stop = () => end.abort(new Error('cancelled'));
        await expect(shell(place, endless, { signal: end.signal, stdout: stop })).rejects.toThrow('cancelled');
        await expect(shell(place, 'true', { signal: end.signal })).rejects.toThrow('cancelled');
        const tooMuch = () => Promise.reject(new Error('too much'));
        await expect(shell(place, endless, { stdout: tooMuch })).rejects.toThrow('too much');
        expect(await shell(place, 'echo next')).toMatchObject({ code: 0, stdout: 'next\n' });
        await place.release();
      }));

    it('whose runner is lost ends as lost', needs(onRunner ? undefined : 'Only a runner can be lost.'), () =>
      inPlace(async (place) => {
        const lost = shell(place, 'echo; sleep 300', {
          stdout: () => {
            if (runner) process.kill(runner.pid, 'SIGKILL');
          },
        });
        expect(await lost).toMatchObject({ lost: true });
        expect(await shell(place, 'true')).toMatchObject({ lost: true });
        await place.release();
      }),
    );
  });
