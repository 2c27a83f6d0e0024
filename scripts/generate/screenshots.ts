import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { result } from '../../test/doubles/claude/events.ts';
import type { Step } from '../../test/doubles/claude/script.ts';
import { Agent, TOKEN, until } from '../../test/support/agent.ts';
import { openStatusPage, startChromium } from '../../test/support/chromium.ts';
import { answer, call, system } from '../../test/agent/steps/claude-steps.ts';
import { recordRuns, type RecordedRun } from '../../test/support/recorded-runs.ts';

const FOLDER = path.join(import.meta.dirname, '..', '..', 'docs', 'images');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** How long the current run has been running in the pictures. */
const UNTIL_TAKEN = 47_000;

const WORKFLOWS = [
  ['Ask Claude', 'k3TnFq0ZxWv81LsB'],
  ['Ticket triage', 'pY7dMc2RrHq5Ua9E'],
  ['Weekly report', 'Zw4eJ1oXg8Nt6bKs'],
  ['Release notes', 'm0Vh9LfCz2Qk7GyA'],
] as const;

/** The path of the login in the cluster. The agent of the pictures has its login in a temporary folder. */
const SOURCE = '/data/claude/.credentials.json';

const SHOTS = [
  { name: 'status-light', colorScheme: 'light', width: 1200, height: 1000 },
  { name: 'status-dark', colorScheme: 'dark', width: 1200, height: 1000 },
  { name: 'status-narrow', colorScheme: 'light', width: 390, height: 844 },
] as const;

const RUN_SHOTS = [
  { name: 'run', width: 1280, height: 900 },
  { name: 'run-narrow', width: 390, height: 844 },
] as const;

/** A day with a busy morning, an overload and a few other outcomes. */
function madeUpDay(): RecordedRun[] {
  const perHour = [1, 0, 2, 1, 0, 0, 1, 2, 3, 5, 8, 9, 7, 4, 6, 8, 7, 5, 3, 2, 2, 1, 3, 4];
  return perHour.flatMap((runs, hour) => Array.from({ length: runs }, (_, i) => madeUpRun(hour, i, runs)));
}

function madeUpRun(hour: number, i: number, runs: number): RecordedRun {
  const seed = hour * 7 + i * 3;
  const endedAgo = (23 - hour) * HOUR + ((runs - i) / (runs + 1)) * HOUR;
  const base = { endedAgo, queuedMs: (seed % 5) * 1400, labels: labelsOf(seed) };
  const model = 'claude-sonnet-5';
  if (hour === 15 && i > 4) {
    const error = "API Error: 529 Overloaded. Further retries would take too much of the run's time.";
    return { ...base, tookMs: 4200, result: { outcome: 'unavailable', error, model } };
  }
  if (hour === 22 && i === 1) {
    const error = 'The run timed out. The output is what Claude had written by then.';
    return { ...base, tookMs: 118_600, result: { outcome: 'timed_out', error, model } };
  }
  if (seed % 23 === 5) {
    const error = 'The run was cancelled while it was waiting. It was not started.';
    return { ...base, tookMs: undefined, result: { outcome: 'cancelled', error } };
  }
  const tokens = 900 + ((seed * 137) % 4000);
  const usage = { inputTokens: tokens, outputTokens: seed * 31, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };
  const costUsd = tokens * 0.000012;
  const succeeded = { outcome: 'succeeded', costUsd, turns: 1 + (seed % 4), model, usage } as const;
  return { ...base, tookMs: 2300 + ((seed * 4567) % 74_000), result: succeeded };
}

function labelsOf(seed: number): Record<string, string> {
  const [workflowName, workflow] = WORKFLOWS[seed % WORKFLOWS.length] ?? WORKFLOWS[0];
  return { workflow, workflowName, execution: String(48_200 + seed * 3) };
}

const prompts: Record<string, readonly Step[]> = {
  short: [
    { do: 'wait', ms: 1200 },
    { do: 'event', event: result({ result: 'Hello.', total_cost_usd: 0.0123 }) },
    { do: 'exit', code: 0 },
  ],
  long: [{ do: 'hang' }],
  report: [
    { do: 'say', text: 'I look at the tickets of this week first, and then count them by team.' },
    call('1', 'Bash', { command: 'grep -c "" tickets/2026-11-*.csv' }),
    { do: 'wait', ms: 300 },
    answer('1', 'tickets/2026-11-23.csv:41\ntickets/2026-11-24.csv:38\ntickets/2026-11-25.csv:57'),
    call('2', 'Read', { file_path: 'tickets/2026-11-25.csv' }),
    { do: 'wait', ms: 120 },
    answer('2', 'id,team,opened\n4711,billing,2026-11-25T08:12Z'),
    system('api_retry', { error: 'overloaded', error_status: 529, attempt: 1, retry_delay_ms: 540 }),
    call('3', 'WebFetch', { url: 'https://status.example.com/history' }),
    system('permission_denied', { tool_name: 'WebFetch', tool_use_id: '3' }),
    answer('3', 'Permission to use WebFetch was denied.', { is_error: true }),
    call('4', 'Write', { file_path: 'report.md', content: '# Tickets of the week' }),
    { do: 'wait', ms: 200 },
    answer('4', 'File created successfully at: report.md'),
    { do: 'shell', command: 'printf "# Tickets of the week\\n" > "$CLAUDE_RUN_OUT/report.md"' },
    { do: 'wait', ms: 1400 },
    { do: 'say', text: 'The report is in report.md: 136 tickets, 57 of them on Wednesday, most of them for billing.' },
    { do: 'event', event: result({ result: 'Done.', total_cost_usd: 0.0841 }) },
    { do: 'exit', code: 0 },
  ],
};

/** Takes the screenshots of the status page in docs/images, from an agent with made-up runs. @throws without Chromium */
export async function takeScreenshots(): Promise<void> {
  await using agent = new Agent({ prompts, env: { AGENT_N8N_URL: 'https://n8n.example.com' } });
  recordRuns(agent.stateDir, madeUpDay());
  const login = { accessToken: 'a', refreshToken: 'r', expiresAt: Date.now() + 5 * HOUR + 12 * MINUTE, scopes: [] };
  const claudeDir = path.join(agent.folder, 'home/.claude');
  mkdirSync(claudeDir);
  writeFileSync(path.join(claudeDir, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
  await agent.start();

  const { runId } = await agent.run('report', { labels: labelsOf(2) });
  await agent.run('short', { labels: labelsOf(0) });
  for (const [i, prompt] of ['long', 'next', 'third'].entries()) {
    const body = JSON.stringify({ prompt, labels: labelsOf(161 + i) });
    await agent.fetch('/runs', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
  }
  await until(() => agent.claude.begun().includes('long'), 'the start of a run');

  await sleep(UNTIL_TAKEN);

  mkdirSync(FOLDER, { recursive: true });
  const browser = await startChromium();
  for (const { name, colorScheme, width, height } of SHOTS) {
    const page = await browser.newPage({
      colorScheme,
      viewport: { width, height },
      deviceScaleFactor: 1,
      locale: 'en-GB',
    });
    await page.goto(agent.url);
    await page.getByLabel('API token').fill(TOKEN);
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    await page.evaluate(`document.querySelector('#login code').textContent = '${SOURCE}'`);
    await page.screenshot({ path: path.join(FOLDER, `${name}.png`) });
  }
  for (const { name, width, height } of RUN_SHOTS) {
    const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: 1, locale: 'en-GB' });
    await openStatusPage(page, `${agent.url}/?run=${runId}`, TOKEN);
    await page.getByText('grep -c').first().click();
    await page.screenshot({ path: path.join(FOLDER, `${name}.png`) });
  }
  await browser.close();
}
