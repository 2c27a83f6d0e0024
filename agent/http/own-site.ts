import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Context, MiddlewareHandler } from 'hono';
import ipaddr from 'ipaddr.js';
import { AGENT_ENV } from '../contract.ts';
import { problem } from './problem.ts';

/** Names of this machine or of a Service. An attacker cannot make one of them resolve to an address of their choice. */
const OWN_NAMES = /^(?:localhost|[^.]+|.+\.(?:localhost|svc|svc\.cluster\.local|internal))$/;

/** What the Node.js server passes to the app; empty when the app is called without a connection. */
interface Connected {
  readonly Bindings: { readonly incoming?: { readonly socket: { readonly localAddress?: string | undefined } } };
}

/**
 * On paths that need no token, refuses requests that a web page of another site sends through someone's browser.
 *
 * A page can make its own host name resolve to this machine's loopback address (DNS rebinding); the request then arrives
 * at loopback with that name in `Host`. A request to another address came through a network or a proxy, whose host names
 * only its operator knows, so any name is accepted there. A browser sends the page's site in `Origin`, and in
 * `Sec-Fetch-Site` whether it is the same site, even if a proxy has changed `Host`.
 * @param allowed host names besides those of the machine, each `host`, or `*.suffix` for all names below one.
 */
export function ownSite(allowed: readonly string[]): MiddlewareHandler<Connected> {
  const isAllowed = namesIn([...allowed, hostname()]);
  const setting = `add it to ${AGENT_ENV.allowedHosts}`;
  return async (c, next) => {
    const host = c.req.header('Host');
    if (host && comesToLoopback(c) && !isOwn(host, isAllowed)) {
      return problem(
        c,
        'forbidden',
        `The Host header is ${shown(host)}, which is not a name of this agent. If it should be, ${setting}.`,
      );
    }
    if (isForeign(c, isAllowed)) {
      const origin = shown(c.req.header('Origin') ?? 'not sent');
      const detail = `The request comes from a web page of another site (Origin: ${origin}). If the site is this agent's, ${setting}.`;
      return problem(c, 'forbidden', detail);
    }
    return next();
  };
}

function comesToLoopback(c: Context<Connected>): boolean {
  const address = c.env.incoming?.socket.localAddress;
  return address !== undefined && ipaddr.process(address).range() === 'loopback';
}

function isOwn(host: string, isAllowed: (name: string) => boolean): boolean {
  const name = nameIn(`http://${host}`);
  return name !== undefined && (isIP(name.replace(/^\[|\]$/g, '')) !== 0 || OWN_NAMES.test(name) || isAllowed(name));
}

function isForeign(c: Context, isAllowed: (name: string) => boolean): boolean {
  const site = c.req.header('Sec-Fetch-Site');
  if (site === 'same-origin') return false;
  const origin = c.req.header('Origin');
  if (origin === undefined) {
    const changes = c.req.method !== 'GET' && c.req.method !== 'HEAD';
    return changes && (site === 'cross-site' || site === 'same-site');
  }
  const own = [c.req.header('Host'), c.req.header('X-Forwarded-Host')].map((host) => host?.toLowerCase());
  const name = nameIn(origin);
  return name === undefined || !(own.includes(origin.replace(/^https?:\/\//, '').toLowerCase()) || isAllowed(name));
}

function namesIn(entries: readonly string[]): (name: string) => boolean {
  const known = entries.map((entry) => entry.toLowerCase());
  return (name) => known.some((entry) => (entry.startsWith('*.') ? name.endsWith(entry.slice(1)) : name === entry));
}

/** The host of a URL, without the port and a trailing dot; undefined if it is not a URL. */
function nameIn(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') || undefined : undefined;
}

const shown = (text: string) => (text.length <= 100 ? text : `${text.slice(0, 100)}…`);
