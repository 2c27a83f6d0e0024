import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RUNNER_CLAUDE, RUNNER_HOME, RUNNER_WORKSPACE } from '../../../agent/claude/host.ts';
import { residentBytesOf } from '../../../agent/claude/proc.ts';
import { NoRunnerError } from '../../../agent/claude/no-runner-error.ts';
import { WINDOW_BYTES } from '../../../agent/runner/protocol.ts';
import { isAlive, until } from '../../support/agent.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram, runnersAt, TestRunnerHost } from '../../support/runner.ts';
import { RawAgent } from './raw-agent.ts';

const MEBIBYTE = 1_048_576;

describe('a run on a runner', needs(NO_CONTAINER), () => {
  let runner: RunnerProgram;
  let host: TestRunnerHost;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'mirror-'));
    const claude = path.join(folder, 'claude');
    writeFileSync(claude, '#!/bin/sh\necho I am claude', { mode: 0o755 });
    runner = await RunnerProgram.start({ env: { RUNNER_CLAUDE_PATH: claude } });
  });
  afterAll(async () => {
    await runner[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    host = await runnersAt([runner.address]);
  });
  afterEach(() => host[Symbol.asyncDispose]());

  it('gets its files and folders, in the HOME and workspace of the runner', async () => {
    const files = [
      { path: `${RUNNER_HOME}/.claude/settings.json`, mode: 0o600, content: Buffer.from('{}') },
      { path: `${RUNNER_WORKSPACE}/empty`, mode: 0o644, content: Buffer.alloc(0) },
      { path: `${RUNNER_WORKSPACE}/bin/large`, mode: 0o755, content: Buffer.alloc(3 * WINDOW_BYTES, 'x') },
    ];
    const script = 'echo "$0 $TMPDIR $NAMED"; cat "$0/.claude/settings.json"; stat -c "%a %s" empty bin/large';
    const shell = host.shell('', {
      args: ['-c', script, RUNNER_HOME],
      env: { HOME: '/elsewhere', NAMED: `${RUNNER_HOME}/x` },
      cwd: RUNNER_WORKSPACE,
      files,
    });
    await shell.outputEnd;
    const home = runner.path('home');
    expect(shell.said.stdout).toBe(`${home} ${runner.path('tmp')} ${home}/x\n{}644 0\n755 ${3 * WINDOW_BYTES}\n`);
  });

  it('may be the CLI of the runner', async () => {
    const shell = host.shell('', { file: RUNNER_CLAUDE });
    await shell.outputEnd;
    expect(shell.said.stdout).toBe('I am claude\n');
  });

  it.each([
    { where: 'in something that is no folder', file: `${RUNNER_HOME}/file/in-file`, said: 'EEXIST' },
    { where: 'elsewhere', file: `${RUNNER_HOME}/../elsewhere`, said: 'neither in HOME nor in the workspace' },
  ])('fails to start if a file is to be $where', async ({ file, said }) => {
    const content = Buffer.from('text');
    const files = [`${RUNNER_HOME}/file`, file].map((name) => ({ path: name, mode: 0o600, content }));
    const shell = host.shell('true', { files });
    expect(await shell.exit).toEqual({ startError: expect.stringContaining(said) as string });
    await shell.sweep();
  });

  it('leaves nothing of its prompt, its output and its environment in the log of the runner', async () => {
    const secrets = ['word-of-the-prompt', 'word-of-stdout', 'word-of-stderr', 'word-of-the-environment'];
    const [prompt = '', stdout = '', stderr = '', variable = ''] = secrets;
    const shell = host.shell(`cat; echo ${stdout}; echo ${stderr} >&2; exit 3`, { env: { VARIABLE: variable } });
    shell.write(prompt);
    shell.closeStdin();
    expect(await shell.exit).toEqual({ code: 3 });
    await shell.outputEnd;
    expect(shell.said).toEqual({ stdout: `${prompt}${stdout}\n`, stderr: `${stderr}\n` });
    await shell.sweep();
    await host.until('ready');
    const log = runner.lines.join('\n');
    expect(log).toContain('"msg":"listening"');
    for (const secret of secrets) expect(log).not.toContain(secret);
  });

  it('ends when the connection ends, and the next agent finds the runner ready', async () => {
    const shell = host.shell('sleep 300 & echo $!; wait');
    await until(() => shell.said.stdout !== '', 'it runs');
    const [pid = 0] = descendantsOf(runner.pid).slice(-1);
    expect(isAlive(pid)).toBe(true);
    await host[Symbol.asyncDispose]();
    expect(await shell.exit).toEqual({ lost: true });
    await shell.sweep();
    await using next = await runnersAt([runner.address]);
    expect(isAlive(pid)).toBe(false);
    expect(() => next.shell('true')).not.toThrow();
  });

  it('needs a runner that is ready', async () => {
    const shell = host.shell('cat');
    expect(host.counts).toEqual({ connecting: 0, ready: 0, busy: 1, used: 0, unreachable: 0 });
    expect(() => host.shell('true')).toThrow(NoRunnerError);
    await shell.sweep();
    expect(await shell.exit).toEqual({ signal: 'SIGKILL' });
    await host.until('ready');
  });

  it('goes on when the address of its runner is gone', async () => {
    const addresses = [runner.address];
    await host[Symbol.asyncDispose]();
    await using other = new TestRunnerHost([], { addresses: () => addresses });
    await other.until('ready');
    const shell = other.shell('cat');
    shell.write('x');
    addresses.length = 0;
    other.refresh();
    expect(other.counts).toMatchObject({ busy: 1 });
    shell.closeStdin();
    expect(await shell.exit).toEqual({ code: 0 });
    await shell.sweep();
    expect(other.counts).toEqual({ connecting: 0, ready: 0, busy: 0, used: 0, unreachable: 0 });
  });

  it('does not begin on a runner whose address is gone: a process that waits there for it ends', async () => {
    const addresses = [runner.address];
    await host[Symbol.asyncDispose]();
    await using other = new TestRunnerHost([], { addresses: () => addresses });
    await other.until('ready');
    const shell = other.shell('cat');
    addresses.length = 0;
    other.refresh();
    expect(await shell.exit).toEqual({ lost: true });
    expect(other.counts).toEqual({ connecting: 0, ready: 0, busy: 0, used: 0, unreachable: 0 });
  });

  it('sends and gets more than memory should hold', async () => {
    const text = 'x'.repeat(MEBIBYTE);
    const shell = host.shell('cat | wc -c; head -c 200000000 /dev/zero | tr "\\0" y | tail -c 4', {});
    for (let count = 0; count < 32; count += 1) shell.write(text);
    shell.closeStdin();
    await shell.outputEnd;
    expect(shell.said.stdout).toBe(`${32 * MEBIBYTE}\nyyyy`);
  });

  it('waits while the agent does not take its output, and still answers pings', async () => {
    await host[Symbol.asyncDispose]();
    const agent = new RawAgent(runner.address);
    await agent.start('exec head -c 300000000 /dev/zero');
    await agent.untilReceived(WINDOW_BYTES);
    const before = residentBytesOf(runner.pid);
    for (let turn = 0; turn < 20; turn += 1) await agent.ping();
    expect(agent.received).toBe(WINDOW_BYTES);
    expect(residentBytesOf(runner.pid) - before).toBeLessThan(32 * MEBIBYTE);
    agent.say({ type: 'acknowledge', channel: 'stdout', bytes: 1000 });
    await agent.untilReceived(WINDOW_BYTES + 1000);
    agent.close();
  });

  it('that does not read its input costs the runner no memory', async () => {
    const shell = host.shell('echo started; sleep 300');
    await until(() => shell.said.stdout !== '', 'it has started');
    const before = residentBytesOf(runner.pid);
    shell.write('x'.repeat(128 * MEBIBYTE));
    for (let turn = 0; turn < 20; turn += 1) await shell.residentBytes();
    expect(residentBytesOf(runner.pid) - before).toBeLessThan(32 * MEBIBYTE);
    await shell.sweep();
  });

  describe('with a conversation', () => {
    it('gives it to the agent while it goes on and at its end, and nothing else', async () => {
      const mirror = path.join(folder, 'conversation');
      const script = `mkdir -p "$HOME/.claude/projects/p/sub" && cd "$HOME/.claude/projects/p"
        printf 'one\\n' > c.jsonl; printf '{}' > sub/meta.json
        ln -s /etc/passwd link.jsonl; ln -s /etc dir; mkfifo fifo.jsonl; truncate -s 2G huge.jsonl
        echo begun; read line; printf 'two\\n' >> c.jsonl; printf '{"a":1}' > sub/meta.json`;
      const shell = host.shell(script, { mirror });
      await until(() => shell.said.stdout !== '', 'it has begun');
      await shell.pull?.();
      expect(readFileSync(path.join(mirror, 'p/c.jsonl'), 'utf8')).toBe('one\n');
      shell.write('go on\n');
      await shell.exit;
      await shell.sweep();
      const copied = readdirSync(mirror, { recursive: true }).sort();
      expect(copied).toEqual(['p', 'p/c.jsonl', 'p/sub', 'p/sub/meta.json']);
      expect(readFileSync(path.join(mirror, 'p/c.jsonl'), 'utf8')).toBe('one\ntwo\n');
      expect(readFileSync(path.join(mirror, 'p/sub/meta.json'), 'utf8')).toBe('{"a":1}');
      expect(host.lines.join()).toContain('more files of conversations');
    });
  });
});

describe('a runner that is lost', needs(NO_CONTAINER), () => {
  it('by SIGSTOP is given up, its run ends with a reason, others go on, and it is ready again when it goes on', async () => {
    await using first = await RunnerProgram.start();
    await using second = await RunnerProgram.start();
    const runners = [first, second];
    await using host = await runnersAt(
      runners.map(({ address }) => address),
      { pingMs: 100, silenceMs: 1500 },
    );
    const shell = host.shell('kill -STOP $PPID; sleep 300');
    expect(await shell.exit).toEqual({ lost: true });
    await shell.outputEnd;
    await shell.sweep();
    expect(await shell.residentBytes()).toBe(0);
    const stopped = runners.filter(({ pid }) => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(' T '));
    expect(stopped).toHaveLength(1);

    process.kill(stopped[0]?.pid ?? 0, 'SIGCONT');
    await host.until('ready', 2);
    const untouched = host.shell('cat');
    expect(await host.resultOf('kill -STOP $PPID; sleep 300')).toMatchObject({
      outcome: 'interrupted',
      error: expect.stringMatching(
        /^The agent lost the connection to the runner while the run was in progress\./,
      ) as string,
    });
    untouched.write('still here');
    untouched.closeStdin();
    expect(await untouched.exit).toEqual({ code: 0 });
    await untouched.outputEnd;
    expect(untouched.said.stdout).toBe('still here');
  });

  it('by SIGKILL is unreachable, and others go on', async () => {
    await using other = await RunnerProgram.start();
    const runner = await RunnerProgram.start();
    await using host = await runnersAt([runner.address]);
    await using both = await runnersAt([other.address]);
    const [result, untouched] = [host.resultOf('sleep 300'), both.shell('cat')];
    await runner[Symbol.asyncDispose]();
    expect(await result).toMatchObject({
      outcome: 'interrupted',
      error: expect.stringMatching(
        /^The agent lost the connection to the runner while the run was in progress\./,
      ) as string,
    });
    await host.until('unreachable');
    untouched.closeStdin();
    expect(await untouched.exit).toEqual({ code: 0 });
  });
});

describe('a runner that gets SIGTERM', needs(NO_CONTAINER), () => {
  it('lets its run end, takes no other, and exits with 0', async () => {
    await using runner = await RunnerProgram.start();
    await using host = await runnersAt([runner.address]);
    const shell = host.shell('cat; exit 3');
    shell.write('at the beginning, and ');
    await until(() => shell.said.stdout !== '', 'it has its input');
    process.kill(runner.pid, 'SIGTERM');
    await until(() => runner.lines.join().includes('draining'), 'it drains');
    expect(await runner.health()).toMatchObject({ status: 'draining', state: 'busy' });
    shell.write('at the end');
    shell.closeStdin();
    expect(await shell.exit).toEqual({ code: 3 });
    await shell.sweep();
    expect(await runner.exit).toBe(0);
    expect(shell.said.stdout).toBe('at the beginning, and at the end');
  });

  it('ends a process that waits for a run at once', async () => {
    await using runner = await RunnerProgram.start();
    await using host = await runnersAt([runner.address]);
    const shell = host.shell('cat');
    process.kill(runner.pid, 'SIGTERM');
    expect(await shell.exit).toEqual({ lost: true });
    expect(await runner.exit).toBe(0);
  });

  it('ends a run that takes longer than the grace time', async () => {
    await using runner = await RunnerProgram.start({ env: { RUNNER_GRACE_SECONDS: '0' } });
    await using host = await runnersAt([runner.address]);
    const shell = host.shell('cat; sleep 300');
    shell.write('x');
    await until(() => shell.said.stdout !== '', 'it has its input');
    process.kill(runner.pid, 'SIGTERM');
    expect(await shell.exit).toEqual({ lost: true });
    expect(await runner.exit).toBe(0);
  });
});

/** All descendants of a process, parents first. */
function descendantsOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const children = text === '' ? [] : text.split(' ').map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}
