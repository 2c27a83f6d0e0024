import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOGIN_ADDRESS } from '../../doubles/claude/login.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { NO_CHROMIUM, openStatusPage, startChromium } from '../../support/chromium.ts';
import { startLogin } from '../../support/login.ts';
import { needs } from '../../support/needs.ts';

let agent: Agent;
beforeAll(async () => {
  agent = new Agent({
    prompts: {
      revoked: [{ do: 'refuse', kind: 'authentication_failed', status: 403, text: 'Revoked · Please run /login' }],
    },
  });
  const seed = path.join(agent.folder, 'seed');
  mkdirSync(seed);
  const claudeAiOauth = { accessToken: 'old', refreshToken: 'r', expiresAt: Date.now() + 3_600_000 };
  writeFileSync(path.join(seed, '.credentials.json'), JSON.stringify({ claudeAiOauth }));
  agent.env['AGENT_SESSION_DIR'] = seed;
  await agent.start();
});
afterAll(() => agent[Symbol.asyncDispose]());

/** The page without its style and script. */
async function send(fields: Record<string, string> = {}): Promise<string> {
  const body = new URLSearchParams({ token: TOKEN, ...fields });
  const response = await fetch(`${agent.url}/`, { method: 'POST', body });
  expect(response.status).toBe(200);
  return (await response.text()).replace(/<(style|script)>.*?<\/\1>/gs, '').replaceAll(/\s+/g, ' ');
}
const idIn = (html: string) => /id="open-([^"]+)"/.exec(html)?.[1] ?? '';

describe('the login of the status page without a script', () => {
  it('is started, cancelled and completed by forms', async () => {
    expect(await send()).toContain('<summary>Log in again</summary>');
    const started = await send({ action: 'start-login' });
    expect(started).toContain(`<a href="${LOGIN_ADDRESS}" target="_blank" rel="noopener noreferrer">`);
    expect(started).toMatch(/<input id="code-[^"]+" name="code" autocomplete="off"/);
    expect(idIn(await send())).toBe(idIn(started));

    const id = idIn(started);
    expect(await send({ action: 'send-code', id, code: 'incomplete' })).toMatch(
      /class="badly">This is not the whole code/,
    );
    expect(await send({ action: 'cancel-login', id })).not.toContain('id="open-');
    expect(await send({ action: 'send-code', id, code: 'good#state' })).toContain('The login was cancelled.');

    const [first, second] = [idIn(await send({ action: 'start-login' })), idIn(await send({ action: 'start-login' }))];
    expect(await send({ action: 'send-code', id: first, code: 'good#state' })).toContain('A newer login was started');
    expect(idIn(await send())).toBe(second);
    const done = await send({ action: 'send-code', id: second, code: 'good#state' });
    expect(done).toContain('class="well">Logged in as operations@example.com.');
    expect(done).toContain('Claude answers');
  });

  it('does nothing without the token', async () => {
    for (const action of ['start-login', 'send-code']) {
      const body = new URLSearchParams({ token: 'wrong', action });
      expect((await fetch(`${agent.url}/`, { method: 'POST', body })).status).toBe(401);
    }
    expect(await send()).not.toContain('id="open-');
  });
});

describe('the login of the status page in a browser', needs(NO_CHROMIUM), () => {
  it('survives a closed tab and refreshes, and turns the page green', async () => {
    expect((await agent.run('revoked')).outcome).toBe('auth_failed');
    await using browser = await startChromium();
    const context = await browser.newContext({ viewport: { width: 390, height: 900 } });
    const problems: string[] = [];
    const open = async () => {
      const page = await context.newPage();
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(error.message));
      await openStatusPage(page, agent.url, TOKEN);
      return page;
    };
    const closed = await open();
    await closed.getByRole('button', { name: 'Log in' }).click();
    await closed.getByLabel('Code').waitFor();
    await closed.close();

    const page = await open();
    const code = page.getByLabel('Code');
    await code.fill('half');
    expect(await page.getByRole('link', { name: 'Open the login page' }).getAttribute('href')).toBe(LOGIN_ADDRESS);
    const left = page.locator('#new-login [data-until]');
    const shown = await left.getAttribute('data-until');
    await agent.run('shown by a refresh');
    await page.locator('#history').getByText('2 ended runs').waitFor();
    expect([await code.inputValue(), await left.getAttribute('data-until')]).toEqual(['half', shown]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);

    // A code for an earlier address is not kept for a newer one.
    await startLogin(agent);
    await page.getByText('A newer login was started').waitFor();
    await until(async () => (await code.inputValue()) === '', 'an empty field');
    await code.fill('refused#state');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('Anthropic did not accept the code').waitFor();
    await page.getByRole('button', { name: 'Log in' }).click();
    await code.fill(' good#\nstate ');
    await page.keyboard.press('Enter');
    await page.getByText('Logged in as operations@example.com.').waitFor();
    await page.getByRole('heading', { name: 'Ready' }).waitFor();
    expect(problems).toEqual([]);
  });
});
