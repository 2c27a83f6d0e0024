import mime from 'mime';

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$/;
const UNKNOWN = 'application/octet-stream';
/** What programs send for a body of any kind, and what that says about a file whose name says nothing. */
const VAGUE: ReadonlyMap<string, string> = new Map([
  [UNKNOWN, UNKNOWN],
  ['application/x-www-form-urlencoded', UNKNOWN],
  ['text/plain', 'text/plain'],
]);

/**
 * The media type of a file, without parameters.
 * @param said the `Content-Type` that came with it.
 */
export function typeOf(name: string, said?: string): string {
  const given = said?.split(';')[0]?.trim().toLowerCase();
  if (given !== undefined && MEDIA_TYPE.test(given) && !VAGUE.has(given)) return given;
  return mime.getType(name) ?? VAGUE.get(given ?? '') ?? UNKNOWN;
}

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
/** The type of PDFs. */
export const PDF = 'application/pdf';
/** The types of files that can be part of a prompt. */
export const INLINE_TYPES: readonly string[] = [...IMAGES, PDF];

const DOWNLOADED: ReadonlySet<string> = new Set([...INLINE_TYPES, 'text/plain', 'text/csv', 'application/json']);

/** The type that a file is sent with: none that a browser would run. */
export function downloadType(type: string): string {
  if (
    DOWNLOADED.has(type) ||
    /^application\/(zip|gzip|vnd\.(openxmlformats|oasis|ms-excel|ms-word)[\w.-]*)$/.test(type)
  )
    return type;
  return UNKNOWN;
}
