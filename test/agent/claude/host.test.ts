import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostedProcess, ProcessHost } from '../../../agent/claude/host.ts';
import { until } from '../../support/agent.ts';
import { PORT_HOSTS } from '../../support/hosts.ts';
import { needs, unless } from '../../support/needs.ts';
import { ProcessShapes } from '../../support/process-shapes.ts';

const LINUX = unless(process.platform === 'linux', 'It reads /proc, which only Linux has.');

/** A shell that tells its process id and then obeys its stdin. */
const SHELL = 'echo $$; exec sh';

interface Started extends HostedProcess {
  /** Its output so far. */
  readonly said: { stdout: string; stderr: string };
}

for (const [where, { create, close, leavesProcesses, missing }] of PORT_HOSTS)
  describe(`a process host ${where}`, needs(missing), () => {
    let host: Awaited<ReturnType<typeof create>>;
    let folder: string;
    const instance = randomUUID();
    const started: HostedProcess[] = [];
    beforeEach(async () => {
      host = await create();
      folder = mkdtempSync(path.join(tmpdir(), 'host-'));
    });
    afterEach(async () => {
      await Promise.all(started.splice(0).map((each) => each.sweep()));
      await host[Symbol.asyncDispose]?.();
      rmSync(folder, { recursive: true });
    });
    afterAll(() => close?.());

    function start(script: string, cwd = folder, on: ProcessHost = host): Started {
      const mark = `${instance}/${randomUUID()}`;
      const said = { stdout: '', stderr: '' };
      const hosted = on.start(
        {
          file: 'sh',
          args: ['-c', script],
          env: { PATH: process.env['PATH'] ?? '', CLAUDE_AGENT_RUN: mark },
          cwd,
          mark,
        },
        {
          stdout: (chunk) => (said.stdout += chunk.toString()),
          stderr: (chunk) => (said.stderr += chunk.toString()),
        },
      );
      started.push(hosted);
      return Object.assign(hosted, { said });
    }

    /** A process that waits for commands. */
    async function shell(): Promise<Started> {
      const process = start(SHELL);
      await until(() => process.said.stdout.includes('\n'), 'it has started');
      return process;
    }

    const isAlive = async (process: HostedProcess) => (await process.residentBytes()) > 0;

    it('passes stdin, stdout, stderr and the exit code', async () => {
      const process = start('cat; echo problem >&2; exit 3');
      process.write('first ');
      process.write('second\u2028');
      process.closeStdin();
      expect(process.writable).toBe(false);
      expect(await process.exit).toEqual({ code: 3 });
      await process.outputEnd;
      expect(process.said).toEqual({ stdout: 'first second\u2028', stderr: 'problem\n' });
    });

    it('sends signals and tells which one ended the process', async () => {
      const process = await shell();
      process.signal('SIGTERM');
      expect(await process.exit).toEqual({ signal: 'SIGTERM' });
      process.signal('SIGKILL');
      process.write('too late\n');
    });

    it('tells why a process could not be started', async () => {
      const process = start('true', path.join(folder, 'missing'));
      expect(await process.exit).toEqual({ startError: expect.stringContaining('ENOENT') as string });
      await process.outputEnd;
      process.write('too late\n');
      process.closeStdin();
      process.signal('SIGTERM');
      expect(await process.residentBytes()).toBe(0);
      await process.sweep();
    });

    it('tells the exit although a descendant holds the pipes open, until the sweep', async () => {
      const process = start('setsid sleep 300 & exit 0');
      let ended = false;
      void process.outputEnd.then(() => (ended = true));
      expect(await process.exit).toEqual({ code: 0 });
      expect(ended).toBe(false);
      await process.sweep();
      await process.outputEnd;
    });

    it('measures the memory of a process', needs(LINUX), async () => {
      const process = await shell();
      expect(await process.residentBytes()).toBeGreaterThan(100_000);
      process.closeStdin();
      await process.exit;
      expect(await process.residentBytes()).toBe(0);
    });

    if (leavesProcesses)
      it('kills what an earlier host left behind', needs(LINUX), async () => {
        const process = await shell();
        const later = await create();
        expect(await later.killLeftovers(randomUUID())).toBe(0);
        expect(await later.killLeftovers(instance)).toBeGreaterThan(0);
        expect(await process.exit).toEqual({ signal: 'SIGKILL' });
        await later[Symbol.asyncDispose]?.();
      });

    it('at the end of one process keeps the others, and all that they started', needs(LINUX), async () => {
      using ofOne = new ProcessShapes();
      using ofOther = new ProcessShapes();
      const [one, other, idle] = await Promise.all([shell(), shell(), shell()]);
      one.write(`${ofOne.command}\n`);
      other.write(`${ofOther.command}\n`);
      await until(() => ofOne.started && ofOther.started, 'all have started');
      await one.sweep();
      expect(ofOne.left).toEqual([]);
      // One that keeps forking is not in every list of processes.
      await until(() => ofOther.all, "all of the other's are left");
      expect(await Promise.all([other, idle].map(isAlive))).toEqual([true, true]);
      await other.sweep();
      expect({ other: ofOther.left, idle: await isAlive(idle) }).toEqual({ other: [], idle: true });
    });
  });
