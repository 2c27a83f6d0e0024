import { readFileSync, writeFileSync } from 'node:fs';
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

const NAMES = [
  `a  "quoted"  name's <b>&amp;.csv`,
  '👩‍👩‍👧‍👦 family.txt',
  'تقرير شهر نوفمبر (1).csv',
  `${'x'.repeat(200)}.csv`,
  'Größe % 1+1=2.csv',
];

const ugly: Step[] = [
  { do: 'shell', command: 'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"' },
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

/** The agent knows the token. */
const LIVE = `live ${TOKEN}`;

const leaves: Step[] = [
  {
    do: 'shell',
    command:
      'cd "$CLAUDE_RUN_OUT" && printf a,b > table.csv && printf "<script>" > page.html && : > empty && ln -s . link',
  },
  { do: 'event', event: result({ result: 'done', total_cost_usd: 0.0841 }) },
  { do: 'exit', code: 0 },
];

let agent: Agent;
let id: string;
let withFiles: string;
beforeAll(async () => {
  const prompts = { [LIVE]: live, leaves, ugly: [...ugly, { do: 'result', text: 'done' } as const] };
  agent = new Agent({ prompts, env: { AGENT_WARM_START: 'off' } });
  await agent.start();
  withFiles = (await agent.run('leaves', { files: [{ name: 'scan.pdf', base64: btoa('%PDF-1.7') }] })).runId;
  id = await agent.submit(LIVE, { labels: { workflowName: 'Report' } });
  await until(async () => (await (await agent.fetch(`/runs/${id}/transcript`)).text()).includes('first result'));
});
afterAll(() => agent[Symbol.asyncDispose]());

const send = (fields: Record<string, string>) =>
  fetch(agent.url, { method: 'POST', body: new URLSearchParams({ token: TOKEN, ...fields }) });
const look = async (fields: Record<string, string>) =>
  (await (await send(fields)).text()).replace(/<(style|script)>.*?<\/\1>/gs, '').replaceAll(/\s+/g, ' ');

describe('the page of a run', () => {
  it('needs the token, and is shown after it', async () => {
    const asks = await (await fetch(`${agent.url}/?run=${id}`)).text();
    expect(asks).toContain(`<input type="hidden" name="run" value="${id}" />`);
    expect(asks).not.toContain('first command');
    const refused = await fetch(agent.url, { method: 'POST', body: new URLSearchParams({ token: 'x', run: id }) });
    expect(refused.status).toBe(401);
    expect(await refused.text()).not.toContain('first command');
  });

  it('has the prompt while it is kept, without secrets, the steps and a way to cancel', async () => {
    const html = await look({ run: id });
    for (const part of ['running', 'live [masked]</pre>', 'Report', 'first command', 'first result', 'Cancel']) {
      expect(html).toContain(part);
    }
    expect(html).toContain(`name="run" value="${id}"`);
  });

  it('has the files that were given to the run and those that it left, warnings, and its cost', async () => {
    const html = await look({ run: withFiles });
    expect(html).toMatch(/<bdi>scan\.pdf<\/bdi> <span class="quiet">8 bytes, given to the run<\/span>/);
    expect(html).toMatch(/<bdi>table\.csv<\/bdi> <span class="quiet">3 bytes, left by the run<\/span>/);
    expect(html).toContain(
      '<li><bdi>The file &quot;link&quot; that the run left was not kept: it is a link.</bdi></li>',
    );
    expect(html).toMatch(/Cost<\/dt> <dd>\$0\.084<\/dd>/);
  });

  it('hands out the files that the run left, as GET /runs/{id}/files/{name} does', async () => {
    const headersOf = ({ headers }: Response) => Object.fromEntries([...headers].filter(([name]) => name !== 'date'));
    for (const file of ['table.csv', 'page.html', 'empty']) {
      const [form, api] = [
        await send({ action: 'download', run: withFiles, file, way: 'left' }),
        await agent.fetch(`/runs/${withFiles}/files/${file}`),
      ];
      expect([form.status, headersOf(form)]).toEqual([200, headersOf(api)]);
      expect(await form.text()).toBe(await api.text());
    }
  });

  it('hands out the files that the run was given', async () => {
    const given = await send({ action: 'download', run: withFiles, file: 'scan.pdf', way: 'given' });
    expect(given.headers.get('content-disposition')).toBe('attachment; filename=scan.pdf');
    expect(await given.text()).toBe('%PDF-1.7');
  });

  it('hands out nothing without the token, and says what does not exist', async () => {
    const fields = { action: 'download', run: withFiles, file: 'table.csv', way: 'left' };
    const refused = await send({ ...fields, token: 'x' });
    expect([refused.status, refused.headers.get('content-disposition')]).toEqual([401, null]);
    expect(await refused.text()).not.toContain('a,b');
    const missing = await send({ ...fields, file: 'no<b>ne' });
    expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, 'no-store']);
    const html = await missing.text();
    expect(html).toContain('left no file &quot;no&lt;b&gt;ne&quot;.');
    expect(html).toContain('left by the run');
    const gone = await send({ ...fields, run: 'nobody' });
    expect(gone.status).toBe(404);
    expect(await gone.text()).toContain('Run not found');
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

    const download = async (opened: Page, name: string) => {
      const [file] = await Promise.all([
        opened.waitForEvent('download'),
        opened.getByRole('button', { name, exact: true }).click(),
      ]);
      return { name: file.suggestedFilename(), content: readFileSync(await file.path(), 'utf8') };
    };

    it('downloads files without scripts', async () => {
      const plain = await browser.newPage({ javaScriptEnabled: false });
      await openStatusPage(plain, `${agent.url}/?run=${withFiles}`, TOKEN);
      const given = await download(plain, 'Download scan.pdf, given to the run');
      expect(given).toEqual({ name: 'scan.pdf', content: '%PDF-1.7' });
      const left = await download(plain, 'Download table.csv, left by the run');
      expect(left).toEqual({ name: 'table.csv', content: 'a,b' });
      expect(plain.url()).not.toContain(TOKEN);
      await plain.close();
    });

    it('says why a file cannot be downloaded, and keeps that', async () => {
      await page.goto(`${agent.url}/?run=${withFiles}`);
      await page.getByText('left by the run').first().waitFor();
      await page.evaluate(`document.querySelector('#files [value="table.csv"]').value = 'gone.csv'`);
      const asked: string[] = [];
      page.once('domcontentloaded', () => page.on('request', (request) => asked.push(request.resourceType())));
      await page.getByRole('button', { name: 'Download table.csv' }).click();
      await page.getByRole('alert').getByText('left no file "gone.csv"').waitFor();
      await page.waitForLoadState();
      expect(new URL(page.url()).search).toBe(`?run=${withFiles}`);
      expect(asked).toEqual([]);
    });

    it('fits its screen with ugly data, and shows what a tool wrote as text', async () => {
      const files = NAMES.map((name, i) => ({ name, base64: btoa(`content ${i}`) }));
      const { runId } = await agent.run('ugly', { files });
      await page.goto(`${agent.url}/?run=${runId}`);
      await page.getByText('needle 499', { exact: true }).waitFor();
      await page.getByText('5 earlier steps not shown here').waitFor();
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      }
      expect(await page.title()).toContain('succeeded');
      expect(await page.locator('#steps li').count()).toBe(500);
      for (const [i, name] of NAMES.entries()) {
        expect(await download(page, `Download ${name}, left by the run`)).toMatchObject({ content: `content ${i}` });
      }
    });
  });
});
