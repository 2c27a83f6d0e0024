/* Keeps the page up to date; without this script it shows one moment. The token is kept in the tab's session storage. */
const EVERY_MS = 2000;
const HIDDEN_EVERY_MS = 30_000;
const KEY = 'claude-code-agent token';
const live = document.querySelector('#live');
const main = document.querySelector('main');
/** How far the agent's clock is ahead of this one, in milliseconds. */
let ahead = Number(main.dataset.now) - Date.now();
/** The filter of the ended runs, and the run that is open. Every form has these fields, and so has every refresh. */
const FILTER = ['outcome', 'workflow', 'lane', 'caller', 'text', 'before', 'run'];
const opened = new URLSearchParams(location.search).get('run');
let filter = opened === null ? {} : { run: opened };
/** The number of the last request, and of the one that is shown: responses may arrive in another order. */
let sent = 0;
let shown = 0;

/** Sends a form's fields with the token, and shows the page that comes back. */
async function send(fields) {
  const token = sessionStorage.getItem(KEY) ?? '';
  const request = ++sent;
  const response = await fetch('/', {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: new URLSearchParams(fields),
  });
  const next = new DOMParser().parseFromString(await response.text(), 'text/html');
  if ([401, 403].includes(response.status) && sessionStorage.getItem(KEY) === token) sessionStorage.removeItem(KEY);
  else if (!response.ok) throw new Error(`The agent responded with status ${response.status}. Trying again.`);
  if (request < shown) return;
  shown = request;
  show(next);
  live.className = response.ok ? 'on' : '';
  say(response.ok ? 'live' : '');
}

function say(text) {
  if (live.textContent !== text) live.textContent = text;
}

function lost(error) {
  live.className = 'badly';
  say(error instanceof TypeError ? 'The agent does not respond. Trying again.' : error.message);
}

function show(next) {
  const nextMain = next.querySelector('main');
  ahead = Number(nextMain.dataset.now) - Date.now();
  inLocalTime(nextMain);
  countOn(nextMain);
  const focused = document.activeElement;
  const section = focused.closest('section');
  morph(main, nextMain);
  if (!focused.isConnected) (document.querySelector(`#${section.id} h2`) ?? main.querySelector('h2, input')).focus();
  document.title = next.title;
  const icon = document.querySelector('link[rel=icon]');
  const { href } = next.querySelector('link[rel=icon]');
  if (icon.href !== href) icon.href = href;
}

/** Not the property: `form.id` is the field of that name. */
const idOf = (node) => node.getAttribute?.('id') ?? '';

/** Makes an element equal to another with few changes, so that focus, open details and typed text stay. */
function morph(old, next) {
  if (old.isEqualNode(next)) return;
  if (old.nodeName !== next.nodeName || idOf(old) !== idOf(next)) {
    old.replaceWith(next);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = next.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morphChildren(old, [...next.childNodes]);
}

/** Children with an id are matched by it, so that a new row at the top does not change all rows below. */
function morphChildren(old, children) {
  const ids = new Set(children.map(idOf).filter(Boolean));
  for (const child of [...old.children]) if (idOf(child) && !ids.has(idOf(child))) child.remove();
  for (const [i, child] of children.entries()) {
    const at = old.childNodes[i] ?? null;
    const id = idOf(child);
    const same = id ? [...old.children].find((each) => idOf(each) === id) : at;
    if (!same || idOf(same) !== id) {
      old.insertBefore(child, at);
    } else {
      if (same !== at) old.insertBefore(same, at);
      morph(same, child);
    }
  }
  while (old.childNodes.length > children.length) old.lastChild.remove();
}

function inLocalTime(root) {
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll('time')) {
    const moment = new Date(element.dateTime);
    const day = moment.toDateString() === today ? {} : { month: 'short', day: 'numeric' };
    element.textContent = moment.toLocaleString(undefined, { ...day, hour: '2-digit', minute: '2-digit' });
    element.title = moment.toLocaleString();
  }
}

/** Updates durations between two refreshes. */
function countOn(root) {
  const now = Date.now() + ahead;
  for (const element of root.querySelectorAll('[data-since]')) put(element, now - Number(element.dataset.since));
  for (const element of root.querySelectorAll('[data-until]')) put(element, Number(element.dataset.until) - now);
  for (const bar of root.querySelectorAll('progress[data-from]'))
    bar.value = Math.min(bar.max, now - Number(bar.dataset.from));
}

function put(element, ms) {
  const text = duration(ms);
  if (element.textContent !== text) element.textContent = text;
}

/** A duration in its two largest units, in the agent's format. */
function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([number]) => number > 0);
  const two = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2).filter(([n], i) => i === 0 || n > 0);
  return two.map(([number, unit]) => `${number} ${unit}`).join(' ');
}

/** A form that the browser sends itself, so that it shows how far a download is, and writes it to the disk at once. */
const isDownload = (form) => form.elements.action?.value === 'download';

document.addEventListener('formdata', ({ target, formData }) => {
  const token = sessionStorage.getItem(KEY);
  if (isDownload(target) && token !== null) formData.set('token', token);
});

/** Forms that are being sent. A disabled button would lose the focus. */
const busy = new WeakSet();

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (isDownload(form)) return;
  event.preventDefault();
  const { question } = form.dataset;
  if (busy.has(form) || (question !== undefined && !confirm(question))) return;
  const { token, ...fields } = Object.fromEntries(new FormData(form));
  if (token !== undefined) sessionStorage.setItem(KEY, token.trim());
  busy.add(form);
  filter = Object.fromEntries(Object.entries(fields).filter(([name, value]) => FILTER.includes(name) && value));
  send(fields)
    .then(() => form.reset(), lost)
    .finally(() => busy.delete(form));
});

document.addEventListener('keydown', ({ key, target }) => {
  const open = key === 'Escape' && target.closest('details[open]');
  if (!open) return;
  open.open = false;
  open.querySelector('summary').focus();
});

let timer;
async function refresh() {
  clearTimeout(timer);
  if (sessionStorage.getItem(KEY) !== null) await send({ action: 'show', ...filter }).catch(lost);
  main.removeAttribute('aria-busy');
  refreshLater();
}

function refreshLater() {
  clearTimeout(timer);
  const isLive = document.visibilityState === 'visible' && main.dataset.final === undefined;
  timer = setTimeout(refresh, isLive ? EVERY_MS : HIDDEN_EVERY_MS);
}

document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && refresh());
setInterval(() => countOn(main), 1000);
inLocalTime(main);
if (document.querySelector('#token') === null) {
  // The answer to a download that failed.
  refreshLater();
} else {
  if (sessionStorage.getItem(KEY) !== null) main.setAttribute('aria-busy', 'true');
  refresh();
}
