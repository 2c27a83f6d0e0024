/**
 * A Secret is flat and its keys are [-._a-zA-Z0-9]; a session has folders and arbitrary names. Other bytes of a path are
 * therefore written as `_` and two hex digits: `skills/review/SKILL.md` is the key `skills_2freview_2fSKILL.md`. A plain name
 * such as `.credentials.json` is its own key, as with `kubectl create secret generic --from-file`.
 * @module
 */

/** A value in the encoding of a Secret's `data`. */
export const encoded = (value: string | Buffer): string => Buffer.from(value).toString('base64');

/** The key for a path relative to the session's folder, with `/` between its parts. */
export function keyOfPath(path: string): string {
  return path.replace(/[^-.a-zA-Z0-9]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `_${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/** The path for a key; the inverse of {@link keyOfPath}. A key that somebody chose by hand is its own path. */
export function pathOfKey(key: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < key.length;) {
    const escape = /^_([0-9a-f]{2})/.exec(key.slice(at, at + 3))?.[1];
    bytes.push(escape === undefined ? key.charCodeAt(at) : Number.parseInt(escape, 16));
    at += escape === undefined ? 1 : 3;
  }
  const path = Buffer.from(bytes).toString();
  return keyOfPath(path) === key && isInside(path) ? path : key;
}

const isInside = (path: string): boolean =>
  !path.split('/').some((part) => part === '' || part === '.' || part === '..');
