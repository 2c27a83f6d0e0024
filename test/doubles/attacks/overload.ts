/**
 * Uses up what a runner has, or stops it.
 *
 * Usage: overload.ts output | disk BYTES | processes | stop
 *
 * `output` writes 500 MB to stdout, `disk` fills the working directory, HOME and the folder for temporary files with up to
 * this much each, `processes`
 * starts 2,000 that stay, `stop` stops the runner and waits.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, report, TRACE } from './finding.ts';
import { runner } from './processes.ts';

const OUTPUT_BYTES = 500_000_000;
const CHUNK = Buffer.alloc(1_000_000, 'x');

const ATTACKS: Readonly<Record<string, () => unknown>> = {
  async output() {
    for (let left = OUTPUT_BYTES; left > 0; left -= CHUNK.length)
      if (!process.stdout.write(CHUNK)) await once(process.stdout, 'drain');
  },
  disk() {
    for (const dir of [process.cwd(), process.env['HOME'] ?? '', tmpdir()]) attempt(`disk of ${dir}`, () => fill(dir));
  },
  processes() {
    execFileSync('sh', ['-c', 'i=0; while [ $i -lt 2000 ]; do setsid sleep 3600 & i=$((i + 1)); done'], {
      stdio: 'ignore',
    });
    report('processes', 'found', 2000);
  },
  stop() {
    report('the runner', 'found', 'stopped');
    process.kill(runner(), 'SIGSTOP');
    return sleep(3_600_000);
  },
};

const [kind = '', bytes = '0'] = process.argv.slice(2);
await ATTACKS[kind]?.();

function fill(dir: string): string {
  const fd = openSync(path.join(dir, TRACE), 'w');
  let written = 0;
  try {
    while (written < Number(bytes)) written += writeSync(fd, CHUNK);
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code ?? ''} after ${written} bytes`;
  } finally {
    closeSync(fd);
  }
  return `${written} bytes`;
}
