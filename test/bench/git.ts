import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { startDoubleProgram } from '../support/double-program.ts';
import { gitOutput, Repositories } from '../support/git.ts';
import {
  atMost,
  mb,
  ms,
  p50,
  p50AndP95,
  ratio,
  seen,
  shuffled,
  timed,
  type Benchmark,
  type Figure,
} from './figures.ts';
import { peakRss } from './memory-of.ts';
import { QUICK_CLAUDE } from './quick-claude.ts';
import { runWell } from './run-well.ts';
import { startWithRunners } from './runners.ts';

const MEBIBYTES = 100;
const FILES = 100;
const PAIRS = 11;
const SLOWER = 1.05;
const RUN_SLOWER = 1.3;
const PROXY = path.join(import.meta.dirname, '..', 'support', 'git-proxy-program.ts');
const HOST = path.join(import.meta.dirname, '..', 'doubles', 'git-host', 'main.ts');
const REPOSITORY = 'acme/shop';

const run = promisify(execFile);

export const git: Benchmark = {
  name: 'git',
  title: 'Clones of repositories',
  about: `A repository of ${MEBIBYTES} MiB in ${FILES} files that cannot be compressed, packed as hosts have it, on a host with TLS that is a
process of its own. First, \`git clone --depth 1 --single-branch --no-tags\` from the host itself, and through the agent's proxy. Then
the same from the host, and by a run: what \`POST /run\` on the repository takes longer than without one, with a \`claude\` in shell on
a runner. That has the plan, the clone through the gateway and its removal. There are ${PAIRS} rounds of each in random order, after one
of warm-up.`,
  async run() {
    using repositories = new Repositories();
    const files = Array.from({ length: FILES }, (_, i) => [`file-${i}`, randomBytes((MEBIBYTES / FILES) * 1_048_576)]);
    const bare = await repositories.make(REPOSITORY, Object.fromEntries(files) as Record<string, Buffer>);
    await gitOutput(bare, 'repack', '-a', '-d', '-q');
    const options = ['--root', repositories.root, '--open', REPOSITORY];
    await using host = await startDoubleProgram<{ url: string; caFile: string }>(HOST, options);
    const { url, caFile } = host.told;
    return [...(await throughProxy(`${url}/${REPOSITORY}`, caFile)), ...(await byRuns(`${url}/${REPOSITORY}`, caFile))];
  },
};

async function throughProxy(url: string, caFile: string): Promise<Figure[]> {
  const environment = { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: caFile };
  await using proxy = await startDoubleProgram<Record<string, string>>(PROXY, [url], environment);
  const times = await rounds({
    direct: () => clone(url, { GIT_SSL_CAINFO: caFile }),
    through: () => clone(url, proxy.told),
  });
  return [
    seen('clone from the host: p50, p95', p50AndP95(times.direct)),
    seen('clone through the proxy: p50, p95', p50AndP95(times.through)),
    seen('peak RSS of the proxy', mb(peakRss(proxy))),
    atMost('through the proxy / from the host, p50 of the rounds', ratioOf(times.through, times.direct), SLOWER, ratio),
  ];
}

async function byRuns(url: string, caFile: string): Promise<Figure[]> {
  await using own = await startWithRunners({
    count: 1,
    runnerEnv: { RUNNER_CLAUDE_PATH: QUICK_CLAUDE },
    env: {
      AGENT_WARM_START: 'off',
      AGENT_GIT_HOSTS: JSON.stringify([{ repositories: [url], type: 'plain' }]),
      NODE_EXTRA_CA_CERTS: caFile,
    },
  });
  const once = async (fields: object) => {
    await runWell(own.agent, 'hello', fields);
  };
  const times = await rounds(
    {
      direct: () => clone(url, { GIT_SSL_CAINFO: caFile }),
      with: () => once({ git: { url } }),
      without: () => once({}),
    },
    () => own.idle(),
  );
  const added = times.with.map((time, i) => time - (times.without[i] ?? NaN));
  return [
    seen('clone by hand: p50, p95', p50AndP95(times.direct)),
    seen('a run with the repository: p50, p95', p50AndP95(times.with)),
    seen('a run without: p50, p95', p50AndP95(times.without)),
    seen('what the repository adds to a run, p50', ms(p50(added))),
    atMost('added to a run / clone by hand, p50 of the rounds', ratioOf(added, times.direct), RUN_SLOWER, ratio),
  ];
}

/** Times each way once a round, in random order, after a round of warm-up. @param settled is awaited after each. */
async function rounds<Way extends string>(
  ways: Readonly<Record<Way, () => Promise<void>>>,
  settled: () => Promise<void> = () => Promise.resolve(),
): Promise<Record<Way, number[]>> {
  const names = Object.keys(ways) as Way[];
  const times = Object.fromEntries(names.map((way) => [way, []])) as unknown as Record<Way, number[]>;
  for (let i = 0; i <= PAIRS; i += 1) {
    for (const way of shuffled(names)) {
      const time = await timed(ways[way]);
      if (i > 0) times[way].push(time);
      await settled();
    }
  }
  return times;
}

const ratioOf = (times: readonly number[], others: readonly number[]) =>
  p50(times.map((time, i) => time / (others[i] ?? NaN)));

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
