import { FILE_LIMITS } from '../contract.ts';

const SHOWN_CHARS = 100;

/** Control characters, those that change the direction of writing, surrogates, and what stands for bytes that are no UTF-8. */
const UNFIT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFD]/gu;

/** What the name of a file must be, for messages. */
export const FILE_NAME = `a name of 1 to ${FILE_LIMITS.nameBytes} bytes without a folder or characters that cannot be seen`;

/** Whether a name can be that of a file of a run on any system: no path, nothing that cannot be seen. */
export function isFileName(name: string): boolean {
  if (name.trim() === '' || name === '.' || name === '..' || Buffer.byteLength(name) > FILE_LIMITS.nameBytes)
    return false;
  return !/[/\\]/.test(name) && name.search(UNFIT) === -1;
}

/** A name that somebody else has chosen, for a sentence: short, in quotes, without what cannot be seen. */
export function shownName(name: string): string {
  const seen = name.slice(0, SHOWN_CHARS).replaceAll(UNFIT, '?');
  return `"${seen}${name.length > SHOWN_CHARS ? '…' : ''}"`;
}

/** Equal for names that some systems take for the same. */
export function sameName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
