import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Programs that leave a file `started` in their working directory. They need no environment. */
const PROGRAMS = {
  stay: '#!/bin/sh\n: > started\nexec tail -f started\n',
  /** Overwrites the memory that /proc/PID/environ shows. */
  wipe: "#!/usr/bin/perl\n$0 = 'x' x 100000;\nopen(my $file, '>', 'started');\nsleep while 1;\n",
  /** Keeps forking and exiting. */
  hop: '#!/bin/sh\n: > started\n"$0" &\n',
} as const;

/** Commands of `sh` that start one of the programs in ways that are hard to find at the end of a run. */
const SHAPES = {
  'in the group': './stay &',
  'in the group without environment': 'env -i ./stay &',
  'in a session': 'setsid ./stay &',
  'in a session without environment': 'env -i setsid ./stay &',
  'in a session without mark': 'env -u CLAUDE_AGENT_RUN setsid ./stay &',
  'forked twice without environment': '(setsid sh -c "env -i setsid ./stay & exit" & exit)',
  'that wiped its environment': 'setsid ./wipe &',
  'that hops': 'env -i setsid ./hop &',
} as const;

const LOOKS = 20;

/** Processes of several shapes, each in its own working directory. Disposing kills the rest. */
export class ProcessShapes {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'shapes-'));
  readonly #shapes: Readonly<Record<string, string>>;

  /** @param shapes commands by descriptions of their processes; `./stay` is a program that does not exit. */
  constructor(shapes: Readonly<Record<string, string>> = SHAPES) {
    this.#shapes = shapes;
    for (const shape of this.#names) {
      mkdirSync(this.#dir(shape));
      for (const [name, text] of Object.entries(PROGRAMS)) {
        writeFileSync(path.join(this.#dir(shape), name), text, { mode: 0o755 });
      }
    }
  }

  /** A command that starts one of each, and exits when all of them run. */
  get command(): string {
    const starts = this.#names.map((shape) => `(cd ${this.#dir(shape)}; ${this.#shapes[shape] ?? ''})`);
    const all = this.#names.map((shape) => `[ -e ${this.#dir(shape)}/started ]`).join(' && ');
    return `{ ${starts.join('; ')}; } > /dev/null 2>&1; until ${all}; do sleep 0.02; done`;
  }

  /** Whether one of each has started. */
  get started(): boolean {
    return this.#names.every((shape) => existsSync(path.join(this.#dir(shape), 'started')));
  }

  /** Which are alive, in any PID namespace. */
  get left(): string[] {
    const found = this.#pids.map(({ dir }) => dir);
    return this.#names.filter((shape) => found.includes(this.#dir(shape)));
  }

  /** Whether one of each is alive. One that keeps forking may be alive although this is false. */
  get all(): boolean {
    return this.left.length === this.#names.length;
  }

  [Symbol.dispose](): void {
    for (const { pid } of this.#pids) kill(pid);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Looks several times: a process that keeps forking is not in every list. */
  get #pids(): { pid: number; dir: string }[] {
    const found: { pid: number; dir: string }[] = [];
    for (let look = 0; look < LOOKS; look += 1) {
      for (const pid of readdirSync('/proc').map(Number).filter(Boolean)) {
        const dir = workingDirectoryOf(pid);
        if (dir?.startsWith(this.#folder)) found.push({ pid, dir });
      }
    }
    return found;
  }

  get #names(): string[] {
    return Object.keys(this.#shapes);
  }

  #dir(shape: string): string {
    return path.join(this.#folder, shape.replaceAll(' ', '-'));
  }
}

function workingDirectoryOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
