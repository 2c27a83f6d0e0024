import { isIP } from 'node:net';
import { CALLBACK_HOST } from '../contract.ts';

/** The target of a callback, from an allowed URL. */
export interface CallbackTarget {
  readonly protocol: 'http:' | 'https:';
  /** A name, or an IP address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The value of the `Host` header. */
  readonly host: string;
  /** Path and query exactly as given, because they may contain a signature. */
  readonly path: string;
  /** Whether the host may have a private address. */
  readonly mayBePrivate: boolean;
}

interface Entry {
  readonly hostname: string;
  readonly isSuffix: boolean;
  /** Undefined for the default port of the protocol. */
  readonly port: number | undefined;
}

/** Some parsers treat `\` as `/`. A fragment and non-ASCII characters would not arrive as given. */
const URL_SHAPE = /^https?:\/\/[^/?#\\@]+(?<path>[/?][^#\\]*)?$/i;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
const DEFAULT_PORT = { 'http:': 80, 'https:': 443 } as const;

/** Whether `entry` is valid for {@link CallbackHosts}. */
export function isCallbackHost(entry: string): boolean {
  return parseEntry(entry) !== undefined;
}

/**
 * The hosts that callbacks may go to. An entry is `host` or `host:port`, or `*.suffix` for all hosts below it. Without a
 * port it allows 80 for http and 443 for https. A host that is listed by name may have a private address; a host that only
 * a `*.` entry matches may not.
 */
export class CallbackHosts {
  readonly #entries: readonly Entry[];

  /** @param entries each valid according to {@link isCallbackHost}. */
  constructor(entries: readonly string[]) {
    this.#entries = entries.map(parseEntry).filter((entry) => entry !== undefined);
  }

  /** Whether no callbacks are allowed at all. */
  get none(): boolean {
    return this.#entries.length === 0;
  }

  /**
   * Finds the target of a callback.
   * @returns the target; the host if only the host is not allowed; or undefined for an invalid URL.
   */
  find(url: string): CallbackTarget | { readonly refusedHost: string } | undefined {
    const shape = VISIBLE_ASCII.test(url) ? URL_SHAPE.exec(url) : null;
    const parsed = shape && URL.parse(url);
    if (!parsed) return undefined;
    const protocol = parsed.protocol as CallbackTarget['protocol'];
    const port = parsed.port === '' ? DEFAULT_PORT[protocol] : Number(parsed.port);
    const matching = this.#entries.filter((entry) => matches(entry, parsed.hostname, port, protocol));
    if (matching.length === 0) return { refusedHost: parsed.host };
    const path = shape.groups?.['path'] ?? '/';
    return {
      protocol,
      hostname: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
      port,
      host: parsed.host,
      path: path.startsWith('?') ? `/${path}` : path,
      mayBePrivate: matching.some(({ isSuffix }) => !isSuffix),
    };
  }
}

function parseEntry(entry: string): Entry | undefined {
  const { suffix, hostname = '', port } = CALLBACK_HOST.exec(entry)?.groups ?? {};
  const parsed = hostname === '' ? null : URL.parse(`http://${hostname}`);
  const isSuffix = suffix !== undefined;
  if (!parsed || Number(port ?? 1) > 65_535 || (isSuffix && isAddress(parsed.hostname))) return undefined;
  return { hostname: parsed.hostname, isSuffix, port: port === undefined ? undefined : Number(port) };
}

function matches(entry: Entry, hostname: string, port: number, protocol: CallbackTarget['protocol']): boolean {
  if (port !== (entry.port ?? DEFAULT_PORT[protocol])) return false;
  if (!entry.isSuffix) return hostname === entry.hostname;
  return hostname.endsWith(`.${entry.hostname}`) && !isAddress(hostname);
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || isIP(hostname) !== 0;
}
