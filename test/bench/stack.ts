/**
 * `npm run bench:stack`: Pulumi against the same by hand, on the cluster of the end-to-end tests; writes
 * docs/benchmarks-stack.md, and ends with 1 when a target is missed.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { execa } from 'execa';
import { format, resolveConfig } from 'prettier';

import { Checkout } from '../e2e/checkout.ts';
import { whatTheClusterSays } from '../e2e/cluster.ts';
import { missingRequirement } from '../e2e/requirements.ts';
import { imageSizes } from './image-size.ts';
import { PodStarts } from './pod-start.ts';
import { objectsOf } from './stack-objects.ts';

const ROUNDS = 3;
const FILE = 'docs/benchmarks-stack.md';
const UP = ['--yes', '--skip-preview', '--non-interactive'];

const missing = await missingRequirement();
if (missing !== undefined) throw new Error(`This needs what the end-to-end tests need: ${missing}.`);

const checkout = new Checkout({ settings: { graceSeconds: '1' } });
try {
  await checkout.fill();
  checkout.logIn(1);
  await npm('up'); // Builds the image, and fetches it to the node.
  const image = (await checkout.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim();
  const tag = `${image.split('@')[0] ?? ''}:by-hand`;
  const objects = await objectsOf(checkout);
  await npm('down');
  await build(tag); // Fills the cache of the builder that `docker build` uses, which need not be Pulumi's.

  const starts = new PodStarts();
  const [up, again, hand]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    hand.push(await byHand(tag, objects));
    await run('kubectl', ['delete', 'namespace', 'claude-agent', '--wait']);
    up.push(await npm('up'));
    again.push(await npm('up'));
    await npm('down');
  }
  const sizes = await imageSizes(tag, 'node:24-bookworm-slim');
  const report = [
    against('`npm run up` of everything, image cached', median(up), 1.3, median(hand), 's', 'the same by hand'),
    against('`npm run up` without a change', median(again), 0.5, median(hand), 's', 'everything by hand'),
    against('image', sizes.image / 1e6, 1.15, (sizes.base + sizes.cli) / 1e6, 'MB', 'base and Claude Code'),
    limit('ready after the start of the container', median(await starts.seconds()), 2),
  ];
  const config = await resolveConfig(FILE);
  writeFileSync(FILE, await format(documentOf(report), { ...config, parser: 'markdown' }));
  for (const { row } of report) console.info(row);
  process.exitCode = report.every(({ met }) => met) ? 0 : 1;
} finally {
  await npm('down').catch(() => undefined);
  checkout.remove();
}

interface Figure {
  readonly row: string;
  readonly met: boolean;
}

async function npm(name: string): Promise<number> {
  const { exitCode, output, seconds } = await checkout.npm(name, ...UP);
  if (exitCode !== 0) throw new Error(`npm run ${name} failed:\n${output}\n${await whatTheClusterSays()}`);
  return seconds;
}

async function run(program: string, args: readonly string[], input?: string): Promise<void> {
  await execa(program, args, { cwd: checkout.folder, timeout: 300_000, ...(input !== undefined && { input }) });
}

function build(tag: string): Promise<void> {
  return run('docker', ['build', '--file', 'agent/Dockerfile', '--tag', tag, '.']);
}

async function byHand(tag: string, objects: string): Promise<number> {
  const started = performance.now();
  await build(tag);
  await run('docker', ['push', tag]);
  await run('kubectl', ['apply', '--filename', '-'], objects);
  await run('kubectl', ['rollout', 'status', 'deployment/claude-code-agent', '--namespace', 'claude-agent']);
  return (performance.now() - started) / 1000;
}

function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error('Nothing was measured.');
  return middle;
}

function against(what: string, value: number, factor: number, other: number, unit: string, name: string): Figure {
  const met = value <= factor * other;
  const ratio = (value / other).toFixed(2);
  const measured = `${value.toFixed(1)} ${unit}, ${ratio} × (${name}: ${other.toFixed(1)} ${unit})`;
  return { row: `| ${what} | ${measured} | ≤ ${factor} × | ${met ? 'met' : '**missed**'} |`, met };
}

function limit(what: string, value: number, most: number): Figure {
  const met = value <= most;
  return { row: `| ${what} | ${value.toFixed(2)} s | ≤ ${most} s | ${met ? 'met' : '**missed**'} |`, met };
}

function documentOf(report: readonly Figure[]): string {
  return `# Benchmarks of the stack

Written by \`npm run bench:stack\`, which needs what \`npm run test:e2e\` needs. Medians of ${ROUNDS} rounds, one after the
other on the same machine (${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}) and the same cluster; in each round the namespace is
made anew. By hand is \`docker build\`, \`docker push\`, \`kubectl apply\` of the same objects and \`kubectl rollout status\`.
Times depend on the machine; ratios less so.

| figure | measured | target | |
| --- | --- | --- | --- |
${report.map(({ row }) => row).join('\n')}
`;
}
