import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import type { Health } from '../../../agent/http/api/state.ts';
import { Agent, until, WITHOUT_TOKEN } from '../../support/agent.ts';
import { mayMount } from '../../support/may-mount.ts';
import { needs, unless } from '../../support/needs.ts';

describe(
  'on a disk of its own, the agent',
  needs(unless(mayMount(), 'It needs the right to mount a tmpfs: run it as root.')),
  () => {
    let agent: Agent;
    let disk: string;
    beforeEach(() => {
      const leaves = { do: 'shell', command: 'head -c 1000000 /dev/zero > "$CLAUDE_RUN_OUT/left"' } as const;
      const hang = [leaves, { do: 'say', text: 'written' }, { do: 'hang' }] as const;
      agent = new Agent({ prompts: { hang } });
      disk = path.join(agent.folder, 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]);
      agent.env['AGENT_STATE_DIR'] = disk;
    });
    afterEach(async () => {
      await agent.end('SIGKILL');
      execFileSync('umount', ['--lazy', disk]);
      await agent[Symbol.asyncDispose]();
    });

    /** Fills the disk, like another program would. */
    function fill(): void {
      const { bavail, bsize } = statfsSync(disk);
      writeFileSync(path.join(disk, 'filler'), Buffer.alloc(bavail * bsize));
    }
    const makeRoom = () => rmSync(path.join(disk, 'filler'));
    const ready = async () => (await agent.fetch('/ready', WITHOUT_TOKEN)).status;
    const create = async (prompt: string, key?: string) => {
      const headers = { 'Content-Type': 'application/json', ...(key !== undefined && { 'Idempotency-Key': key }) };
      return agent.fetch('/runs', { method: 'POST', body: JSON.stringify({ prompt }), headers });
    };
    const upload = () => agent.fetch('/files?name=a.txt', { method: 'PUT', body: Buffer.alloc(1_000_000) });
    const idOf = async (response: Response) => ((await response.json()) as RunResource).id;
    const outcomeOf = async (id: string) => {
      const run = (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
      return run.state === 'ended' ? run.outcome : run.state;
    };

    it('records the ends of accepted runs when the disk is full, and accepts nothing until there is space', async () => {
      await agent.start();
      const running = await idOf(await create('hang'));
      const waiting = await idOf(await create('waits', 'a-key'));
      const steps = async () => (await agent.fetch(`/runs/${running}/transcript`)).text();
      await until(async () => (await steps()).includes('written'), 'it has left a file');
      fill();
      const cancelled = await agent.fetch(`/runs/${waiting}`, { method: 'DELETE' });
      expect([cancelled.status, await outcomeOf(waiting)]).toEqual([200, 'cancelled']);
      expect((await create('another')).status).toBe(503);
      const refused = await upload();
      expect(refused.status).toBe(507);
      expect(await refused.text()).toContain("The agent's volume is full");
      expect(readdirSync(path.join(disk, 'files'))).toEqual([]);
      expect(await ready()).toBe(503);
      expect((await agent.health()).storage).toContain('ENOSPC');
      await agent.fetch(`/runs/${running}`, { method: 'DELETE' });
      await until(async () => (await outcomeOf(running)) === 'cancelled');
      // What is left of the reserved room is for the ends of other runs.
      expect(await (await agent.fetch(`/runs/${running}`)).json()).toMatchObject({
        warnings: ['The file "left" was not kept. The agent\'s volume cannot be written.'],
      });

      await agent.crash();
      expect(await outcomeOf(waiting)).toBe('cancelled');
      makeRoom();
      await until(async () => (await ready()) === 200, 'ready');
      expect((await agent.run('after')).success).toBe(true);
      expect((await upload()).status).toBe(201);
      expect(agent.claude.begun()).toEqual(['hang', 'after']);
    });

    it.each([
      ['full', fill, makeRoom],
      [
        'read-only',
        () => execFileSync('mount', ['-o', 'remount,ro', disk]),
        () => execFileSync('mount', ['-o', 'remount,rw', disk]),
      ],
    ])('that starts on one that is %s is alive, reports it, and continues when it can', async (_, breakIt, mendIt) => {
      breakIt();
      await agent.start();
      expect((await agent.fetch('/health', WITHOUT_TOKEN)).status).toBe(200);
      expect(((await agent.health()) satisfies Health).storage).toMatch(/Free space/);
      expect(await ready()).toBe(503);
      expect((await agent.post({ prompt: 'too early' })).status).toBe(503);
      mendIt();
      await until(async () => (await ready()) === 200, 'ready');
      expect((await agent.run('after')).success).toBe(true);
      expect(await agent.end('SIGTERM')).toBe(0);
    });

    it('that has records starts on a full and on a read-only disk, and records the interrupted run when it can', async () => {
      await agent.start();
      const running = await idOf(await create('hang'));
      fill();
      await agent.crash();
      await until(async () => (await outcomeOf(running)) === 'interrupted');
      expect(await ready()).toBe(503);
      await agent.end('SIGKILL');
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      await agent.start();
      expect(await ready()).toBe(503);
      execFileSync('mount', ['-o', 'remount,rw', disk]);
      makeRoom();
      await until(async () => (await ready()) === 200, 'ready');
      expect(await outcomeOf(running)).toBe('interrupted');
    });

    it('exits at once on a signal while it waits for the disk', async () => {
      fill();
      await agent.start();
      expect(await agent.end('SIGTERM')).toBe(0);
    });
  },
);
