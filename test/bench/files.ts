import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { UploadedFile } from '../../agent/http/api/file.ts';
import { TOKEN, until, type Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { atLeast, atMost, mb, ms, p50, p50AndP95, ratio, seen, shuffled, timed } from './figures.ts';
import type { Benchmark, Figure } from './figures.ts';
import { peakRss } from './memory-of.ts';
import { runWell } from './run-well.ts';

const MEBIBYTE = 1_048_576;
const LARGE_MEBIBYTES = 100;
const ROUNDS = 9;
const WARM_UP = 10;
const PAIRS = 60;
const SHARE = 0.5;
const GROWTH_BYTES = 32 * MEBIBYTE;
const FILE_MS = 15;
const NAME = 'large.bin';

export const files: Benchmark = {
  name: 'files',
  title: 'Files of runs',
  about: `curl sends a file of ${LARGE_MEBIBYTES} MiB to \`PUT /files\` and gets one from \`GET /runs/{id}/files/{name}\`, through loopback. \`cp\` copies the
same file on the same disk, once as it is and once with an fsync, as an upload has. The four run in random order in
${ROUNDS} rounds, after one of warm-up, with a new content in each. The growth is from the agent's resident memory before all
rounds to its peak during them (VmHWM). The second group compares \`POST /run\` with an uploaded file of 1 MiB to one without,
with the scripted CLI, in ${PAIRS} pairs in random order within each pair, after ${WARM_UP} pairs of warm-up. The warm start is off.`,
  async run() {
    const folder = mkdtempSync(path.join(tmpdir(), 'bench-files-'));
    try {
      return [...(await transfers(folder)), ...(await runs())];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function transfers(folder: string): Promise<Figure[]> {
  await using agent = await startAgent({
    env: { AGENT_FILE_MEGABYTES: '128', AGENT_RUN_FILES_MEGABYTES: '256', AGENT_FILES_MEGABYTES: '4096' },
    prompts: {
      copy: [
        { do: 'shell', command: 'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"' },
        { do: 'result', text: 'done' },
      ],
    },
  });
  const source = path.join(folder, 'source');
  const copy = path.join(folder, 'copy');
  const content = randomBytes(LARGE_MEBIBYTES * MEBIBYTE);
  writeFileSync(source, content);
  const { runId } = await runWell(agent, 'copy', { files: [{ name: NAME, fileId: await upload(agent, content) }] });
  await untilIdle(agent);
  const ways = {
    upload: () => curl(agent, `/files?name=${NAME}`, '--upload-file', source),
    download: () => curl(agent, `/runs/${runId}/files/${NAME}`, '--output', copy),
    cp: () => execa('cp', [source, copy]),
    synced: () => execa('dd', [`if=${source}`, `of=${copy}`, 'bs=1M', 'conv=fsync']),
  };
  const times = { upload: [], download: [], cp: [], synced: [] } as Record<keyof typeof ways, number[]>;
  // From here on, VmHWM is the peak since now.
  writeFileSync(`/proc/${agent.pid}/clear_refs`, '5');
  const before = peakRss(agent);
  for (let round = 0; round <= ROUNDS; round += 1) {
    content.writeUInt32LE(round);
    writeFileSync(source, content, { flush: true });
    for (const way of shuffled(['upload', 'download', 'cp', 'synced'] as const)) {
      rmSync(copy, { force: true });
      const time = await timed(ways[way]);
      if (way !== 'upload' && statSync(copy).size !== content.length) throw new Error(`${way} was cut short.`);
      if (round > 0) times[way].push(time);
    }
  }
  const growth = peakRss(agent) - before;
  const to = (way: 'upload' | 'download', other: 'cp' | 'synced') => p50(times[other]) / p50(times[way]);
  return [
    seen('`cp`: p50, p95', p50AndP95(times.cp)),
    seen('copy with an fsync: p50, p95', p50AndP95(times.synced)),
    seen('upload: p50, p95', p50AndP95(times.upload)),
    seen('download: p50, p95', p50AndP95(times.download)),
    atLeast('upload: speed, as a share of `cp`', to('upload', 'cp'), SHARE, ratio),
    seen('upload: speed, as a share of a copy with an fsync', ratio(to('upload', 'synced'))),
    atLeast('download: speed, as a share of `cp`', to('download', 'cp'), SHARE, ratio),
    atMost('growth of the RSS of the agent', growth, GROWTH_BYTES, mb),
  ];
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

async function curl(agent: Agent, route: string, ...options: readonly string[]): Promise<void> {
  const token = `Authorization: Bearer ${TOKEN}`;
  await execa('curl', ['--silent', '--show-error', '--fail', '--header', token, ...options, `${agent.url}${route}`]);
}

const untilIdle = (agent: Agent) =>
  until(async () => (await agent.health()).activeRequests === 0, 'the end of the process');
