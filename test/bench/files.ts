import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { UploadedFile } from '../../agent/http/api/file.ts';
import type { RunAnswer } from '../../agent/http/api/run.ts';
import { TOKEN, until, type Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { startBareServer } from './bare-server.ts';
import { atLeast, atMost, mb, ms, p50, p50AndP95, ratio, seen, shuffled, timed } from './figures.ts';
import type { Benchmark, Figure } from './figures.ts';
import { peakRss } from './memory-of.ts';
import { runWell } from './run-well.ts';

const MEBIBYTE = 1_048_576;
const LARGE_MEBIBYTES = 100;
const LARGE_BYTES = LARGE_MEBIBYTES * MEBIBYTE;
const LARGE_FILES = { AGENT_FILE_MEGABYTES: '128', AGENT_RUN_FILES_MEGABYTES: '256', AGENT_FILES_MEGABYTES: '4096' };
const ROUNDS = 9;
const MULTIPART_ROUNDS = 3;
const WARM_UP = 10;
const PAIRS = 60;
const SHARE = 0.5;
const GROWTH_BYTES = 32 * MEBIBYTE;
const FILE_MS = 15;
const NAME = 'large.bin';

export const files: Benchmark = {
  name: 'files',
  title: 'Files of runs',
  about: `curl sends a file of ${LARGE_MEBIBYTES} MiB to \`PUT /files\`, and gets one from \`GET /runs/{id}/files/{name}\` without keeping it, through
loopback. \`cp\` copies the same file on the same disk, once as it is and once with an fsync, as an upload has. curl writes a
file in pieces of 4 and 12 KiB, which takes longer than the way to it; so its download to a file is compared to that
from a server which does nothing but send, and its upload to one which throws everything away. All run in random order in
${ROUNDS} rounds, after one of warm-up, with a new content in each. The growth is from the agent's resident memory before all
rounds to its peak during them (VmHWM); that of multipart is of another agent, which receives the file with
\`POST /run\` ${MULTIPART_ROUNDS} times. The last group compares \`POST /run\` with an uploaded file of 1 MiB to one without, with the scripted CLI,
in ${PAIRS} pairs in random order within each pair, after ${WARM_UP} pairs of warm-up. The warm start is off.`,
  async run() {
    const folder = mkdtempSync(path.join(tmpdir(), 'bench-files-'));
    try {
      return [...(await transfers(folder)), await multipart(folder), ...(await runs())];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function transfers(folder: string): Promise<Figure[]> {
  await using agent = await startAgent({
    env: LARGE_FILES,
    prompts: {
      copy: [
        { do: 'shell', command: 'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"' },
        { do: 'result', text: 'done' },
      ],
    },
  });
  await using bare = await startBareServer(LARGE_BYTES);
  const source = path.join(folder, 'source');
  const copy = path.join(folder, 'copy');
  const content = randomBytes(LARGE_BYTES);
  writeFileSync(source, content);
  const { runId } = await runWell(agent, 'copy', { files: [{ name: NAME, fileId: await upload(agent, content) }] });
  await untilIdle(agent);
  const left = `${agent.url}/runs/${runId}/files/${NAME}`;
  const ways = {
    upload: () => curl('--upload-file', source, `${agent.url}/files?name=${NAME}`),
    bareUpload: () => curl('--upload-file', source, bare.url),
    download: () => curl('--output', '/dev/null', left),
    toFile: () => curl('--output', copy, left),
    bareToFile: () => curl('--output', copy, bare.url),
    cp: () => execa('cp', [source, copy]),
    synced: () => execa('dd', [`if=${source}`, `of=${copy}`, 'bs=1M', 'conv=fsync']),
  };
  const names = Object.keys(ways) as (keyof typeof ways)[];
  const copies: readonly string[] = ['toFile', 'bareToFile', 'cp', 'synced'];
  const times = Object.fromEntries(names.map((way) => [way, []])) as unknown as Record<keyof typeof ways, number[]>;
  const growth = await growthOf(agent, async () => {
    for (let round = 0; round <= ROUNDS; round += 1) {
      content.writeUInt32LE(round);
      writeFileSync(source, content, { flush: true });
      for (const way of shuffled(names)) {
        rmSync(copy, { force: true });
        const time = await timed(ways[way]);
        if (copies.includes(way) && statSync(copy).size !== content.length) throw new Error(`${way} was cut short.`);
        if (round > 0) times[way].push(time);
      }
    }
  });
  const to = (way: keyof typeof ways, other: keyof typeof ways) => p50(times[other]) / p50(times[way]);
  return [
    seen('`cp`: p50, p95', p50AndP95(times.cp)),
    seen('copy with an fsync: p50, p95', p50AndP95(times.synced)),
    seen('upload: p50, p95', p50AndP95(times.upload)),
    seen('upload that is thrown away: p50, p95', p50AndP95(times.bareUpload)),
    seen('download: p50, p95', p50AndP95(times.download)),
    seen('download to a file: p50, p95', p50AndP95(times.toFile)),
    seen('download to a file from a server that only sends: p50, p95', p50AndP95(times.bareToFile)),
    atLeast('upload: speed, as a share of `cp`', to('upload', 'cp'), SHARE, ratio),
    seen('upload: speed, as a share of a copy with an fsync', ratio(to('upload', 'synced'))),
    seen('upload that is thrown away: speed, as a share of `cp`', ratio(to('bareUpload', 'cp'))),
    seen('download: speed, as a share of `cp`', ratio(to('download', 'cp'))),
    atLeast('download to a file: speed, as a share of `cp`', to('toFile', 'cp'), SHARE, ratio),
    seen('download to a file from a server that only sends: speed, as a share of `cp`', ratio(to('bareToFile', 'cp'))),
    atMost('growth of the RSS of the agent', growth, GROWTH_BYTES, mb),
  ];
}

async function multipart(folder: string): Promise<Figure> {
  await using agent = await startAgent({ env: LARGE_FILES });
  const source = path.join(folder, 'source');
  await upload(agent, randomBytes(MEBIBYTE));
  const growth = await growthOf(agent, async () => {
    for (let round = 0; round < MULTIPART_ROUNDS; round += 1) {
      const { stdout } = await curl(
        '--form',
        'request={"prompt":"hello"}',
        '--form',
        `file=@${source}`,
        `${agent.url}/run`,
      );
      if (!(JSON.parse(stdout) as RunAnswer).success) throw new Error(stdout);
    }
  });
  return atMost('growth of the RSS of the agent, multipart', growth, GROWTH_BYTES, mb);
}

/** How much the agent's resident memory grows above what it is now. */
async function growthOf(agent: Agent, work: () => Promise<void>): Promise<number> {
  // From here on, VmHWM is the peak since now.
  writeFileSync(`/proc/${agent.pid}/clear_refs`, '5');
  const before = peakRss(agent);
  await work();
  return peakRss(agent) - before;
}

async function runs(): Promise<Figure[]> {
  await using agent = await startAgent({ env: { AGENT_WARM_START: 'off' } });
  const fileId = await upload(agent, randomBytes(MEBIBYTE));
  const ways = { with: { files: [{ name: 'a.bin', fileId }] }, without: {} };
  const times = { with: [], without: [] } as Record<keyof typeof ways, number[]>;
  for (let pair = 0; pair < WARM_UP + PAIRS; pair += 1) {
    for (const way of shuffled(['with', 'without'] as const)) {
      const time = await timed(() => runWell(agent, 'hello', ways[way]));
      await untilIdle(agent);
      if (pair >= WARM_UP) times[way].push(time);
    }
  }
  return [
    seen('`/run` with a file of 1 MiB: p50, p95', p50AndP95(times.with)),
    seen('`/run` without: p50, p95', p50AndP95(times.without)),
    atMost('a file of 1 MiB: difference of the p50', p50(times.with) - p50(times.without), FILE_MS, ms),
  ];
}

async function upload(agent: Agent, content: Uint8Array<ArrayBuffer>): Promise<string> {
  const response = await agent.fetch(`/files?name=${NAME}`, { method: 'PUT', body: content });
  return ((await response.json()) as UploadedFile).fileId;
}

const curl = (...args: readonly string[]) =>
  execa('curl', ['--silent', '--show-error', '--fail', '--header', `Authorization: Bearer ${TOKEN}`, ...args]);

const untilIdle = (agent: Agent) =>
  until(async () => (await agent.health()).activeRequests === 0, 'the end of the process');
