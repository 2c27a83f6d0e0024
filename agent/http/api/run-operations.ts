import { z } from 'zod';
import type { Operation } from './operation.ts';
import { idempotencyKey, runRequest, strictRunRequest } from './run-request.ts';
import { runQuery } from './run-query.ts';
import { runAnswer, runEvent, runPage, runResource } from './run.ts';

const runId = {
  id: {
    description: 'The `id` of a run.',
    schema: z.string(),
    example: '5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11',
  },
};

const takesRuns = {
  method: 'POST',
  tokens: ['api'],
  headers: {
    'Idempotency-Key': {
      description:
        'A name of your own for the request, such as an execution id. The same key with the same request is the same run, after a restart and after every outcome.',
      schema: idempotencyKey,
      example: 'execution-4711',
    },
  },
  problems: [
    'unsupported-media-type',
    'body-too-large',
    'invalid-json',
    'invalid-idempotency-key',
    'invalid-request',
    'idempotency-key-reused',
    'queue-full',
    'draining',
    'paused',
    'workspace-full',
    'workspace-unusable',
    'storage',
  ],
} as const;

/** What the agent does with runs. */
export const RUN_OPERATIONS = {
  run: {
    ...takesRuns,
    path: '/run',
    summary: 'Run a prompt and wait for its end',
    description:
      'Answers `200` for every run that ran, whatever became of it: branch on `success` or `outcome`. Runs go one at a time, first come first served. Unknown fields are ignored and named in `warnings`, but for those that seem to limit the run, which are refused. A client that goes away while its run waits cancels it; a run that has begun goes on.',
    body: {
      schema: runRequest,
      required: true,
      example: { prompt: 'Summarise the README of this project.', timeout: 120_000, labels: { workflow: 'report' } },
    },
    answers: {
      200: {
        description: 'The run has ended.',
        content: {
          schema: runAnswer,
          example: {
            success: true,
            output: 'It runs Claude Code as a step of n8n workflows.',
            exitCode: 0,
            duration: 4210,
            outcome: 'succeeded',
            runId: '5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11',
            sessionId: '0f8e4d6a-3f5c-4f0e-9d55-0d8e6a1c2b3f',
            queuedMs: 3,
            usage: { inputTokens: 1210, outputTokens: 18, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 },
            costUsd: 0.0039,
            turns: 1,
            model: 'claude-opus-5-5',
            permissionDenials: [],
            warnings: [],
          },
        },
      },
    },
  },
  createRun: {
    ...takesRuns,
    path: '/runs',
    summary: 'Send a run without waiting for it',
    description:
      'For anything longer than a client will wait. The run goes on without its client; one that waits at a shutdown runs after the next start. Unknown fields are refused.',
    body: {
      schema: strictRunRequest,
      required: true,
      example: { prompt: 'Write the report.', labels: { workflow: 'report' } },
    },
    answers: {
      202: {
        description: 'The run is recorded; it waits or goes on, or for a repeated key may have ended.',
        headers: { Location: 'Where the run is: `/runs/{id}`.' },
        content: { schema: runResource },
      },
    },
  },
  listRuns: {
    method: 'GET',
    path: '/runs',
    tokens: ['api'],
    summary: 'List runs',
    description:
      'Newest first, without `output` and `structuredOutput`, which can be large: `GET /runs/{id}` has those.',
    query: runQuery,
    answers: { 200: { description: 'A page of runs.', content: { schema: runPage } } },
    problems: ['invalid-query'],
  },
  getRun: {
    method: 'GET',
    path: '/runs/{id}',
    tokens: ['api'],
    summary: 'Look at a run',
    description: 'The run as it is now, and what became of it when it has ended.',
    pathParameters: runId,
    answers: { 200: { description: 'The run.', content: { schema: runResource } } },
    problems: ['no-such-run'],
  },
  cancelRun: {
    method: 'DELETE',
    path: '/runs/{id}',
    tokens: ['api'],
    summary: 'Cancel a run',
    description: 'A run that waits ends at once, one that goes on soon; one that has ended stays as it is.',
    pathParameters: runId,
    answers: {
      200: { description: 'The run, which has ended.', content: { schema: runResource } },
      202: { description: 'The run, which is being ended.', content: { schema: runResource } },
    },
    problems: ['no-such-run'],
  },
  watchRun: {
    method: 'GET',
    path: '/runs/{id}/events',
    tokens: ['api'],
    summary: 'Watch a run',
    description:
      'Server-sent events until the run has ended. What `ended` says counts; pieces of text are only earlier. Lines that begin with a colon keep the connection open.',
    pathParameters: runId,
    headers: {
      'Last-Event-ID': {
        description:
          'The `id` of the last event that was seen. The stream goes on after it, or from the beginning where the agent does not know it any more.',
        schema: z.string(),
        example: '1c9d3f20-2',
      },
    },
    answers: {
      200: {
        description: 'The events.',
        content: {
          mediaType: 'text/event-stream',
          schema: runEvent,
          example: { id: '1c9d3f20-3', event: 'text', data: '{"text":"It runs"}' },
        },
      },
      204: { description: 'The client has heard of the end: do not come again.' },
    },
    problems: ['no-such-run'],
  },
} as const satisfies Record<string, Operation>;
