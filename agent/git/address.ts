const MAX_CHARS = 1000;
/** The URL parser would remove or change these without a word. */
const IGNORED = /[\p{Cc}\s\\]/u;
const DOTS = /\/(?:\.|%2e){1,2}(?:\/|$)/iu;
/** Of a decoded segment. A `*` is for patterns alone. */
const FORBIDDEN = /[\p{C}/\\%?#:"<>|]/u;
const SCP_LIKE = /^(?:[\w.-]+@)?([\w.-]+\.[a-z]+):(?!\/\/)(.+)$/iu;

/** Where a repository is. */
export interface GitAddress {
  /** In lower case, with the port if it is not 443. */
  readonly host: string;
  /** The decoded segments of the path, the last one without `.git`. There is at least one. */
  readonly path: readonly string[];
  readonly endsWithGit: boolean;
}

/** An address, or why a text is none, as the end of a sentence. */
export type ParsedAddress =
  | { readonly address: GitAddress; readonly mistake?: undefined }
  | { readonly mistake: string; readonly address?: undefined };

/** Reads the https URL of a repository, or a pattern for such URLs. */
export function parseAddress(text: string): ParsedAddress {
  if (text.length > MAX_CHARS) return { mistake: `has ${text.length} characters; at most ${MAX_CHARS} are allowed` };
  if (!text.toLowerCase().startsWith('https://')) return { mistake: withoutHttps(text) };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || IGNORED.test(text)) return { mistake: 'must be a valid URL without white space' };
  if (url.username !== '' || url.password !== '') {
    return { mistake: "must not have a user or a password before the host: remove everything up to '@'" };
  }
  if (/[?#]/u.test(text)) return { mistake: "must not have a query or a fragment ('?', '#')" };
  if (DOTS.test(text)) return { mistake: "must not have '.' or '..' in its path" };
  return parsePath(url);
}

function parsePath({ host, pathname }: URL): ParsedAddress {
  const whole = pathname.replace(/^\/|\/$/gu, '');
  const endsWithGit = whole.endsWith('.git');
  const path = segmentsOf(endsWithGit ? whole.slice(0, -'.git'.length) : whole);
  if (!path || path.some((segment) => segment === '' || FORBIDDEN.test(segment))) {
    return { mistake: 'must have the path of a repository, such as https://github.com/acme/shop' };
  }
  return { address: { host, path, endsWithGit } };
}

/** The address as a URL, without `.git`. */
export function urlOf({ host, path }: GitAddress): string {
  return `https://${host}/${path.map(encodeURI).join('/')}`;
}

function segmentsOf(path: string): string[] | undefined {
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function withoutHttps(text: string): string {
  const [, host, path] = SCP_LIKE.exec(text) ?? [];
  const example = host === undefined || path === undefined ? 'https://github.com/acme/shop' : `https://${host}/${path}`;
  return `must be an https URL, such as ${example}`;
}
