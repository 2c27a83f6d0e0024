/**
 * `npm run bench:stack` compares `pulumi up` and `npm run up` to the same steps by hand, on the cluster of the end-to-end
 * tests, and writes docs/benchmarks-stack.md. The exit code is 1 if a target is missed.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { execa } from 'execa';
import { format, resolveConfig } from 'prettier';

import { commandLine } from '../../scripts/command.ts';
import { Checkout } from '../e2e/checkout.ts';
import { whatTheClusterSays } from '../e2e/cluster.ts';
import { missingRequirement } from '../e2e/requirements.ts';
import { imageSizes } from './image-size.ts';
import { PodStarts } from './pod-start.ts';
import { against, EVERYTHING, limit, median, ofUpdates } from './stack-figures.ts';
import type { Figure, Updates } from './stack-figures.ts';
import { objectsOf } from './stack-objects.ts';
import { freeVolumes } from './volumes.ts';

/** The cluster checks once a second what it waits for, so each time varies by up to a second. */
const ROUNDS = 5;
const FILE = 'docs/benchmarks-stack.md';
const UP = ['--yes', '--skip-preview', '--non-interactive'];

commandLine({
  command: 'npm run bench:stack',
  summary: `Compares updates to the same steps by hand, on the cluster of the end-to-end tests, and writes ${FILE}.`,
  options: {},
});
const missing = await missingRequirement();
if (missing !== undefined) throw new Error(`A requirement of the end-to-end tests is missing: ${missing}.`);

const checkout = new Checkout({ settings: { graceSeconds: '1' } });
try {
  await checkout.fill();
  checkout.logIn(1);
  await npm('up'); // Builds the image, and pulls it to the node.
  const image = (await checkout.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim();
  const tag = `${image.split('@')[0] ?? ''}:by-hand`;
  const objects = await objectsOf(checkout);
  await npm('down');
  await build(tag); // Fills the cache of `docker build`, whose builder may differ from Pulumi's.

  const starts = new PodStarts();
  const hand: number[] = [];
  const plain: Updates = { all: [], again: [] };
  const launched: Updates = { all: [], again: [] };
  const refreshes: number[] = [];
  const withRunners: number[] = [];
  const withoutRunners: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    hand.push(await byHand(tag, objects));
    await run('kubectl', ['delete', 'namespace', 'claude-agent', '--wait']);
    await freeVolumes();
    await both(plain, () => pulumi('up'));
    refreshes.push(await pulumi('refresh'));
    withRunners.push(await pulumi('up'));
    checkout.configure({ runners: '0' });
    await pulumi('up');
    await pulumi('refresh');
    withoutRunners.push(await pulumi('up'));
    checkout.configure({ runners: '1' });
    await takeDown();
    await both(launched, () => npm('up'));
    await takeDown();
  }
  const sizes = await imageSizes(tag, 'node:24-bookworm-slim');
  const report = [
    ...ofUpdates('pulumi up', plain, median(hand), { all: 1.35, again: 0.5 }),
    against(
      '`pulumi up` without changes, with a runner',
      median(withRunners),
      1.05,
      median(withoutRunners),
      's',
      'with `runners: 0`',
    ),
    against('`pulumi refresh` alone, without the program', median(refreshes), undefined, median(hand), 's', EVERYTHING),
    ...ofUpdates('npm run up', launched, median(hand)),
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

async function both({ all, again }: Updates, up: () => Promise<number>): Promise<void> {
  all.push(await up());
  again.push(await up());
}

async function takeDown(): Promise<void> {
  await npm('down');
  await freeVolumes();
}

function pulumi(command: string): Promise<number> {
  return seconds(() => checkout.pulumi(command, ...UP, '--stack', 'dev'));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
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

function byHand(tag: string, objects: string): Promise<number> {
  const apply = async (): Promise<void> => {
    await build(tag);
    await run('docker', ['push', tag]);
    await run('kubectl', ['apply', '--filename', '-'], objects);
    for (const role of ['agent', 'runner'])
      await run('kubectl', ['rollout', 'status', `deployment/claude-code-${role}`, '--namespace', 'claude-agent']);
  };
  return seconds(apply);
}

function documentOf(report: readonly Figure[]): string {
  return `# Benchmarks of the stack

\`npm run bench:stack\` wrote this page. It has the same requirements as \`npm run test:e2e\`. The figures are medians of
${ROUNDS} rounds on the same machine (${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}) and the same cluster. Each round recreates the namespace.

- By hand: \`docker build\`, \`docker push\`, \`kubectl apply\` of the same objects, and \`kubectl rollout status\` of both
  Deployments.
- \`npm run up\`: first checks config, state and locks, and repairs what a killed update left, then runs \`pulumi up\`.
- An update without changes: refreshes the state, starts Node with Pulumi's SDK, and compares each object.

Times depend on the machine, ratios less so. The cluster checks once a second what it waits for, which affects every time
of a full update.

| figure | measured | target | |
| --- | --- | --- | --- |
${report.map(({ row }) => row).join('\n')}
`;
}
