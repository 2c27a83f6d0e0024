import { z } from 'zod';
import type { Operation } from './operation.ts';
import { health, loginReport, pauseRequest, pauseState, ready } from './state.ts';

/** The operations on the agent: status, login check, pause and metrics. */
export const STATE_OPERATIONS = {
  checkLogin: {
    method: 'POST',
    path: '/auth/check',
    rights: ['admin', 'watchdog'],
    summary: 'Check whether the login works',
    description:
      'A run that succeeded within the last five minutes is sufficient. Otherwise the agent sends a small prompt before any waiting run. Returns `200` whatever the state.',
    answers: {
      200: {
        description: 'The state of the login.',
        content: {
          schema: loginReport,
          example: {
            state: 'ok',
            checkedAt: '2026-01-31T12:00:00.000Z',
            evidence: 'recent-run',
            detail: 'A prompt was answered.',
            source: '/data/claude/.credentials.json',
            host: 'claude-code-agent-6c9f7d5b8-x2x7k',
            expiresAt: '2026-01-31T19:30:00.000Z',
          },
        },
      },
    },
    problems: [],
  },
  pause: {
    method: 'POST',
    path: '/pause',
    rights: ['admin', 'watchdog'],
    summary: 'Pause the agent',
    description:
      'The agent accepts and starts no runs, even after a restart, until it is resumed. Runs in progress finish. Waiting runs stay in the queue until they time out. An existing pause does not change.',
    body: { schema: pauseRequest, required: false, example: { reason: 'maintenance' } },
    answers: {
      200: {
        description: 'The agent is paused.',
        content: {
          schema: pauseState,
          example: {
            paused: true,
            since: '2026-01-31T12:00:00.000Z',
            reason: 'maintenance',
            activeRequests: 1,
            queued: 4,
          },
        },
      },
    },
    problems: ['body-too-large', 'invalid-json', 'invalid-request'],
  },
  resume: {
    method: 'POST',
    path: '/resume',
    rights: ['admin', 'watchdog'],
    summary: 'Resume the agent',
    description: 'Does nothing if the agent is not paused.',
    answers: {
      200: {
        description: 'The agent is not paused.',
        content: { schema: pauseState, example: { paused: false, activeRequests: 0, queued: 4 } },
      },
    },
    problems: [],
  },
  health: {
    method: 'GET',
    path: '/health',
    rights: [],
    summary: 'Get liveness and status',
    description: 'Calls neither Claude nor the database.',
    answers: { 200: { description: 'The process is alive.', content: { schema: health } } },
    problems: [],
  },
  ready: {
    method: 'GET',
    path: '/ready',
    rights: [],
    summary: 'Check readiness',
    description:
      '`503` while the agent is shutting down or cannot write records; `detail` says which. An agent that is paused, or whose queue or workspace is full, is ready: it responds to `POST /run` itself, with `503`, `429` or `507`.',
    answers: {
      200: { description: 'The agent is ready.', content: { schema: ready, example: { status: 'ready' } } },
    },
    problems: ['not-ready'],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    rights: ['read', 'watchdog'],
    summary: 'Metrics for Prometheus',
    description: 'Runs by outcome and caller, queue, durations, tokens, cost and login.',
    answers: {
      200: {
        description: 'The current metrics.',
        content: {
          mediaType: 'text/plain',
          schema: z.string().describe('The text format of Prometheus.'),
          example: 'claude_agent_runs_total{outcome="succeeded"} 42\n',
        },
      },
    },
    problems: [],
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    rights: ['run', 'read'],
    summary: 'Get the OpenAPI document',
    description: 'The interface of the running agent.',
    answers: {
      200: {
        description: 'An OpenAPI 3.1 document.',
        content: { schema: z.record(z.string(), z.unknown()) },
      },
    },
    problems: [],
  },
} as const satisfies Record<string, Operation>;
