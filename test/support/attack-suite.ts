import { beforeAll, expect, it } from 'vitest';
import { attack, findingsIn, foundIn, promptFor, secret } from './attacks.ts';

/** A container's whole file system is searched, twice. */
const OPEN_MS = 240_000;

/** An agent with one runner, wherever they are. */
export interface Attacked {
  /** Has the agent run a prompt by the real CLI, whose API is our double; returns its output. */
  readonly run: (prompt: string) => Promise<string>;
  /** What the agent has, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The folders to search and to write to, in the container of the runner. */
  readonly roots: readonly string[];
  /** The port that the runner listens on, at 127.0.0.1 from inside, and one that is free. */
  readonly runnerPort: number;
  readonly freePort: number;
  /** A signature of the agent, in base64, for another nonce of the runner; without it none is tried. */
  readonly usedSignature?: string;
  /** What a run must not reach, as `NAME=HOST:PORT`. */
  readonly unreachable?: readonly string[];
}

/**
 * Has a run attack its runner and the agent, and the next one look for what the first one left.
 * @param open called once, before the first test.
 */
export function attackSuite(open: () => Promise<Attacked>): void {
  let first: string;
  let second: string;
  let tried: number;
  beforeAll(async () => {
    const { run, secrets, roots, runnerPort, freePort, usedSignature, unreachable = [] } = await open();
    const below = roots.flatMap((root) => ['--root', root]);
    const ports = ['--port', String(freePort)];
    const signature = usedSignature === undefined ? [] : ['--signature', usedSignature];
    tried = unreachable.length + 2 + signature.length / 2;
    first = await run(
      promptFor([
        attack('secrets', ...below, ...Object.entries(secrets).map(([name, value]) => secret(name, value))),
        attack('inspect'),
        attack('network', '--runner', `127.0.0.1:${runnerPort}`, ...signature, ...unreachable),
        attack('gateway'),
        attack('leave', ...below, ...ports, '--port', String(runnerPort)),
      ]),
    );
    const token = findingsIn(first).find(({ target }) => target === 'the token of this run')?.detail ?? '';
    second = await run(promptFor([attack('traces', ...below, ...ports), attack('gateway', '--token', token)]));
  }, OPEN_MS);

  const found = (output: string, name: string) => foundIn(output).filter((line) => line.startsWith(`${name}: `));
  const of = (output: string, name: string) => findingsIn(output).filter((finding) => finding.attack === name);

  it('finds no secret in files, processes and memory but the token of its run', () => {
    const lines = found(first, 'secrets');
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

  it('is not the agent for its runner, and reaches nothing else', () => {
    expect(of(first, 'network').length).toBeGreaterThanOrEqual(tried);
    expect(found(first, 'network')).toEqual([]);
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

  it('leaves nothing that a later run finds, and does not take the place of its runner', () => {
    const left = found(first, 'leave').join('\n');
    for (const what of ['files', '~/.bashrc', 'System V IPC', 'kill -STOP']) expect(left).toContain(what);
    const listening = of(first, 'leave').filter(({ target }) => target.startsWith('listening'));
    expect(listening.map(({ result }) => result)).toEqual(['found', 'blocked']);
    expect(of(second, 'traces').at(-1)?.target).toMatch(/^port/);
    expect(found(second, 'traces')).toEqual([]);
  });
}
