import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Agent, TOKEN } from '../../../support/agent.ts';
import { NO_CHROMIUM, openStatusPage, startChromium } from '../../../support/chromium.ts';
import { needs } from '../../../support/needs.ts';
import { missingProxies, Proxy, PUBLIC_HOST, trustedCertificate, type Certificate } from '../../../support/proxies.ts';

describe('the page at the address of a proxy', needs(NO_CHROMIUM ?? missingProxies), () => {
  let certificate: Certificate & Disposable;
  let browser: Browser;
  beforeAll(async () => {
    certificate = await trustedCertificate();
    browser = await startChromium([
      `--host-resolver-rules=MAP ${PUBLIC_HOST} 127.0.0.1`,
      `--ignore-certificate-errors-spki-list=${certificate.spki}`,
    ]);
  });
  afterAll(async () => {
    await browser.close();
    certificate[Symbol.dispose]();
  });

  it.each(['nginx', 'haproxy'] as const)('works through %s with and without scripts', async (kind) => {
    await using agent = await Agent.start({
      prompts: {
        waits: [
          { do: 'shell', command: 'for i in $(seq 600); do [ -e go ] && break; sleep 0.05; done' },
          { do: 'result', text: 'the answer' },
        ],
      },
      env: { AGENT_TRUSTED_PROXIES: '1', AGENT_PAGE_URL: `https://${PUBLIC_HOST}/` },
    });
    await using proxy = await Proxy[kind]({ target: agent.url, certificate });
    const url = `https://${PUBLIC_HOST}:${new URL(proxy.url).port}/`;
    for (const javaScriptEnabled of [true, false]) {
      const page = await browser.newPage({ javaScriptEnabled });
      const wrong: string[] = [];
      page.on('pageerror', ({ message }) => wrong.push(message));
      page.on('response', (response) => {
        if (response.status() >= 400) wrong.push(`${response.status()} ${response.url()}`);
      });
      await openStatusPage(page, url, TOKEN);
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('button', { name: 'Resume' }).click();
      await page.getByRole('button', { name: 'Pause' }).waitFor();
      expect((await agent.health()).paused).toBeUndefined();
      expect(wrong).toEqual([]);
      await page.close();
    }

    const id = await agent.submit('waits');
    const page = await browser.newPage();
    const first = await page.goto(`${url}?run=${id}`);
    expect(first?.headers()['strict-transport-security']).toBe('max-age=31536000');
    await page.getByLabel('API token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByText('running').first().waitFor();
    writeFileSync(path.join(agent.workspaceDir, 'go'), '');
    await page.getByText('succeeded').first().waitFor();
    const links = [...(await page.content()).matchAll(/\b(?:src|href|action)="([^"]*)"/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((link) => link.startsWith('http:'))).toEqual([]);
    await page.close();
  });
});
