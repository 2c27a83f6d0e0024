import { z } from 'zod';
import type { Operation } from './operation.ts';
import { health, loginReport, pauseRequest, pauseState, ready } from './state.ts';

/** What the agent tells of itself, and how it is paused. */
export const STATE_OPERATIONS = {
  checkLogin: {
    method: 'POST',
    path: '/auth/check',
    tokens: ['api', 'watchdog'],
    summary: 'Check whether Claude answers with this login',
    description:
      'A run that succeeded within the last five minutes counts; else a small prompt is asked ahead of the queue, never beside a running one. `200` whatever the state is.',
    answers: {
      200: {
        description: 'What is known of the login.',
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
    tokens: ['api', 'watchdog'],
    summary: 'Accept and begin no runs',
    description:
      'Over restarts, too. The running run finishes; what waits stays until its time is up. A pause that is there already stays as it is.',
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
    tokens: ['api', 'watchdog'],
    summary: 'Go on after a pause',
    description: 'Without a pause it does nothing.',
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
    tokens: [],
    summary: 'Whether the process is alive, and what it knows of itself',
    description: 'Asks neither Claude nor the records of runs.',
    answers: { 200: { description: 'It is alive.', content: { schema: health } } },
    problems: [],
  },
  ready: {
    method: 'GET',
    path: '/ready',
    tokens: [],
    summary: 'Whether requests are to be sent here',
    description:
      '`503` while the agent shuts down or cannot write records; `detail` says which. A paused agent, one whose queue is full and one whose workspace is full are ready: they answer `POST /run` themselves, with `503`, `429` or `507`.',
    answers: {
      200: { description: 'It is ready.', content: { schema: ready, example: { status: 'ready' } } },
    },
    problems: ['not-ready'],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    tokens: ['api', 'watchdog'],
    summary: 'Metrics for Prometheus',
    description: 'Runs by outcome, queue, durations, tokens, cost and login.',
    answers: {
      200: {
        description: 'The metrics now.',
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
    tokens: ['api'],
    summary: 'The interface as an OpenAPI document',
    description: 'As the running agent has it.',
    answers: {
      200: {
        description: 'An OpenAPI 3.1 document.',
        content: { schema: z.record(z.string(), z.unknown()) },
      },
    },
    problems: [],
  },
} as const satisfies Record<string, Operation>;
