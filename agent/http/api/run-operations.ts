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
  rights: ['run'],
  headers: {
    'Idempotency-Key': {
      description:
        'Your own name for the request, such as an execution id. A request with the same key and the same content returns the existing run, even after a restart and whatever its outcome. The keys of other callers do not matter.',
      schema: idempotencyKey,
      example: 'execution-4711',
    },
    traceparent: {
      description:
        'The trace and the span of the client, by W3C Trace Context: the run belongs to that trace. A value of another form is ignored, and named in `warnings`.',
      schema: z.string(),
      example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    },
    tracestate: {
      description: 'What goes with `traceparent` from one system to the next. The agent keeps it and passes it on.',
      schema: z.string(),
      example: 'vendor=value',
    },
  },
  problems: [
    'unsupported-media-type',
    'body-too-large',
    'file-too-large',
    'invalid-json',
    'invalid-multipart',
    'invalid-idempotency-key',
    'invalid-request',
    'idempotency-key-reused',
    'queue-full',
    'budget-spent',
    'draining',
    'paused',
    'workspace-full',
    'files-full',
    'workspace-unusable',
    'storage',
  ],
} as const;

/** The operations on runs. */
export const RUN_OPERATIONS = {
  run: {
    ...takesRuns,
    path: '/run',
    summary: 'Run a prompt and wait for the result',
    description:
      'Returns `200` for every run that was executed, whatever its outcome: branch on `success` or `outcome`. As many runs are in progress as the agent has slots (by default one); others wait, first come, first served. Two runs of one conversation are never in progress at the same time. Unknown fields are ignored and listed in `warnings`, except fields that seem to limit the run, which are rejected. If the client disconnects while its run is waiting, the run is cancelled. A run that has started continues.',
    body: {
      schema: runRequest,
      required: true,
      orMultipart: true,
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
    summary: 'Start a run without waiting for it',
    description:
      'For runs that take longer than a client can wait. The run does not depend on its client. A run that is waiting when the agent shuts down is executed after the next start. Unknown fields are rejected.',
    body: {
      schema: strictRunRequest,
      required: true,
      orMultipart: true,
      example: { prompt: 'Write the report.', labels: { workflow: 'report' } },
    },
    answers: {
      202: {
        description: 'The run is recorded. It is waiting or running, or has ended if the key was repeated.',
        headers: { Location: 'The path of the run: `/runs/{id}`.' },
        content: { schema: runResource },
      },
    },
  },
  listRuns: {
    method: 'GET',
    path: '/runs',
    rights: ['run', 'read'],
    summary: 'List runs',
    description:
      'Newest first, without `output` and `structuredOutput`, which can be large. `GET /runs/{id}` returns them. Without the right `read`, only the runs of the caller.',
    query: runQuery,
    answers: { 200: { description: 'A page of runs.', content: { schema: runPage } } },
    problems: ['invalid-query', 'missing-right'],
  },
  getRun: {
    method: 'GET',
    path: '/runs/{id}',
    rights: ['run', 'read'],
    summary: 'Get a run',
    description: 'The current state of the run, and its result if it has ended.',
    pathParameters: runId,
    answers: { 200: { description: 'The run.', content: { schema: runResource } } },
    problems: ['no-such-run'],
  },
  cancelRun: {
    method: 'DELETE',
    path: '/runs/{id}',
    rights: ['run'],
    summary: 'Cancel a run',
    description: 'A waiting run ends at once, a running one shortly after. A run that has ended does not change.',
    pathParameters: runId,
    answers: {
      200: { description: 'The run has ended.', content: { schema: runResource } },
      202: { description: 'The run is being ended.', content: { schema: runResource } },
    },
    problems: ['no-such-run'],
  },
  watchRun: {
    method: 'GET',
    path: '/runs/{id}/events',
    rights: ['run', 'read'],
    summary: 'Watch a run',
    description:
      'Server-sent events until the run has ended. `queued` comes again when `queue` of the run changes. The `ended` event has the final result; `text` events are a preview, and `tool` events are the calls of tools and their results. Lines that begin with a colon keep the connection open.',
    pathParameters: runId,
    headers: {
      'Last-Event-ID': {
        description:
          'The `id` of the last event received. The stream continues after it, or starts from the beginning if the agent no longer knows it.',
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
      204: { description: 'The client already has the last event and should stop reconnecting.' },
    },
    problems: ['no-such-run'],
  },
} as const satisfies Record<string, Operation>;
