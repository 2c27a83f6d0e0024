import { html } from 'hono/html';
import { isAboutLogin, newLogin } from './new-login.ts';
import { badge, fact, heading, left, time, type Html, type PageContext } from './parts.ts';
import type { QuotaWindow } from '../api/state.ts';
import type { Status } from './status.ts';
import { LOGIN_WORDS } from './words.ts';

const WINDOWS: Readonly<Record<string, string>> = { five_hour: 'Five hours', seven_day: 'Seven days' };

/** Whether the login works, where it comes from, how much of its quota is used, and when it expires; and a new login. */
export function login(status: Status, context: PageContext): Html {
  const { credential, source, quota, now } = status;
  const { state, detail, seenAt, resetsAt } = status.login;
  return html`<section id="login" ${isAboutLogin(status) ? html`class="first"` : ''} aria-labelledby="login-title">
    ${heading('login', 'Login')}
    <p class="state">${badge(LOGIN_WORDS[state])}</p>
    ${state === 'ok' ? '' : html`<p class="detail">${detail}</p>`}
    ${isAboutLogin(status) ? newLogin(status, context) : ''}
    <dl>
      ${resetsAt === undefined ? '' : fact('Limit ends in', left(Date.parse(resetsAt), now))}
      ${quota.map((window) => fact(nameOf(window), used(window, now)))}
      ${credential.expiresAt === undefined ? '' : fact('Access token', expiry(credential.expiresAt, credential, now))}
      ${fact('Source', html`${source.mode}<br /><code>${source.source}</code>`)}
      ${seenAt === undefined ? '' : fact(state === 'ok' ? 'Last answer' : 'Last attempt', time(seenAt))}
    </dl>
    ${isAboutLogin(status) ? '' : newLogin(status, context)}
  </section>`;
}

function expiry(expiresAt: string, { refreshable }: Status['credential'], now: Date): Html {
  const end = Date.parse(expiresAt);
  if (end <= now.getTime()) {
    return html`expired${refreshable ? '; the next run renews it' : '; it cannot be renewed'}`;
  }
  const after = refreshable ? 'renewed automatically' : 'it cannot be renewed';
  return html`<b>${left(end, now)}</b> left<br /><span class="quiet">${after}</span>`;
}

const nameOf = ({ window }: QuotaWindow) => WINDOWS[window] ?? window;

const used = ({ utilization, resetsAt }: QuotaWindow, now: Date) =>
  html`<b>${Math.round(utilization * 100)} %</b> used<br /><span class="quiet"
      >resets in ${left(Date.parse(resetsAt), now)}</span
    >`;
