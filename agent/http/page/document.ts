import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { html, raw } from 'hono/html';
import { budgets } from './budgets.ts';
import { chart } from './chart.ts';
import { current } from './current.ts';
import { decisions } from './decisions.ts';
import { history } from './history.ts';
import { login } from './login.ts';
import { isAboutLogin } from './new-login.ts';
import { shortId, type Html, type PageContext } from './parts.ts';
import { noRun, runParts, wordsOf, type OpenedRun } from './run.ts';
import type { Status } from './status.ts';
import { headlineOf, summary, titleOf } from './summary.ts';
import type { Tone } from './words.ts';

const asset = (name: string) => readFileSync(path.join(import.meta.dirname, name), 'utf8');
const STYLE = asset('style.css') + asset('run.css');
const SCRIPT = asset('live.js');
const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Allows the page's own style and script, and nothing else. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  'img-src data:',
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page for someone who has the token. */
export function statusPage(status: Status, context: PageContext): Html {
  return page({
    title: titleOf(status),
    tone: headlineOf(status).tone,
    version: status.version,
    asOf: status.now,
    main: html`${summary(status, context)} ${decisions(status, context)}
    ${
      isAboutLogin(status)
        ? [login(status, context), current(status, context)]
        : [current(status, context), login(status, context)]
    }
    ${budgets(status)} ${chart(status.day)} ${history(status, context)}`,
  });
}

/** The page of one run, for someone who has the token; undefined for one that does not exist. */
export function runPage(
  opened: OpenedRun | undefined,
  { version, decisionMs }: Pick<Status, 'version' | 'decisionMs'>,
  context: PageContext,
): Html {
  if (!opened) return page({ title: 'Run not found', tone: 'neutral', version, asOf: new Date(), main: noRun() });
  const { run, now } = opened;
  const { tone, words } = wordsOf(run);
  const { first, rest } = runParts(opened, context);
  return page({
    title: `Run ${shortId(run)}: ${words} · claude-code-agent`,
    tone,
    version,
    asOf: now,
    isFinal: run.state === 'ended',
    main: html`${first} ${decisions({ running: [run], now, decisionMs }, context)} ${rest}`,
  });
}

/** The page that asks for the token. @param run the run that is shown then. */
export function tokenPage(version: string, problem?: string, run?: string): Html {
  return page({
    title: 'claude-code-agent',
    tone: 'neutral',
    version,
    main: html`<section id="token" aria-labelledby="token-title">
      <h2 id="token-title">Token</h2>
      ${problem === undefined ? '' : html`<p class="badly" role="alert">${problem}</p>`}
      <form method="post" action="/">
        ${run === undefined ? '' : html`<input type="hidden" name="run" value="${run}" />`}
        <label for="token-field">API token</label>
        <input
          id="token-field"
          name="token"
          type="password"
          autocomplete="off"
          aria-describedby="token-help"
          required
          autofocus
        />
        <button class="main">Show</button>
      </form>
      <p id="token-help" class="quiet">
        The API token, or that of a caller that may read. It is kept only in this tab.
      </p>
    </section>`,
  });
}

interface Page {
  readonly title: string;
  readonly tone: Tone;
  readonly version: string;
  /** The time of the status; undefined if no status is shown. */
  readonly asOf?: Date;
  /** Whether what it shows does not change any more. */
  readonly isFinal?: boolean;
  readonly main: Html;
}

function page({ title, tone, version, asOf, isFinal = false, main }: Page): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <link rel="icon" href="${iconOf(tone)}" />
        ${raw(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <header>
          <h1>claude-code-agent</h1>
          <span class="quiet">${version}</span>
          <p id="live" role="status">${asOf ? `as of ${asOf.toISOString().slice(11, 19)} UTC` : ''}</p>
        </header>
        <main data-now="${(asOf ?? new Date()).getTime()}" ${isFinal ? 'data-final' : ''}>${main}</main>
        ${raw(`<script>${SCRIPT}</script>`)}
      </body>
    </html>`;
}

const ICON_COLOURS: Readonly<Record<Tone, string>> = {
  well: '#2f9e5f',
  badly: '#d8392f',
  waits: '#d29a1c',
  neutral: '#8a837a',
};

/** The icon of the tab: a dot. */
function iconOf(tone: Tone): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${ICON_COLOURS[tone]}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
