import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { atMost, mb, ms, p50, percentile, ratio, seen, shuffled, timed, type Benchmark } from './figures.ts';
import { Repositories } from '../support/git.ts';

const MEBIBYTES = 100;
const FILES = 100;
const PAIRS = 7;
const SLOWER = 1.05;
const PROXY = path.join(import.meta.dirname, '..', 'support', 'git-proxy-program.ts');
const HOST = path.join(import.meta.dirname, '..', 'doubles', 'git-host', 'main.ts');
const REPOSITORY = 'acme/shop';

const run = promisify(execFile);

export const git: Benchmark = {
  name: 'git',
  title: 'Clones through the proxy',
  about: `Clones a repository of ${MEBIBYTES} MiB in ${FILES} files that cannot be compressed, with \`--depth 1 --single-branch --no-tags\`: from
a host with TLS itself, and through the agent's proxy. Host and proxy are processes of their own. There are ${PAIRS} pairs in random order
within each pair, after one pair of warm-up.`,
  async run() {
    using repositories = new Repositories();
    const files = Array.from({ length: FILES }, (_, i) => [`file-${i}`, randomBytes((MEBIBYTES / FILES) * 1_048_576)]);
    await repositories.make(REPOSITORY, Object.fromEntries(files) as Record<string, Buffer>);
    await using host = await start(HOST, ['--root', repositories.root, '--open', REPOSITORY], {});
    const { url: hostUrl, caFile } = host.told as { url: string; caFile: string };
    const url = `${hostUrl}/${REPOSITORY}`;
    await using proxy = await start(PROXY, [url], { NODE_EXTRA_CA_CERTS: caFile });
    const environments = { direct: { GIT_SSL_CAINFO: caFile }, through: proxy.told as Record<string, string> };
    const times = { direct: [] as number[], through: [] as number[] };
    for (let i = 0; i <= PAIRS; i += 1) {
      for (const way of shuffled(['direct', 'through'] as const)) {
        const time = await timed(() => clone(url, environments[way]));
        if (i > 0) times[way].push(time);
      }
    }
    const ratios = times.through.map((time, i) => time / (times.direct[i] ?? NaN));
    return [
      seen('clone from the host p50, p95', `${ms(p50(times.direct))}, ${ms(percentile(times.direct, 0.95))}`),
      seen('clone through the proxy p50, p95', `${ms(p50(times.through))}, ${ms(percentile(times.through, 0.95))}`),
      seen('peak RSS of the proxy', mb(proxy.peakBytes())),
      atMost('through the proxy / from the host, p50 of the pairs', p50(ratios), SLOWER, ratio),
    ];
  },
};

async function clone(url: string, environment: Record<string, string>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clone-'));
  const args = ['clone', '--quiet', '--depth', '1', '--single-branch', '--no-tags', url, folder];
  try {
    await run('git', args, {
      env: { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1', ...environment },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Starts a program that prints a line of JSON when it is ready. */
async function start(program: string, args: readonly string[], environment: Record<string, string>) {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ...environment },
  });
  const kill = () => void child.kill();
  process.once('exit', kill);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    told: JSON.parse(line) as unknown,
    peakBytes: () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024,
    async [Symbol.asyncDispose]() {
      process.off('exit', kill);
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}
