import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { withRemedy } from '../../../agent/claude/token-exchange.ts';
import { sessionCredential } from '../../../agent/login/credential.ts';
import { startLog } from '../../../agent/log.ts';
import { startAnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';
import { needs, unless } from '../../support/needs.ts';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');

let agent: Agent;
beforeEach(() => (agent = new Agent()));
afterEach(() => agent[Symbol.asyncDispose]());

describe('without a login', () => {
  const HOW = 'Log in with `npx claude auth login`. The next run uses that login.';

  it('the log, /health, the page and the response report it, and what to do', async () => {
    await using api = await startAnthropicDouble();
    Object.assign(agent.env, { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: api.url });
    await agent.start();
    await until(() => agent.lines.some((line) => line.includes('"warn"') && line.includes(HOW)), 'the log says so');
    expect((await agent.health()).auth.problem).toMatch(/^No login: .*ENOENT/);
    expect((await agent.health()).auth.problem).toContain(HOW);
    const page = await fetch(`${agent.url}/`, { method: 'POST', body: new URLSearchParams({ token: TOKEN }) });
    expect(await page.text()).toContain('npx claude auth login');
    const { error, outcome } = await agent.run('hello');
    expect({ error, outcome }).toEqual({ error: `Not logged in. ${HOW}`, outcome: 'auth_failed' });
    expect(api.requests).toEqual([]);
  });

  it('an unused API key is reported with the setting that uses it', async () => {
    agent.env['ANTHROPIC_API_KEY'] = 'sk-ant-api03-canary';
    await agent.start();
    expect((await agent.health()).auth.problem).toContain(
      'To use ANTHROPIC_API_KEY instead, start with AGENT_AUTH_MODE=apiKey.',
    );
    await until(() => agent.lines.some((line) => line.includes('AGENT_AUTH_MODE=apiKey')));
    expect(agent.lines.join()).not.toContain('canary');
  });

  it('a pod names the commands of the stack', async () => {
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    Object.assign(agent.env, { AGENT_SESSION_DIR: seed, AGENT_STACK: 'dev' });
    await agent.start();
    expect((await agent.health()).auth.problem).toMatch(/No login: .* Run `npm run login` and then `npm run up`\.$/);
    await agent.end('SIGTERM');
    agent.env['AGENT_STACK'] = 'prod';
    await agent.start();
    expect((await agent.health()).auth.problem).toContain(
      'Run `npm run login -- --stack prod` and then `npm run up -- --stack prod`.',
    );
  });

  it('a container without a stack names the status page and its folder', async () => {
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    agent.env['AGENT_SESSION_DIR'] = seed;
    await agent.start();
    expect((await agent.health()).auth.problem).toContain(
      `Log in on the status page, or put a login into ${seed} and restart the agent.`,
    );
  });

  it('a Mac reports no missing login, because it may be in the Keychain', () => {
    expect(sessionCredential('/nowhere', '/', '', 'darwin').status().present).toBe(true);
    expect(sessionCredential('/nowhere', '/', '', 'linux').status().present).toBe(false);
  });
});

it.each([
  ['Not logged in · Please run /login', 'Not logged in. Do this.'],
  [
    'OAuth refresh token is no longer valid; run /login to re-authenticate',
    'OAuth refresh token is no longer valid. Do this.',
  ],
  ['Your session has expired. Please run /login to sign in again.', 'Your session has expired. Do this.'],
  ['Please run /login', 'Claude needs a new login. Do this.'],
  ['API Error: 529 Overloaded', 'API Error: 529 Overloaded'],
])("the CLI's advice for its own terminal is replaced: %s", (said, told) => {
  expect(withRemedy(said, 'Do this.')).toBe(told);
});

it('a line of the log is a sentence for people, and cannot move the cursor', () => {
  const time = new Date('2026-11-28T10:20:30.000Z');
  vi.useFakeTimers({ toFake: ['Date'], now: time });
  onTestFinished(() => void vi.useRealTimers());
  const clock = time.toTimeString().slice(0, 8);
  const auth = { mode: 'session', source: '/x' };
  const terminal = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true });
  const log = startLog('info', terminal as unknown as NodeJS.WriteStream);
  log.info({ url: 'http://x', auth }, 'listening');
  expect(terminal.read()).toBe(`${clock}  Listening  (url http://x, auth.mode session, auth.source /x)\n`);
  log.warn({ removed: [], err: new Error('a\u001b[2Jb') }, 'it failed');
  expect(terminal.read()).toBe(`${clock}  WARN: It failed  (removed none, a [2Jb)\n`);
});

const hasScript = spawnSync('script', ['--version']).status === 0;

describe(
  'on a terminal, which `script` of util-linux makes',
  needs(unless(hasScript, 'There is no `script` (bsdutils of util-linux).')),
  () => {
    let terminal: ChildProcessWithoutNullStreams;
    let shown = '';

    /** `npm start` in a terminal. */
    async function npmStart(): Promise<string> {
      shown = '';
      const env = {
        PATH: process.env['PATH'],
        HOME: path.join(agent.folder, 'home'),
        AGENT_PORT: '0',
        AGENT_TOKEN: TOKEN,
        AGENT_STATE_DIR: agent.stateDir,
        AGENT_CLAUDE_PATH: agent.claude.path,
        AGENT_WARM_START: 'off',
      };
      terminal = spawn('script', ['-qefc', 'npm start', '/dev/null'], { cwd: ROOT, env });
      terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')));
      // The last output; a terminal delivers any part of a line.
      await until(() => /Try .*\s*\n/.test(shown), 'it listens');
      return /http:\/\/127\.0\.0\.1:\d+/.exec(shown)?.[0] ?? '';
    }
    const run = (url: string) =>
      fetch(`${url}/run`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
        body: '{"prompt":"slow"}',
      }).then((response) => response.json() as Promise<{ outcome: string }>);

    afterEach(() => terminal.kill('SIGKILL'));

    beforeEach(() => {
      const slow = [
        { do: 'wait', ms: 3000 },
        { do: 'result', text: 'done' },
      ];
      const script = path.join(agent.folder, 'script.json');
      writeFileSync(script, JSON.stringify({ journal: path.join(agent.folder, 'journal.jsonl'), prompts: { slow } }));
    });

    it('it prints sentences', async () => {
      await npmStart();
      expect(shown).toMatch(/\d\d:\d\d:\d\d {2}WARN: No login: [^{]*npx claude auth login/);
      expect(shown).not.toContain('{"level"');
      terminal.stdin.write('\u0003');
      await once(terminal, 'exit');
      expect(shown).toContain('Drained');
    });

    it('Ctrl-C lets a running prompt finish, although npm forwards it, and a second Ctrl-C does not wait', async () => {
      const finished = run(await npmStart());
      await until(() => agent.claude.begun().length === 1);
      terminal.stdin.write('\u0003');
      expect(await finished).toMatchObject({ outcome: 'succeeded' });
      await once(terminal, 'exit');

      const cut = run(await npmStart());
      await until(() => agent.claude.begun().length === 2);
      terminal.stdin.write('\u0003');
      await until(() => shown.includes('Draining'));
      // As long as a person takes: the signal that npm forwards arrives within this time.
      await new Promise((resolve) => setTimeout(resolve, 600));
      terminal.stdin.write('\u0003');
      expect(await cut).toMatchObject({ outcome: 'interrupted' });
      await once(terminal, 'exit');
    });
  },
);
