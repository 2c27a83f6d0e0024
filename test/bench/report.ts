import { cpus, loadavg, release, totalmem, type } from 'node:os';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import packageJson from '../../package.json' with { type: 'json' };
import { mb, type Benchmark, type Figure } from './figures.ts';

/** The load average of the last minute, before the benchmarks. */
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

/** The content of docs/benchmarks.md. */
export function documentOf(
  sections: readonly string[],
  { missed, minutes }: { missed: number; minutes: number },
): Promise<string> {
  return formatted(`# Benchmarks

\`npm run bench\` wrote this page in ${minutes.toFixed(0)} minutes. It needs Linux, \`npm ci\`, root, unshare
and tini.
${missed === 0 ? 'All targets were met.' : `Missed targets: ${missed}, marked below.`} Times depend on the machine and its load;
compare the load average to the number of processors. Ratios and differences compare measurements of the same run on the
same machine. The programs are in \`test/bench\`. If a target is missed, the command exits with 1.

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
