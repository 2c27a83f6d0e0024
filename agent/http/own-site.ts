import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Context, MiddlewareHandler } from 'hono';
import ipaddr from 'ipaddr.js';
import { AGENT_ENV } from '../contract.ts';
import { problem } from './problem.ts';

/** Names that lead to this machine or to a Service: nobody can have one of them point to an address of their choice. */
const OWN_NAMES = /^(?:localhost|[^.]+|.+\.(?:localhost|svc|svc\.cluster\.local|internal))$/;

/** What the server tells of a connection; nothing where there is none. */
interface Connected {
  readonly Bindings: { readonly incoming?: { readonly socket: { readonly localAddress?: string | undefined } } };
}

/**
 * Refuses, on paths that need no token, what a web page of another site sends through somebody's browser.
 *
 * A page can have its own name lead to this machine's loopback address (DNS rebinding); the request then comes to
 * loopback with that name in `Host`. What comes to another address comes through a network or a proxy, whose names only
 * its operator knows, and may have any. A browser names the page that sends in `Origin`, and in `Sec-Fetch-Site` says
 * whether the page is of this site, also where a proxy has changed `Host`.
 * @param allowed names besides those of the machine, each `host` or, for all below a name, `*.suffix`.
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

/** The host in a URL, without port and the dot of the root; undefined where it is no URL. */
function nameIn(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') || undefined : undefined;
}

const shown = (text: string) => (text.length <= 100 ? text : `${text.slice(0, 100)}…`);
