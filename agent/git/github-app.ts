import { createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Log } from '../log.ts';
import type { GitCredential } from './credential.ts';
import { GitError } from './errors.ts';
import { githubName, GITHUB_HEADERS, saidByGithub } from './github-rest.ts';
import type { GitRepository } from './hosts.ts';
import { refusalOf } from './refusal.ts';
import type { RestAnswer, RestApi } from './rest.ts';

/** A token lives an hour. A clone or a push that begins now has to end with it. */
const RENEWED_BEFORE_END_MS = 600_000;
/** GitHub allows ten minutes, and clocks that differ by a minute. */
const JWT_SECONDS = 540;
const CLOCK_SECONDS = 60;
/** All that the agent does in a repository. */
const PERMISSIONS = { contents: 'write', pull_requests: 'write' };

const installation = z.object({ id: z.number() });
const accessToken = z.object({ token: z.string().min(1), expires_at: z.iso.datetime({ offset: true }) });

interface Held {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What a {@link GithubApp} needs. */
export interface GithubAppParts {
  readonly appId: string | number;
  /** It is read for each new token. */
  readonly privateKeyFile: string;
  readonly api: RestApi;
  readonly log: Pick<Log, 'info'>;
}

/** A GitHub App. Makes installation tokens, each for one repository and for contents and pull requests alone. */
export class GithubApp implements GitCredential {
  readonly #parts: GithubAppParts;
  readonly #held = new Map<string, Held>();
  readonly #renewals = new Map<string, Promise<Held>>();

  constructor(parts: GithubAppParts) {
    this.#parts = parts;
  }

  async token(repository: GitRepository): Promise<string> {
    const held = this.#held.get(repository.url);
    if (held && held.expiresAt - Date.now() > RENEWED_BEFORE_END_MS) return held.token;
    const renewal = this.#renewals.get(repository.url) ?? this.#renew(repository);
    return (await renewal).token;
  }

  refused(token: string): void {
    for (const [url, held] of this.#held) if (held.token === token) this.#held.delete(url);
  }

  /**
   * The `Authorization` header of the app itself.
   * @throws {GitError} if the private key cannot be read.
   */
  async authorization(): Promise<string> {
    const { appId, privateKeyFile } = this.#parts;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iat: now - CLOCK_SECONDS, exp: now + JWT_SECONDS, iss: String(appId) };
    const unsigned = [{ alg: 'RS256', typ: 'JWT' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    try {
      const signature = createSign('RSA-SHA256')
        .update(unsigned)
        .sign(await readFile(privateKeyFile), 'base64url');
      return `Bearer ${unsigned}.${signature}`;
    } catch (cause) {
      throw new GitError('credential', `The private key in ${privateKeyFile} cannot be read or used.`, { cause });
    }
  }

  #renew(repository: GitRepository): Promise<Held> {
    const { url } = repository;
    const renewal = this.#made(repository).finally(() => this.#renewals.delete(url));
    this.#renewals.set(url, renewal);
    return renewal;
  }

  async #made(repository: GitRepository): Promise<Held> {
    const { api, appId, log } = this.#parts;
    const { owner, name } = githubName(repository);
    const headers = { ...GITHUB_HEADERS, authorization: await this.authorization() };
    const path = `/repos/${owner}/${name}/installation`;
    const found = await api.ask({ method: 'GET', path, headers });
    if (found.status === 404) {
      const message = `The GitHub App ${appId} is not installed for ${repository.url}, or the repository does not exist. Install it there, or check the address.`;
      throw new GitError('notFound', message);
    }
    const { id } = read(found, installation, repository);
    const body = { repositories: [decodeURIComponent(name)], permissions: PERMISSIONS };
    const made = await api.ask({ method: 'POST', path: `/app/installations/${id}/access_tokens`, headers, body });
    if (made.status === 422) {
      const said = saidByGithub(made.body);
      const message = `The GitHub App ${appId} lacks a right for ${repository.url}: it needs to write contents and pull requests (${said}). Give it both, and accept them for its installation.`;
      throw new GitError('forbidden', message);
    }
    const { token, expires_at: end } = read(made, accessToken, repository);
    const held = { token, expiresAt: Date.parse(end) };
    this.#held.set(repository.url, held);
    log.info({ repository: repository.url, expiresAt: end }, 'a token of the GitHub App was made');
    return held;
  }
}

function read<T>(answer: RestAnswer, schema: z.ZodType<T>, repository: GitRepository): T {
  const what = 'make a token of the GitHub App';
  const parsed = schema.safeParse(answer.body);
  const isSuccess = answer.status >= 200 && answer.status < 300;
  if (isSuccess && parsed.success) return parsed.data;
  // The body of a success may contain a token.
  const said = isSuccess ? 'an answer without a token' : saidByGithub(answer.body);
  throw refusalOf(answer, { repository, what, hasCredential: true, said });
}
