import { expect } from 'vitest';
import { readDocument } from '../docs/markdown.ts';
import type { Execution } from './author.ts';

const DOCUMENT = readDocument('docs/n8n.md');

/** How an execution ended, in the words that n8n shows. Fails where docs/n8n.md does not know them. */
export function endOf({ status, data: { resultData } }: Execution) {
  const { message, description, name } = resultData.error ?? {};
  if (name === 'NodeApiError') expect(DOCUMENT).toContain(`| ${message} `);
  const kind = /^[^:`]+: /.exec(description ?? '')?.[0];
  if (kind !== undefined) expect(DOCUMENT).toContain(`| ${kind}`);
  return {
    status,
    node: resultData.lastNodeExecuted,
    ...(message && { message }),
    ...(description && { description }),
  };
}
