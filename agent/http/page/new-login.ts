import { html } from 'hono/html';
import { form, left, type Html, type PageContext } from './parts.ts';
import type { Status } from './status.ts';

type Open = NonNullable<Status['newLogin']['open']>;

/** Whether somebody has to log in, or tries to: the login is then what the page is about. */
export function isAboutLogin({ login, newLogin: { open, news, problem } }: Status): boolean {
  if (problem !== undefined) return false;
  return open !== undefined || news?.isGood === false || login.state === 'auth_failed';
}

/** What became of the last login, and the open one or what starts one. */
export function newLogin(status: Status, context: PageContext): Html {
  const { open, news, problem } = status.newLogin;
  if (problem !== undefined || !context.mayAct) return html``;
  return html`<div id="new-login">
    ${news === undefined ? '' : html`<p role="status" class="${news.isGood ? 'well' : 'badly'}">${news.text}</p>`}
    ${open ? openLogin(open, status.now, context) : start(status, context)}
  </div>`;
}

function start(status: Status, context: PageContext): Html {
  if (isAboutLogin(status)) return startForm(status, context, 'main');
  return html`<details id="log-in-again">
    <summary>Log in again</summary>
    ${startForm(status, context)}
  </details>`;
}

const startForm = ({ newLogin: { personsFile } }: Status, context: PageContext, style = '') =>
  form(
    'start-login',
    context,
    html`${
        personsFile === undefined
          ? ''
          : html`<label class="confirm">
              <input type="checkbox" name="replace" value="yes" required />
              <span>Replace the login for everything that uses <code>${personsFile}</code></span>
            </label>`
      } <button class="${style}">Log in</button>`,
  );

/** The ids contain that of the login, so that a page with scripts does not keep a code for an earlier one. */
function openLogin({ id, url, expiresAt, isTried }: Open, now: Date, context: PageContext): Html {
  if (isTried) return html`<p role="status">The code is being checked, and the new login tried with a prompt.</p>`;
  const field = `code-${id}`;
  return html`<ol id="open-${id}">
      <li>
        <a href="${url}" target="_blank" rel="noopener noreferrer">Open the login page of Claude</a> and log in. At the
        end it shows a code.
      </li>
      <li>
        ${form(
          'send-code',
          context,
          html`<input type="hidden" name="id" value="${id}" />
            <label for="${field}">Code</label>
            <input id="${field}" name="code" autocomplete="off" spellcheck="false" maxlength="4096" required />
            <button class="main">Send</button>`,
        )}
      </li>
    </ol>
    ${form(
      'cancel-login',
      context,
      html`<input type="hidden" name="id" value="${id}" /> <button>Cancel the login</button>
        <span class="quiet">${left(Date.parse(expiresAt), now)} left</span>`,
    )}`;
}
