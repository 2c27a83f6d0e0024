import { BlockList, isIP } from 'node:net';
import type { Context, MiddlewareHandler } from 'hono';
import { AGENT_ENV } from '../../contract.ts';
import { LogLimit } from '../../log-limit.ts';
import type { Log } from '../../log.ts';
import { problem } from '../problem.ts';
import type { HttpRefusal } from './refusals.ts';
import type { ReachSettings } from './settings.ts';
import { seenSource, setSource, sourceOf } from './source.ts';
import { WrongTokens } from './wrong-tokens.ts';

/** A year, in seconds. Other names below the host may be somebody else's. */
const HSTS = 'max-age=31536000';

/** What the Node.js server passes to the app; empty when the app is called without a connection. */
interface Connected {
  readonly Bindings: { readonly incoming?: { readonly socket: { readonly remoteAddress?: string | undefined } } };
}

/** Who may call from where: finds out the address of each request, and refuses those from elsewhere. */
export class Reach implements Disposable {
  readonly #settings: ReachSettings;
  readonly #ranges: BlockList | undefined;
  readonly #secureHost: string | undefined;
  readonly #wrongTokens = new WrongTokens();
  readonly #lines: LogLimit;
  readonly #onRefused: (refusal: HttpRefusal) => void;

  /** @param onRefused is told of each request that is refused because of its address or its token. */
  constructor(
    settings: ReachSettings,
    log: Pick<Log, 'warn'>,
    onRefused: (refusal: HttpRefusal) => void = () => undefined,
  ) {
    this.#settings = settings;
    this.#ranges = settings.sourceRanges.length === 0 ? undefined : listOf(settings.sourceRanges);
    const { protocol, hostname } = settings.pageUrl === undefined ? {} : new URL(settings.pageUrl);
    this.#secureHost = protocol === 'https:' ? hostname : undefined;
    this.#lines = new LogLimit(log);
    this.#onRefused = onRefused;
  }

  /** Comes before everything else, also before the lines of the log. */
  readonly guard: MiddlewareHandler<Connected> = async (c, next) => {
    const refused = this.#check(c);
    if (refused) c.res = refused;
    else await next();
    if (this.#isSecure(c)) c.header('Strict-Transport-Security', HSTS);
  };

  /**
   * Counts a request whose token nobody has.
   * @returns undefined while there are few from its address; otherwise the seconds until another one is answered.
   */
  countWrongToken(c: Context): number | undefined {
    const seconds = this.#wrongTokens.count(seenSource(c)?.address ?? '');
    this.#onRefused(seconds === undefined ? 'wrong_token' : 'too_many_wrong_tokens');
    return seconds;
  }

  /** Writes the line of a request that anybody may cause: without a known token. */
  logUnknown(fields: object): void {
    this.#lines.warn('unknown', fields, 'request without a valid token');
  }

  [Symbol.dispose](): void {
    this.#lines[Symbol.dispose]();
  }

  #check(c: Context<Connected>): Response | undefined {
    const { trustedProxies } = this.#settings;
    const source = sourceOf(c.env.incoming?.socket.remoteAddress, c.req.header('X-Forwarded-For'), trustedProxies);
    if (typeof source === 'string') {
      this.#refused('forwarded_for', { path: c.req.path }, source);
      return problem(c, 'unknown-address', source);
    }
    setSource(c, source);
    const { address, isForwarded } = source;
    if (!isForwarded || address === undefined || !this.#ranges || isIn(this.#ranges, address)) return undefined;
    const detail = `The request comes from ${address}, from where the agent may not be called. If it should be, add the address to ${AGENT_ENV.sourceRanges} (config sourceRanges).`;
    this.#refused('address', { path: c.req.path, address }, 'request from an address outside the allowed ranges');
    return problem(c, 'address-not-allowed', detail);
  }

  #refused(refusal: HttpRefusal, fields: object, message: string): void {
    this.#onRefused(refusal);
    this.#lines.warn(refusal, fields, message);
  }

  /** Browsers ignore the header where there is no TLS. */
  #isSecure(c: Context): boolean {
    if (this.#secureHost === undefined) return false;
    const host = c.req.header('Host') ?? '';
    return URL.canParse(`https://${host}`) && new URL(`https://${host}`).hostname === this.#secureHost;
  }
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
const isIn = (ranges: BlockList, address: string) => ranges.check(address, familyOf(address));

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
}
