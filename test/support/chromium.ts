import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

/** The usual paths on Debian and of Chrome; `CHROMIUM` overrides them. */
const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser of this machine; undefined if there is none. */
export const CHROMIUM = [process.env['CHROMIUM'] ?? '', ...PLACES].find((place) => existsSync(place));

/** Why tests that need it are skipped. */
export const NO_CHROMIUM =
  CHROMIUM === undefined ? 'There is no Chromium: apt-get install chromium, or name one in CHROMIUM.' : undefined;

/** Starts it without a window. @param args further arguments. */
export function startChromium(args: readonly string[] = []): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error(NO_CHROMIUM);
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...args],
  });
}

/** Opens the status page of an agent, as a person with its token does. */
export async function openStatusPage(page: Page, url: string, token: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('API token').fill(token);
  await page.keyboard.press('Enter');
}
