import { RUN_LIMITS } from '../../contract.ts';

/** A kind of problem, for people and for the answer that tells of it. */
export interface ProblemFacts {
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 415 | 422 | 429 | 500 | 503 | 507;
  readonly title: string;
  readonly means: string;
  /** What the client, or somebody for it, is to do. */
  readonly remedy: string;
  /** Seconds until it makes sense to try again, sent as `Retry-After`. */
  readonly retryAfter?: number;
}

/** Every kind of problem that the agent answers with. */
export const PROBLEMS = {
  'invalid-json': {
    status: 400,
    title: 'Invalid JSON',
    means: 'The body is no JSON object in UTF-8.',
    remedy: 'Correct the body; `detail` says where it goes wrong.',
  },
  'invalid-request': {
    status: 400,
    title: 'Invalid request',
    means: 'Fields of the body are not as they must be.',
    remedy: 'Correct them; `errors` names each one with what is allowed and what was given.',
  },
  'invalid-idempotency-key': {
    status: 400,
    title: 'Invalid Idempotency-Key',
    means: 'The header `Idempotency-Key` is not 1 to 255 visible ASCII characters.',
    remedy: 'Take a key without spaces, such as an execution id.',
  },
  'invalid-query': {
    status: 400,
    title: 'Invalid query',
    means: 'The query string is not as it must be.',
    remedy: 'Correct it; `errors` names each parameter.',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    means: 'There is no token, or one that does not open this path.',
    remedy: 'Send the header `Authorization: Bearer <token>` with the token that the agent was deployed with.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    means: "A request without a token was sent by a web page of another site, or to a name that is not the agent's.",
    remedy: 'Call the agent by its address; where the name is its own, have it named in `AGENT_ALLOWED_HOSTS`.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    means: 'There is no such path.',
    remedy: 'Correct the path; `detail` names those that there are.',
  },
  'no-such-run': {
    status: 404,
    title: 'No such run',
    means: 'There is no record of a run with that id.',
    remedy: 'Correct the id; the records of old runs are removed, by age, number and size.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    means: 'The path is there, but not for that method.',
    remedy: 'Take a method of the header `Allow`.',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    means: `The body has more than ${RUN_LIMITS.bodyBytes} bytes.`,
    remedy: 'Put large material in the workspace and name it in the prompt.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    means: 'The body is not called JSON in UTF-8, or is compressed.',
    remedy: 'Send JSON in UTF-8 as `Content-Type: application/json`, not compressed.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency-Key used before',
    means: 'The key came before with another request.',
    remedy: 'Take a new key for a new run.',
  },
  'queue-full': {
    status: 429,
    title: 'Queue full',
    means: 'As many runs wait as may wait.',
    remedy: 'Send it again after `Retry-After` seconds; send fewer at once.',
    retryAfter: 30,
  },
  internal: {
    status: 500,
    title: 'Internal error',
    means: 'The agent made a mistake.',
    remedy: "Look in the agent's log, which says which; tell its maintainers.",
  },
  draining: {
    status: 503,
    title: 'Shutting down',
    means: 'The agent is shutting down; the run was not begun and will not be.',
    remedy: 'Send it again after `Retry-After` seconds.',
    retryAfter: 10,
  },
  paused: {
    status: 503,
    title: 'Paused',
    means: 'The agent is paused; `detail` says since when, and why where a reason was given.',
    remedy: 'Send it again after `Retry-After` seconds; `POST /resume` ends the pause.',
    retryAfter: 60,
  },
  'workspace-full': {
    status: 507,
    title: 'Workspace full',
    means: 'The workspace is over its limit; `detail` names the largest folders.',
    remedy: 'Remove what is not needed, or have the workspace made larger.',
  },
  'workspace-unusable': {
    status: 503,
    title: 'Workspace unusable',
    means: 'The folder of the workspace is gone and could not be made again; `detail` says why.',
    remedy: 'Put the folder back where it was; send it again after `Retry-After` seconds.',
    retryAfter: 30,
  },
  storage: {
    status: 503,
    title: 'Storage fails',
    means:
      'Records cannot be written. `detail` says what that means here: a run was not accepted, what became of an accepted one is not known, or nothing was changed.',
    remedy:
      'Make room on the volume of the agent; send it again after `Retry-After` seconds where it was not accepted.',
    retryAfter: 30,
  },
  'not-ready': {
    status: 503,
    title: 'Not ready',
    means: 'The agent shuts down, or cannot write records; `detail` says which.',
    remedy: 'Ask again after `Retry-After` seconds.',
    retryAfter: 10,
  },
} as const satisfies Record<string, ProblemFacts>;

/** One of {@link PROBLEMS}. */
export type ProblemKind = keyof typeof PROBLEMS;
