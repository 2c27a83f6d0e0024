import { createVerify, randomUUID } from 'node:crypto';
import { commitOf, countAhead } from './branches.ts';
import type { HostState, Reply, StoredPull } from './state.ts';

const PREFIX = '/api/v3';
const INSTALLATION = 4711;

/** A request to GitHub's REST API. */
export interface RestRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: Readonly<Record<string, unknown>>;
  /** The bearer token; undefined without. */
  readonly token: string | undefined;
}

const reply = (status: number, body: unknown): Reply => ({ status, body });
const NOT_FOUND = reply(404, { message: 'Not Found' });
const BAD = reply(401, { message: 'Bad credentials' });

/** Answers as GitHub Enterprise Server does; undefined if the path is none of its API. */
export async function github(state: HostState, request: RestRequest): Promise<Reply | undefined> {
  const { url, method } = request;
  if (!url.pathname.startsWith(`${PREFIX}/`)) return undefined;
  const path = url.pathname.slice(PREFIX.length);
  const [, repository, rest] = /^\/repos\/([^/]+\/[^/]+)\/(.+)$/u.exec(path) ?? [];
  if (path === '/rate_limit') return rateLimit(state, request);
  if (path === '/app') return isApp(state, request.token) ? reply(200, { slug: 'shop-bot' }) : BAD;
  if (path === `/app/installations/${INSTALLATION}/access_tokens` && method === 'POST')
    return makeToken(state, request);
  if (repository === undefined) return NOT_FOUND;
  if (rest === 'installation') {
    if (!isApp(state, request.token)) return reply(401, { message: 'A JSON web token could not be decoded' });
    return state.app?.repositories.includes(repository) ? reply(200, { id: INSTALLATION }) : NOT_FOUND;
  }
  return rest === 'pulls' ? pulls(state, repository, request) : NOT_FOUND;
}

function rateLimit(state: HostState, { token }: RestRequest): Reply {
  if (!isValid(state, token)) return BAD;
  return state.limitsRequests ? reply(200, {}) : reply(404, { message: 'Rate limiting is not enabled.' });
}

async function pulls(state: HostState, repository: string, { method, url, body, token }: RestRequest): Promise<Reply> {
  if (!isValid(state, token)) return BAD;
  const account = state.accounts.get(token ?? '');
  if (!account?.repositories.includes(repository)) return NOT_FOUND;
  const shown = (pull: StoredPull) => ({
    number: pull.number,
    html_url: `${url.origin}/${repository}/pull/${pull.number}`,
  });
  const isSame =
    (head: unknown, base: unknown, state = 'open') =>
    (pull: StoredPull) =>
      pull.state === state && pull.repository === repository && pull.head === head && pull.base === base;
  const owner = repository.split('/')[0] ?? '';
  if (method === 'GET') {
    const head = url.searchParams.get('head')?.replace(`${owner}:`, '');
    const asked = url.searchParams.get('state') ?? 'open';
    return reply(200, state.pulls.filter(isSame(head, url.searchParams.get('base'), asked)).map(shown));
  }
  if (account.may !== 'write') return reply(403, { message: 'Resource not accessible by integration' });
  const { head, base, title, body: text, draft } = body as unknown as StoredPull;
  const invalid = (errors: unknown) => reply(422, { message: 'Validation Failed', errors });
  for (const [field, branch] of Object.entries({ base, head })) {
    const commit = await commitOf(state.root, repository, branch);
    if (commit === undefined) return invalid([{ resource: 'PullRequest', field, code: 'invalid' }]);
  }
  if (state.pulls.some(isSame(head, base))) {
    return invalid([
      { resource: 'PullRequest', code: 'custom', message: `A pull request already exists for ${owner}:${head}.` },
    ]);
  }
  if ((await countAhead(state.root, repository, base, head)) === 0)
    return invalid([{ resource: 'PullRequest', code: 'custom', message: `No commits between ${base} and ${head}` }]);
  const pull: StoredPull = {
    number: state.pulls.length + 1,
    repository,
    head,
    base,
    title,
    body: text,
    draft,
    state: 'open',
  };
  state.pulls.push(pull);
  return reply(201, shown(pull));
}

function makeToken(state: HostState, { token, body }: RestRequest): Reply {
  const { app } = state;
  if (!app || !isApp(state, token)) return BAD;
  const { repositories, permissions } = body as { repositories: string[]; permissions: Record<string, string> };
  const lacks = Object.entries(permissions).some(([name, right]) => app.permissions[name] !== right);
  if (lacks) return reply(422, { message: 'The permissions requested are not granted to this installation.' });
  const made = `ghs_${randomUUID()}`;
  const endsAt = Date.now() + app.tokenSeconds * 1000;
  const named = app.repositories.filter((each) => repositories.includes(each.split('/')[1] ?? ''));
  state.accounts.set(made, { repositories: named, may: 'write', endsAt });
  return reply(201, { token: made, expires_at: new Date(endsAt).toISOString() });
}

/** Whether a token is one that has not ended. */
export function isValid(state: HostState, token: string | undefined): boolean {
  const account = token === undefined ? undefined : state.accounts.get(token);
  return account !== undefined && (account.endsAt ?? Infinity) > Date.now();
}

/** GitHub checks the signature, who issued the token, and that it lives for ten minutes at most. */
function isApp({ app }: HostState, token = ''): boolean {
  const [header = '', claims = '', signature = ''] = token.split('.');
  if (!app || signature === '') return false;
  const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`);
  if (!verify.verify(app.publicKey, signature, 'base64url')) return false;
  const { iss, iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
  const now = Date.now() / 1000;
  return iss === app.id && Number(iat) <= now && Number(exp) > now && Number(exp) <= now + 600;
}
