import { createInterface } from 'node:readline';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { throughPort } from '../../stack/cli/system/kubectl.ts';
import { startOauthProxy } from '../doubles/oauth-proxy/server.ts';
import type { OauthProxy } from '../doubles/oauth-proxy/server.ts';
import { NO_CHROMIUM, openStatusPage, startChromium } from '../support/chromium.ts';
import { needs } from '../support/needs.ts';
import { Checkout, DOUBLE } from './checkout.ts';
import { control, inAgent, kubectl, run, takeDown, watchdog } from './cluster.ts';
import { startDouble, trustInAgent } from './doubles.ts';
import { n8nControl, NOTIFY_SETTINGS, startNotified, teamsCards } from './notified.ts';
import { missingRequirement } from './requirements.ts';

const IN = ['--namespace', 'claude-agent'];
const PAGE = 'https://claude.example.org/';
/** What the login page of Anthropic shows at the end, by the account that logs in. */
const CODES = {
  'e2e-code-of-the-page-canary': '00000000-0000-4000-8000-000000000001',
  'e2e-code-of-the-terminal-canary': '00000000-0000-4000-8000-000000000002',
};
const [PAGE_CODE = '', TERMINAL_CODE = ''] = Object.keys(CODES);
/** Long enough for the browser and for `claude` to answer a prompt. */
const BROWSER_MS = 120_000;

let checkout: Checkout;
let proxy: OauthProxy;
const succeeds = async (name: string, ...args: string[]) => {
  const { exitCode, output } = await checkout.npm(name, ...args, '--yes', '--non-interactive');
  expect(exitCode, output).toBe(0);
};
const loginInPod = () => inAgent('cat', '/data/claude/.credentials.json');
const workflows = async () => (await n8nControl('GET')).workflows;

describe('a login that Anthropic revoked', needs((await missingRequirement()) ?? NO_CHROMIUM), () => {
  beforeAll(async () => {
    const node = await kubectl(['get', 'nodes', '--output', 'jsonpath={.items[0].status.addresses[0].address}']);
    proxy = await startOauthProxy({
      host: node,
      tokens: { accessToken: 'e2e-access-1-canary', refreshToken: 'e2e-refresh-1-canary' },
      codes: CODES,
      onRotated: ({ accessToken }) => control('PUT', '', { accept: [accessToken] }),
    });
    const { hostname, port } = new URL(proxy.env.HTTPS_PROXY);
    checkout = new Checkout({
      settings: {
        ...NOTIFY_SETTINGS,
        pageUrl: PAGE,
        httpsProxy: proxy.env.HTTPS_PROXY,
        extraEgress: [
          { namespace: DOUBLE.namespace, port: DOUBLE.port },
          { cidr: `${hostname}/32`, port: Number(port), for: 'agent' },
        ],
      },
    });
    await checkout.fill();
    checkout.logIn(1);
  });

  afterAll(async () => {
    await takeDown(checkout);
    await proxy.close();
  });

  test('sends a red card that leads to the page, and pauses n8n', async () => {
    await succeeds('up', '--skip-preview');
    const image = (await checkout.pulumi('stack', 'output', 'image', '--stack', 'dev')).trim();
    await startDouble(image);
    await startNotified(image);
    await trustInAgent(proxy.env.NODE_EXTRA_CA_CERTS);
    await n8nControl('POST', '/add?name=Invoices');
    proxy.setMode('revoked');
    await control('PUT', '', { accept: ['another token'] });

    expect((await run(checkout.token(), { prompt: 'refused' })).answer).toMatchObject({ outcome: 'auth_failed' });
    expect(await watchdog('red')).toMatchObject({ state: 'Failed', exitCode: 57, log: { state: 'auth_failed' } });
    expect(await workflows()).toMatchObject([{ name: 'Invoices', active: false }]);
    const [card, ...more] = await teamsCards();
    expect(more).toEqual([]);
    const refresh = { type: 'Action.OpenUrl', title: 'Refresh Tokens', url: PAGE };
    expect(card).toMatchObject({ actions: expect.arrayContaining([refresh]) as unknown });
  });

  test('is replaced from the page in a browser: the watchdog is green, and n8n goes on', async () => {
    proxy.setMode('rotate');
    await throughPort(
      '',
      async (address) => {
        await using browser = await startChromium();
        const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
        await openStatusPage(page, address, checkout.token());
        await page.getByRole('button', { name: 'Log in' }).click();
        const link = page.getByRole('link', { name: 'Open the login page' });
        const { searchParams } = new URL((await link.getAttribute('href')) ?? '');
        await page.getByLabel('Code').fill(` ${PAGE_CODE}#${searchParams.get('state')}\n`);
        await page.getByRole('button', { name: 'Send' }).click();
        await page.getByText('Logged in as somebody@example.com.').waitFor({ timeout: BROWSER_MS });
        await page.getByRole('heading', { name: 'Ready' }).waitFor();
      },
      BROWSER_MS,
    );
    expect(await loginInPod()).toContain(proxy.current.refreshToken);
    expect((await run(checkout.token(), { prompt: 'works' })).answer).toMatchObject({ output: 'echo: works' });
    expect(await watchdog('green')).toMatchObject({ state: 'Complete', exitCode: 0, log: { state: 'ok' } });
    expect(await workflows()).toMatchObject([{ name: 'Invoices', active: true }]);
    expect((await teamsCards()).at(-1)).toMatchObject({ fallbackText: 'Claude works again' });
  });

  test('is replaced from a terminal that has only the API token', async () => {
    const login = checkout.start('npm', ['run', '--silent', 'login', '--', '--pod'], 'pipe');
    // Iterating would close the pipe at the address, and the program would end of that.
    createInterface({ input: login.all }).on('line', (line) => {
      if (URL.canParse(line)) login.stdin?.end(`${TERMINAL_CODE}#${new URL(line).searchParams.get('state')}\n`);
    });
    const { exitCode, all } = await login;
    expect(exitCode, all).toBe(0);
    expect(await loginInPod()).toContain(proxy.current.refreshToken);
    expect((await run(checkout.token(), { prompt: 'still' })).answer).toMatchObject({ output: 'echo: still' });
  });

  test('leaves no code, address or token in a log', async () => {
    const log = await kubectl(['logs', ...IN, '--selector', 'app.kubernetes.io/name', '--tail', '-1', '--prefix']);
    expect(log).toContain('the login was replaced');
    const { accessToken, refreshToken } = proxy.current;
    for (const secret of [PAGE_CODE, TERMINAL_CODE, 'oauth/authorize', 'code_challenge', accessToken, refreshToken])
      expect(log).not.toContain(secret);
  });

  test('is not taken back by an update with the earlier login, nor by a refresh', async () => {
    const made = await loginInPod();
    await succeeds('up', '--skip-preview');
    expect(await loginInPod()).toBe(made);
    await succeeds('refresh', '--skip-preview');
    expect(await loginInPod()).toBe(made);
    expect((await run(checkout.token(), { prompt: 'after' })).answer).toMatchObject({ output: 'echo: after' });
  });
});
