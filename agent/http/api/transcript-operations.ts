import { z } from 'zod';
import type { Operation } from './operation.ts';
import { transcript } from './transcript.ts';

const example = '5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11';

/** The operation on what Claude did. */
export const TRANSCRIPT_OPERATIONS = {
  getTranscript: {
    method: 'GET',
    path: '/runs/{id}/transcript',
    rights: ['run', 'read'],
    summary: 'Read what Claude did in a run',
    description:
      'The calls of tools with their inputs and results, texts, retries, sub-agents and decisions, in the order they happened; of a run in progress what has happened so far. Secrets that the agent knows are masked. With `Accept: text/markdown` it is a text for people.',
    pathParameters: { id: { description: 'The `id` of a run.', schema: z.string(), example } },
    headers: {
      Accept: { description: '`application/json` or `text/markdown`.', schema: z.string(), example: 'text/markdown' },
    },
    answers: {
      200: {
        description: 'The transcript.',
        headers: { Vary: 'The response depends on `Accept`.' },
        content: { schema: transcript },
        orAs: { mediaType: 'text/markdown', schema: z.string() },
      },
    },
    problems: ['no-such-run', 'no-transcript'],
  },
} as const satisfies Record<string, Operation>;
