import path from 'node:path';

import { startChromium } from '../../test/support/chromium.ts';
import { CONTEXT, SAMPLES, type Sample } from '../../test/watchdog/samples.ts';
import { cardOf } from '../../watchdog/teams/card.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const RENDERER = path.join(ROOT, 'node_modules/adaptivecards/dist/adaptivecards.min.js');
const IMAGES = path.join(ROOT, 'docs/images');
const WIDTH = 720;

const FONT = {
  fontSizes: { small: 12, default: 14, medium: 16, large: 18, extraLarge: 24 },
  fontWeights: { lighter: 200, default: 400, bolder: 600 },
};
const color = (value: string) => ({ default: value, subtle: value });
const style = (backgroundColor: string) => ({
  backgroundColor,
  foregroundColors: {
    default: color('#242424'),
    dark: color('#242424'),
    light: color('#ffffff'),
    accent: color('#0f548c'),
  },
});

/** The style of Teams' light theme. */
const HOST = {
  fontFamily: 'Segoe UI, Liberation Sans, sans-serif',
  fontTypes: {
    default: { ...FONT, fontFamily: 'Segoe UI, Liberation Sans, sans-serif' },
    monospace: { ...FONT, fontFamily: 'Consolas, Liberation Mono, DejaVu Sans Mono, monospace' },
  },
  spacing: { small: 4, default: 8, medium: 14, large: 20, extraLarge: 28, padding: 16 },
  separator: { lineThickness: 1, lineColor: '#e1dfdd' },
  actions: { actionsOrientation: 'horizontal', actionAlignment: 'left', buttonSpacing: 8 },
  containerStyles: {
    default: style('#ffffff'),
    attention: style('#f9d9d9'),
    warning: style('#fbeecb'),
    good: style('#d9f0da'),
    accent: style('#d7e6f7'),
  },
};

const STYLE = `
  html, body { margin: 0; background: #f5f5f5; }
  #card { width: ${WIDTH - 32}px; padding: 16px; }
  .ac-adaptiveCard { background: #fff; border-radius: 8px; overflow: hidden; box-shadow: 0 1px 3px #0003; }
  .ac-pushButton { font: 600 14px Segoe UI, Liberation Sans, sans-serif; padding: 6px 16px; border: 1px solid #d1d1d1; border-radius: 4px; background: #fff; }`;

/** Draws one card of each kind, as Teams shows it, into docs/images/card-<name>.png. @throws without Chromium */
export async function drawCards(): Promise<void> {
  await using browser = await startChromium();
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 1000 } });
  for (const [name, { due, state, context }] of Object.entries<Sample>(SAMPLES)) {
    const image = path.join(IMAGES, `card-${name}.png`);
    await page.setContent(`<!doctype html><style>${STYLE}</style><div id="card"></div>`);
    await page.addScriptTag({ path: RENDERER });
    await page.addScriptTag({ content: scriptOf(cardOf(due, state, { ...CONTEXT, ...context })) });
    await page.locator('#card').screenshot({ path: image });
    process.stdout.write(`Wrote ${image}.\n`);
  }
}

/** The script is a block, because `setContent` keeps the constants of previous scripts. */
const scriptOf = (card: object): string => `{
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = new AdaptiveCards.HostConfig(${JSON.stringify(HOST)});
  card.parse(${JSON.stringify(card)});
  document.getElementById('card').append(card.render());
}`;
