import { beforeAll, expect, it } from 'vitest';
import { attack, findingsIn, foundIn, secret } from './attacks.ts';

/** A container's whole file system is searched, several times. */
const OPEN_MS = 240_000;
/** As often at most the next run is had, until one of them is on the runner of the first. */
const TRIES = 6;
/** Prints where a run is, which is the name of its runner's container. */
export const TELL_HOST = 'echo "host: $(uname -n)"';
const EARLIER = 'the prompt of an earlier run: canary-of-the-earlier';
const WAITING = 'the prompt of a waiting run: canary-of-the-waiting';

/** Where {@link TELL_HOST} says that a run was. */
export const hostOf = (output: string) => /\bhost: (\S+)/.exec(output)?.[1];

/** An agent with runners, wherever they are. */
export interface Attacked {
  /**
   * Has the agent run commands of `sh`, with what they print as the output of the run.
   * @param words are in the prompt, too.
   */
  readonly run: (attacks: readonly string[], words?: string) => Promise<string>;
  /** Has a run with this prompt wait behind the one in progress, and resolves when it does; without it none waits. */
  readonly wait?: (prompt: string) => Promise<void>;
  /** What the agent has, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The folders to search and to write to, in the container of the runner. */
  readonly roots: readonly string[];
  /** The port that the runner listens on, at 127.0.0.1 from inside, and one that is free. */
  readonly runnerPort: number;
  readonly freePort: number;
  /** A signature of the agent, in base64, for another nonce of the runner; without it none is tried. */
  readonly usedSignature?: string;
}

/**
 * Has a run attack its runner and the agent, the next one on that runner look for what the first one left, and another one
 * for secrets.
 * @param open called once, before the first test.
 */
export function attackSuite(open: () => Promise<Attacked>): void {
  let first: string;
  let second: string;
  let search: string;
  let tried: number;
  beforeAll(async () => {
    const { run, wait, secrets, roots, runnerPort, freePort, usedSignature } = await open();
    const below = roots.flatMap((root) => ['--root', root]);
    const ports = ['--port', String(freePort)];
    const signature = usedSignature === undefined ? [] : ['--signature', usedSignature];
    tried = 2 + signature.length / 2;
    first = await run(
      [
        TELL_HOST,
        attack('inspect'),
        attack('network', '--runner', `127.0.0.1:${runnerPort}`, ...signature),
        attack('gateway'),
        attack('leave', ...below, ...ports, '--port', String(runnerPort)),
      ],
      EARLIER,
    );
    const token = findingsIn(first).find(({ target }) => target === 'the token of this run')?.detail ?? '';
    let tries = 0;
    do {
      tries += 1;
      second = await run([TELL_HOST, attack('traces', ...below, ...ports), attack('gateway', '--token', token)]);
    } while (hostOf(second) !== hostOf(first) && tries < TRIES);
    const all = { ...secrets, 'an earlier run': EARLIER, ...(wait && { 'a waiting run': WAITING }) };
    const given = Object.entries(all).map(([name, value]) => secret(name, value));
    [search] = await Promise.all([run([attack('secrets', ...below, ...given)]), wait?.(WAITING)]);
  }, OPEN_MS);

  const found = (output: string, name: string) => foundIn(output).filter((line) => line.startsWith(`${name}: `));
  const of = (output: string, name: string) => findingsIn(output).filter((finding) => finding.attack === name);

  it('finds no secret and no prompt of another run in files, processes and memory, but the token of its run', () => {
    const lines = found(search, 'secrets');
    expect(lines).toContainEqual(expect.stringMatching(/^secrets: \/proc\/\d+\/mem: the token of this run$/));
    expect(lines.filter((line) => !line.endsWith(': the token of this run'))).toEqual([]);
  });

  it('neither reads nor changes its runner and PID 1, nor opens their inspectors', () => {
    const lines = found(first, 'inspect');
    // A container runtime may refuse the other system calls to everyone.
    for (const call of ['environ', 'ptrace attach']) expect(lines.join('\n')).toContain(`${call} of its own process`);
    expect(lines.filter((line) => !line.includes('its own process'))).toEqual([]);
    expect(of(first, 'inspect').at(-1)?.target).toBe('the inspector of the runner');
  });

  it('is not the agent for its runner', () => {
    const pretences = of(first, 'network').filter(({ target }) => target.startsWith('127.0.0.1:'));
    expect(pretences.map(({ result }) => result)).toEqual(Array(tried).fill('blocked'));
  });

  it('gets nothing from the gateway but messages, and by the token of a run nothing after its end', () => {
    const [token, ...answers] = found(first, 'gateway');
    expect(token).toMatch(/: run_\S+$/);
    expect(answers).toEqual(['gateway: its own token: 200']);
    const [nextToken, ...nextAnswers] = found(second, 'gateway');
    expect(nextToken).not.toBe(token);
    expect(nextAnswers).toEqual(answers);
    expect(of(second, 'gateway')).toContainEqual(
      expect.objectContaining({ target: 'token 0 of another run', result: 'blocked', detail: '403' }),
    );
  });

  it('leaves nothing that the next run on its runner finds, and does not take the place of its runner', () => {
    expect(hostOf(first)).toBeTruthy();
    expect(hostOf(second)).toBe(hostOf(first));
    const left = found(first, 'leave').join('\n');
    for (const what of ['files', '~/.bashrc', 'System V IPC', 'kill -STOP']) expect(left).toContain(what);
    const listening = of(first, 'leave').filter(({ target }) => target.startsWith('listening'));
    expect(listening.map(({ result }) => result)).toEqual(['found', 'blocked']);
    expect(of(second, 'traces').at(-1)?.target).toMatch(/^port/);
    expect(found(second, 'traces')).toEqual([]);
  });
}
