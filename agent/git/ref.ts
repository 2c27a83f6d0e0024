const MAX_CHARS = 250;
/** What git's check-ref-format forbids anywhere: control characters, space, and characters with a meaning of their own. */
const FORBIDDEN = /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\//u;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Whether a ref is the full id of a commit. */
export function isCommitId(ref: string): boolean {
  return COMMIT.test(ref);
}

/** Why a text cannot name a branch to push, as the end of a sentence; undefined if it can. See `git help check-ref-format`. */
export function branchMistake(branch: string): string | undefined {
  if (isCommitId(branch)) return 'must be the name of a branch, not the id of a commit';
  return refMistake(branch);
}

/** Why a text cannot name a branch, a tag or a commit, as the end of a sentence; undefined if it can. */
export function refMistake(ref: string): string | undefined {
  if (ref === '') return 'must not be empty';
  if (ref.length > MAX_CHARS) return `has ${ref.length} characters; at most ${MAX_CHARS} are allowed`;
  if (ref.startsWith('-')) return "must not begin with '-'";
  if (ref.startsWith('refs/')) return "must be the name alone, such as main, without 'refs/heads/' or 'refs/tags/'";
  if (ref === '@' || ref === 'HEAD') return 'must be the name of a branch or a tag, or the full id of a commit';
  const isWrong =
    FORBIDDEN.test(ref) ||
    ref.endsWith('.') ||
    ref.split('/').some((part) => part === '' || part.startsWith('.') || part.endsWith('.lock'));
  return isWrong ? 'must be a name that git allows (see `git help check-ref-format`)' : undefined;
}
