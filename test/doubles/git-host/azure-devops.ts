import { commitOf } from './branches.ts';
import { isValid, type RestRequest } from './github.ts';
import type { HostState, Reply, StoredPull } from './state.ts';

const PULLS = /^\/(.+)\/_apis\/git\/repositories\/([^/]+)\/pullrequests$/u;
const reply = (status: number, body: unknown): Reply => ({ status, body });
const error = (status: number, message: string) => reply(status, { $id: '1', message });

/** Answers as Azure DevOps does; undefined if the path is none of its API. */
export async function azureDevOps(state: HostState, request: RestRequest): Promise<Reply | undefined> {
  const { url, method, body, token } = request;
  const path = decodeURIComponent(url.pathname);
  const isCheck = path.endsWith('/_apis/connectionData');
  const [, project, name] = PULLS.exec(path) ?? [];
  if (!isCheck && name === undefined) return undefined;
  if (!isValid(state, token)) return reply(401, 'Access denied');
  if (isCheck) return reply(200, {});
  if (url.searchParams.get('api-version') !== '7.1') return error(400, 'No api-version was supplied.');
  const repository = `${project ?? ''}/_git/${name ?? ''}`;
  const account = state.accounts.get(token ?? '');
  if (!account?.repositories.includes(repository)) {
    return error(
      404,
      `TF401019: The Git repository with name or identifier ${name ?? ''} does not exist or you do not have permissions.`,
    );
  }
  const branchOf = (ref: unknown) => String(ref).replace('refs/heads/', '');
  const isSame =
    (head: unknown, base: unknown, status: string | null = 'active') =>
    (pull: StoredPull) =>
      (status === 'all' || (pull.state === 'open') === (status === 'active')) &&
      pull.repository === repository &&
      pull.head === branchOf(head) &&
      pull.base === branchOf(base);
  const shown = ({ number }: StoredPull) => ({ pullRequestId: number });
  if (method === 'GET') {
    const asked = (key: string) => url.searchParams.get(`searchCriteria.${key}`);
    const value = state.pulls
      .filter(isSame(asked('sourceRefName'), asked('targetRefName'), asked('status')))
      .map(shown);
    return reply(200, { value, count: value.length });
  }
  if (account.may !== 'write') return error(403, 'TF401027: You need the Git PullRequestContribute permission.');
  const { sourceRefName, targetRefName, title, description, isDraft } = body;
  for (const ref of [sourceRefName, targetRefName]) {
    if ((await commitOf(state.root, repository, branchOf(ref))) === undefined) {
      return error(
        400,
        'TF401398: The pull request cannot be activated because the source and/or the target branch no longer exists.',
      );
    }
  }
  if (state.pulls.some(isSame(sourceRefName, targetRefName))) {
    return error(409, 'TF401179: An active pull request for the source and target branch already exists.');
  }
  const pull: StoredPull = {
    number: state.pulls.length + 1,
    repository,
    head: branchOf(sourceRefName),
    base: branchOf(targetRefName),
    title: String(title),
    body: String(description),
    draft: isDraft === true,
    state: 'open',
  };
  state.pulls.push(pull);
  return reply(201, shown(pull));
}
