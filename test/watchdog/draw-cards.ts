/**
 * Draws the cards of the docs as Teams shows them: `npm run cards`. Needs Chromium (`CHROMIUM` names another one);
 * writes docs/images/card-*.png.
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';

import { commandLine } from '../../scripts/command.ts';
import { cardOf } from '../../watchdog/teams/card.ts';
import { CONTEXT, SAMPLES, type Sample } from './samples.ts';

commandLine({
  command: 'npm run cards',
  summary: 'Draws the cards of the documents into docs/images, by Chromium (CHROMIUM names another one).',
  options: {},
});

const RENDERER = 'node_modules/adaptivecards/dist/adaptivecards.min.js';
const IMAGES = 'docs/images';
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

/** The looks of Teams' light theme. */
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

const folder = mkdtempSync(path.join(tmpdir(), 'cards-'));
mkdirSync(IMAGES, { recursive: true });
try {
  for (const [name, sample] of Object.entries(SAMPLES)) await draw(name, sample);
} finally {
  rmSync(folder, { recursive: true });
}

async function draw(name: string, { due, state, context }: Sample): Promise<void> {
  const page = path.join(folder, `${name}.html`);
  writeFileSync(page, pageOf(cardOf(due, state, { ...CONTEXT, ...context })));
  const { stdout } = await chromium('--dump-dom', page);
  const height = /data-height="(\d+)"/.exec(stdout)?.[1];
  if (height === undefined) throw new Error(`The card ${name} was not drawn.`);
  const image = path.resolve(IMAGES, `card-${name}.png`);
  await chromium(`--screenshot=${image}`, `--window-size=${WIDTH},${height}`, page);
  process.stdout.write(`${image}\n`);
}

function chromium(...args: string[]) {
  const program = process.env['CHROMIUM'] ?? 'chromium';
  const common = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--virtual-time-budget=2000'];
  const [last = '', ...options] = args.reverse();
  return execa(program, [...common, `--user-data-dir=${folder}/profile`, ...options, `file://${last}`], {
    timeout: 60_000,
  });
}

function pageOf(card: object): string {
  const script = `
    const card = new AdaptiveCards.AdaptiveCard();
    card.hostConfig = new AdaptiveCards.HostConfig(${JSON.stringify(HOST)});
    card.parse(${JSON.stringify(card).replaceAll('<', '\\u003c')});
    const place = document.getElementById('card');
    place.append(card.render());
    document.body.dataset.height = Math.ceil(place.getBoundingClientRect().height);`;
  const renderer = readFileSync(RENDERER, 'utf8').replaceAll('</script', '<\\/script');
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><body><div id="card"></div><script>${renderer}</script><script>${script}</script></body>`;
}
