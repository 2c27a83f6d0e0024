import { cpus, loadavg, release, totalmem, type } from 'node:os';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import packageJson from '../../package.json' with { type: 'json' };
import { mb, type Benchmark, type Figure } from './figures.ts';

/** Of the last minute: what else the machine had to do. */
const [LOAD_BEFORE = NaN] = loadavg();

/** The results of one benchmark as Markdown. */
export function sectionOf({ name, title, about }: Benchmark, figures: readonly Figure[]): Promise<string> {
  const rows = figures.map(({ what, measured, target = '', met }) => {
    const verdict = met === undefined ? '' : met ? 'met' : '**missed**';
    return `| ${what} | ${measured} | ${target} | ${verdict} |`;
  });
  return formatted(`## ${title}

\`npm run bench -- ${name}\`

${about}

| figure | measured | target | |
| --- | --- | --- | --- |
${rows.join('\n')}
`);
}

/** All results as docs/benchmarks.md has them. */
export function documentOf(
  sections: readonly string[],
  { missed, minutes }: { missed: number; minutes: number },
): Promise<string> {
  return formatted(`# Benchmarks

Written by \`npm run bench\`, which needs nothing but Linux and \`npm ci\`, and took ${minutes.toFixed(0)} minutes here.
${missed === 0 ? 'Every target was met.' : `${missed} target(s) were missed; they are marked.`} Times depend on the
machine and on what else it does (load average, against its processors); ratios and differences are of one run, side by side, on the same machine. The programs are in
\`test/bench\`. A target that is missed makes the command exit with 1.

| | |
| --- | --- |
| date | ${new Date().toISOString().slice(0, 10)} |
| machine | ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${mb(totalmem())}, ${type()} ${release()} |
| load average before | ${LOAD_BEFORE.toFixed(1)} |
| Node.js | ${process.version} |
| Claude Code | ${packageJson.dependencies['@anthropic-ai/claude-code']} |
| agent | ${packageJson.version} |

${sections.join('\n')}`);
}

async function formatted(markdown: string): Promise<string> {
  const config = await resolveConfig(path.join(import.meta.dirname, '..', '..', 'docs', 'benchmarks.md'));
  return format(markdown, { ...config, parser: 'markdown' });
}
