import { z } from 'zod';
import { decisionRequest } from './decision.ts';
import type { Operation } from './operation.ts';
import { runResource } from './run.ts';

const example = '5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11';

/** The operations on decisions of a person. */
export const DECISION_OPERATIONS = {
  decide: {
    method: 'POST',
    path: '/runs/{id}/decisions/{decisionId}',
    rights: ['run'],
    summary: 'Allow or deny what a run waits for',
    description:
      'With `allow`, a person lets Claude use the tool, or not. With `answers`, a person answers its questions. The first decision counts. The run goes on at once.',
    pathParameters: {
      id: { description: 'The `id` of a run.', schema: z.string(), example },
      decisionId: { description: 'The `id` of a decision of this run.', schema: z.string(), example },
    },
    body: { schema: decisionRequest, required: true, example: { allow: true } },
    answers: { 200: { description: 'The run after the decision.', content: { schema: runResource } } },
    problems: [
      'unsupported-media-type',
      'body-too-large',
      'invalid-json',
      'invalid-request',
      'no-such-run',
      'no-such-decision',
      'already-decided',
    ],
  },
} as const satisfies Record<string, Operation>;
