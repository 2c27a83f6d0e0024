import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { result } from '../../doubles/claude/events.ts';
import type { Step } from '../../doubles/claude/script.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { NO_CHROMIUM, openStatusPage, startChromium } from '../../support/chromium.ts';
import { needs } from '../../support/needs.ts';
import { answer, call, system } from './claude-steps.ts';

const ARABIC = 'مرحبا بالعالم '.repeat(40);

const ugly: Step[] = [
  { do: 'say', text: ARABIC },
  { do: 'say', text: '👩‍👩‍👧‍👦'.repeat(100) },
  call('long', 'Bash', { command: 'x'.repeat(9000) }),
  answer('long', 'y'.repeat(3000)),
  call('html', `mcp__${'long_'.repeat(30)}name`, { url: 'z'.repeat(300), n: Number.MAX_VALUE }),
  answer('html', '<script>document.title = "taken"</script><b>bold</b>', { is_error: true }),
  system('task_started', { description: 'w'.repeat(400) }),
  ...Array.from({ length: 500 }, (_, i) => [
    call(`n${i}`, 'Grep', { pattern: `needle ${i}` }),
    answer(`n${i}`, ''),
  ]).flat(),
];

const live: Step[] = [
  call('a', 'Bash', { command: 'first command' }),
  answer('a', 'first result'),
  { do: 'shell', command: 'until [ -e "$HOME/go-on" ]; do sleep 0.05; done' },
  { do: 'say', text: 'The last words.' },
  { do: 'result', text: 'done' },
];

const leaves: Step[] = [
  { do: 'shell', command: 'printf a,b > "$CLAUDE_RUN_OUT/table.csv"' },
  { do: 'event', event: result({ result: 'done', total_cost_usd: 0.0841 }) },
  { do: 'exit', code: 0 },
];

let agent: Agent;
let id: string;
let withFiles: string;
beforeAll(async () => {
  const prompts = { live, leaves, ugly: [...ugly, { do: 'result', text: 'done' } as const] };
  agent = new Agent({ prompts, env: { AGENT_WARM_START: 'off' } });
  await agent.start();
  withFiles = (await agent.run('leaves', { files: [{ name: 'scan.pdf', base64: btoa('%PDF-1.7') }] })).runId;
  id = await agent.submit('live', { labels: { workflowName: 'Report' } });
  await until(async () => (await (await agent.fetch(`/runs/${id}/transcript`)).text()).includes('first result'));
});
afterAll(() => agent[Symbol.asyncDispose]());

const look = async (fields: Record<string, string>) =>
  (await (await fetch(agent.url, { method: 'POST', body: new URLSearchParams({ token: TOKEN, ...fields }) })).text())
    .replace(/<(style|script)>.*?<\/\1>/gs, '')
    .replaceAll(/\s+/g, ' ');

describe('the page of a run', () => {
  it('needs the token, and is shown after it', async () => {
    const asks = await (await fetch(`${agent.url}/?run=${id}`)).text();
    expect(asks).toContain(`<input type="hidden" name="run" value="${id}" />`);
    expect(asks).not.toContain('first command');
    const refused = await fetch(agent.url, { method: 'POST', body: new URLSearchParams({ token: 'x', run: id }) });
    expect(refused.status).toBe(401);
    expect(await refused.text()).not.toContain('first command');
  });

  it('has the prompt while it is kept, the steps and a way to cancel', async () => {
    const html = await look({ run: id });
    for (const part of ['running', 'live</pre>', 'Report', 'first command', 'first result', 'Cancel']) {
      expect(html).toContain(part);
    }
    expect(html).toContain(`name="run" value="${id}"`);
  });

  it('has the files that were given to the run and those that it left, and its cost', async () => {
    const html = await look({ run: withFiles });
    expect(html).toMatch(/<bdi>scan\.pdf<\/bdi> <span class="quiet">8 bytes, given to the run<\/span>/);
    expect(html).toMatch(/<bdi>table\.csv<\/bdi> <span class="quiet">3 bytes, left by the run<\/span>/);
    expect(html).toMatch(/Cost<\/dt> <dd>\$0\.084<\/dd>/);
  });

  it('says that a run does not exist', async () => {
    expect(await look({ run: 'nobody' })).toContain('Run not found');
  });

  describe('in a browser', needs(NO_CHROMIUM), () => {
    let browser: Browser;
    let page: Page;
    beforeAll(async () => {
      browser = await startChromium();
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    });
    afterAll(() => browser.close());

    it('opens from the page of all runs, and follows the run to its end', async () => {
      await openStatusPage(page, agent.url, TOKEN);
      await page.getByRole('link', { name: id.slice(0, 8) }).click();
      await page.getByText('first command').first().click();
      await page.getByText('first result').waitFor();
      expect(new URL(page.url()).search).toBe(`?run=${id}`);
      writeFileSync(path.join(agent.folder, 'home/go-on'), '');
      await page.getByText('The last words.').waitFor();
      await page.getByText('succeeded').waitFor();
      // What was opened stays open.
      await page.getByText('first result').waitFor();
      expect(await page.getByRole('heading', { name: 'Prompt' }).count()).toBe(0);
    });

    it('fits its screen with ugly data, and shows what a tool wrote as text', async () => {
      const { runId } = await agent.run('ugly');
      await page.goto(`${agent.url}/?run=${runId}`);
      await page.getByText('needle 499', { exact: true }).waitFor();
      await page.getByText('5 earlier steps not shown here').waitFor();
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      }
      expect(await page.title()).toContain('succeeded');
      expect(await page.locator('#steps li').count()).toBe(500);
    });
  });
});
