import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClaude } from '../../../agent/claude/process.ts';
import { Agent, isAlive, until } from '../../support/agent.ts';
import { HOSTS } from '../../support/hosts.ts';
import type { Step } from '../../doubles/claude/script.ts';

const prompts: Record<string, readonly Step[]> = {
  'streams slowly': [{ do: 'stream', deltas: Array.from({ length: 100 }, (_, i) => `w${i} `), every: 50 }],
  'says and hangs': [{ do: 'say', text: 'first' }, { do: 'stream', deltas: ['second '], every: 1 }, { do: 'hang' }],
  'ignores everything': [
    { do: 'ignore' },
    { do: 'setsid' },
    { do: 'stream', deltas: ['partial'], every: 1 },
    { do: 'hang' },
  ],
  'hangs after its result': [{ do: 'ignore' }, { do: 'result', text: 'done' }, { do: 'hang' }],
  'leaves a grandchild': [{ do: 'setsid' }, { do: 'result', text: 'done' }],
  'dies and leaves a grandchild': [{ do: 'setsid' }, { do: 'exit', code: 1 }],
  'floods its result': [{ do: 'flood', bytes: 60_000_000 }],
  'floods messages': [
    { do: 'messages', count: 30 },
    { do: 'result', text: 'small' },
  ],
  'says much': [{ do: 'flood', bytes: 2_000_000 }],
  'complains much': [
    { do: 'stderr', text: `begins ${'e'.repeat(20_000)}` },
    { do: 'exit', code: 1 },
  ],
  'says much and hangs': [{ do: 'messages', count: 3 }, { do: 'hang' }],
};

describe.each(HOSTS)('a process %s', (_, { agent: command, create, inAgent }) => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({
      command,
      prompts,
      env: {
        ANTHROPIC_API_KEY: 'sk-stray',
        AGENT_WATCHDOG_TOKEN_SHA256: 'a'.repeat(64),
        NODE_OPTIONS: '',
        SECRET_OF_AGENT: 'x',
      },
    });
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  const ofRuns = () => agent.claude.journal().filter(({ what }) => what !== 'started');
  const nothingLeft = () => until(() => ofRuns().every(({ pid }) => !isAlive(pid)), 'no process left');

  describe('the deadline', () => {
    it('interrupts Claude and keeps its output', async () => {
      const answer = await agent.run('streams slowly', { timeout: 800 });
      expect(answer).toMatchObject({ success: false, outcome: 'timed_out', exitCode: 124 });
      expect(answer.output).toMatch(/^w0 w1 /);
      await nothingLeft();
    });

    it('keeps complete messages and the beginning of the next one', async () => {
      const answer = await agent.run('says and hangs', { timeout: 700 });
      expect(answer.output).toMatch(/^first\n\nsecond/);
    });

    it('ends a process that ignores the interrupt, SIGTERM and the end of its input, with all its descendants', async () => {
      const answer = await agent.run('ignores everything', { timeout: 2000 });
      expect(answer).toMatchObject({ outcome: 'timed_out', output: 'partial' });
      await nothingLeft();
      expect(agent.claude.journal().filter(({ what }) => what === 'grandchild')).not.toHaveLength(0);
    });

    it('works with a timeout of one millisecond, too', async () => {
      expect(await agent.run('says and hangs', { timeout: 1 })).toMatchObject({ outcome: 'timed_out', exitCode: 124 });
    });
  });

  describe('a result', () => {
    it('is returned at once although the process hangs; the process is ended before the next run starts', async () => {
      const answer = await agent.run('hangs after its result');
      expect(answer).toMatchObject({ success: true, output: 'done' });
      await agent.run('after it');
      const hung = agent.claude.journal().find(({ prompt }) => prompt === 'hangs after its result');
      expect(isAlive(hung?.pid ?? 0)).toBe(false);
    });

    it.each(['leaves a grandchild', 'dies and leaves a grandchild'])('of a run that %s leaves none', async (prompt) => {
      await agent.run(prompt);
      await nothingLeft();
      expect(agent.claude.journal().some((entry) => entry.what === 'grandchild' && entry.prompt === prompt)).toBe(true);
    });
  });

  describe('output', () => {
    it('is cut at 1,048,576 characters, with a warning', async () => {
      const answer = await agent.run('says much');
      expect(answer).toMatchObject({
        success: true,
        warnings: ['The output is truncated: its last 951424 characters are missing.'],
      });
      expect(answer.output).toHaveLength(1_048_576);
    });

    it('that arrived before a timeout is cut, too', async () => {
      const answer = await agent.run('says much and hangs', { timeout: 1500 });
      expect(answer.output).toHaveLength(1_048_576);
      expect(answer.warnings).toHaveLength(1);
    });

    it('of one endless line fails the run and is not kept in memory', async () => {
      const answer = await agent.run('floods its result');
      expect(answer).toMatchObject({ success: false, outcome: 'failed' });
      expect(answer.error).toContain('too long to be an event');
    });

    it('on stderr is cut at 8192 characters', async () => {
      const { error } = await agent.run('complains much');
      expect(error).toMatch(/begins e+$/);
      expect(error?.slice(error.indexOf('begins'))).toHaveLength(8192);
    });

    it('of many messages does not affect the answer', async () => {
      expect(await agent.run('floods messages')).toMatchObject({ success: true, output: 'small' });
    });
  });

  describe('a process', () => {
    it("gets an environment without the agent's variables, and the prompt on stdin only", async () => {
      const { sessionId, runId } = await agent.run('look around');
      const entry = agent.claude.journal().find(({ prompt }) => prompt === 'look around');
      if (entry?.what !== 'began') throw new Error('it did not begin');
      expect(Object.keys(entry.env).sort()).toEqual(
        expect.arrayContaining(['CLAUDE_AGENT_RUN', 'CLAUDE_CODE_MAX_RETRIES', 'DISABLE_AUTOUPDATER', 'HOME', 'PATH']),
      );
      const foreign = Object.keys(entry.env).filter((name) => /^AGENT_|TOKEN|SECRET|API_KEY/.test(name));
      expect(foreign).toEqual([]);
      expect(entry.env['CLAUDE_AGENT_RUN']).toMatch(
        new RegExp(`^[0-9a-f-]{36}/(${runId}|prepared-${sessionId}-[0-9a-f-]{36})$`),
      );
      expect(entry.args.join(' ')).not.toContain('look around');
      expect(entry.args).toEqual(expect.arrayContaining(['--session-id', sessionId, '--strict-mcp-config']));
      expect(entry.parent === agent.pid).toBe(inAgent);
    });

    it('that cannot be started reports why', async () => {
      const cwd = path.join(agent.folder, 'missing');
      const host = create();
      const waiting = startClaude({ file: agent.claude.path, args: [], env: {}, cwd, mark: 'i/r' }, host);
      await waiting.exited;
      expect(waiting.waits).toBe(false);
      const begun = waiting.begin({ prompt: 'too late', deadline: performance.now() + 60_000, retryWaitMs: 0 });
      const { startError, endedBy, exitCode } = await begun.report;
      expect({ startError, endedBy, exitCode }).toEqual({
        startError: expect.stringContaining('ENOENT') as string,
        endedBy: 'itself',
      });
      await begun.reaped;
      await host[Symbol.asyncDispose]?.();
    });
  });
});
