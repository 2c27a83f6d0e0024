/** Spaces, line breaks, and characters without a width, which e-mails and chats insert. */
const BLANK = /[\s\u200b-\u200d\u2060\ufeff]/g;

/**
 * The code for the CLI, `CODE#STATE`, from what a person pasted: the code itself, perhaps with spaces or line breaks, or the
 * address of the page that shows it.
 */
export function codeFrom(pasted: string): string {
  const text = pasted.replace(BLANK, '');
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return text;
  const { searchParams } = new URL(text);
  const [code, state] = [searchParams.get('code'), searchParams.get('state')];
  return code !== null && state !== null ? `${code}#${state}` : text;
}
