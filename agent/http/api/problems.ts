import { AGENT_ENV, RUN_LIMITS } from '../../contract.ts';

/** A kind of problem: its texts for people, and its HTTP response. */
export interface ProblemFacts {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 416 | 422 | 429 | 500 | 503 | 507;
  readonly title: string;
  readonly means: string;
  /** What the client, or its operator, should do. */
  readonly remedy: string;
  /** Seconds until a retry makes sense, sent as `Retry-After`. */
  readonly retryAfter?: number;
}

/** Every kind of problem that the agent responds with. */
export const PROBLEMS = {
  'invalid-json': {
    status: 400,
    title: 'Invalid JSON',
    means: 'The body must be a JSON object in UTF-8.',
    remedy: 'Fix the body. `detail` shows where parsing failed.',
  },
  'invalid-multipart': {
    status: 400,
    title: 'Invalid multipart body',
    means: 'The `multipart/form-data` is cut off, or has other parts than `request` and files.',
    remedy: 'Fix the body. `detail` says what is wrong.',
  },
  'invalid-request': {
    status: 400,
    title: 'Invalid request',
    means: 'One or more fields of the body are invalid.',
    remedy: 'Fix the fields. `errors` lists each one, the allowed values and the value that was sent.',
  },
  'invalid-idempotency-key': {
    status: 400,
    title: 'Invalid Idempotency-Key',
    means: 'The header `Idempotency-Key` is not 1 to 255 visible ASCII characters.',
    remedy: 'Use a key without spaces, such as an execution id.',
  },
  'invalid-query': {
    status: 400,
    title: 'Invalid query',
    means: 'One or more query parameters are invalid.',
    remedy: 'Fix the query. `errors` lists each parameter.',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    means: 'The token is missing, or does not give access to this path.',
    remedy: 'Send the header `Authorization: Bearer <token>` with the API token, or with the token of a caller.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    means:
      "The request has no token, and comes from a web page of another site or uses a host name that is not the agent's.",
    remedy: "Use the agent's own address. If the host name is the agent's, add it to `AGENT_ALLOWED_HOSTS`.",
  },
  'unknown-address': {
    status: 403,
    title: 'Unknown address',
    means: `The header \`X-Forwarded-For\` has fewer entries than \`${AGENT_ENV.trustedProxies}\`, or the one that counts is no IP address.`,
    remedy: `Send the request through all of the proxies, or set \`${AGENT_ENV.trustedProxies}\` (config \`trustedProxies\`) to the number of proxies in front of the agent.`,
  },
  'address-not-allowed': {
    status: 403,
    title: 'Address not allowed',
    means: 'The agent may not be called from the address of the caller. `detail` has the address.',
    remedy: `Call from an allowed address, or add this one to \`${AGENT_ENV.sourceRanges}\` (config \`sourceRanges\`).`,
  },
  'missing-right': {
    status: 403,
    title: 'Right missing',
    means: 'The token is valid, but its caller lacks a right. `detail` names the caller and the right.',
    remedy:
      'Use the token of a caller that has the right, or give the right to this one: `may` in the config `callers`.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    means: 'The path does not exist.',
    remedy: 'Fix the path. `detail` lists the existing paths.',
  },
  'no-such-run': {
    status: 404,
    title: 'No such run',
    means: 'No run with this id is on record, or it is that of another caller.',
    remedy: 'Check the id. Old records are removed by age, number and size.',
  },
  'no-transcript': {
    status: 404,
    title: 'No transcript',
    means: 'What Claude did in the run is not kept: it was removed, the run did not start, or none is kept.',
    remedy: 'Set `AGENT_TRANSCRIPT_DAYS` (config `transcriptDays`) higher to keep transcripts longer.',
  },
  'no-such-login': {
    status: 404,
    title: 'No such login',
    means: 'No login with this id is open. `detail` says what became of it, if that is known.',
    remedy: 'Start a new login.',
  },
  'no-such-decision': {
    status: 404,
    title: 'No such decision',
    means: 'The run has asked for no decision with this id.',
    remedy: 'Check the id. `GET /runs/{id}` lists the decisions of the run.',
  },
  'no-such-file': {
    status: 404,
    title: 'No such file',
    means: 'The run left no file of this name, or its content is lost.',
    remedy: 'Check the name. `files` of the run lists them.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    means: 'The path does not support this method.',
    remedy: 'Use a method from the `Allow` header.',
  },
  'login-not-possible': {
    status: 409,
    title: 'Login not possible',
    means: 'The agent uses another credential than a login, or one that it cannot replace. Nothing was changed.',
    remedy: 'Do what `detail` says.',
  },
  'login-not-confirmed': {
    status: 409,
    title: 'Login not confirmed',
    means: "The new login would replace that of a person, which is not the agent's own. Nothing was changed.",
    remedy: 'Send `{"replace": true}` if the login may be replaced.',
  },
  'already-decided': {
    status: 409,
    title: 'Already decided',
    means: 'The decision is closed. `detail` says by whom or what, and how.',
    remedy: 'Nothing: the first decision counts.',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    means: `The JSON is larger than ${RUN_LIMITS.bodyBytes} bytes.`,
    remedy: 'Send files with `PUT /files` or as parts of `multipart/form-data`.',
  },
  'file-too-large': {
    status: 413,
    title: 'File too large',
    means: 'A file, or all files of a run together, are larger than the agent accepts. `detail` has the limit.',
    remedy: `Send less, or raise \`${AGENT_ENV.fileMegabytes}\` or \`${AGENT_ENV.runFilesMegabytes}\` (config \`fileMegabytes\`, \`runFilesMegabytes\` of the stack).`,
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    means:
      'The Content-Type is not `application/json` in UTF-8 or, for runs, `multipart/form-data`, or the body is compressed.',
    remedy: 'Send uncompressed JSON in UTF-8 with `Content-Type: application/json`.',
  },
  'range-not-satisfiable': {
    status: 416,
    title: 'Range not satisfiable',
    means: 'The file has no such range of bytes.',
    remedy: 'Ask for a range within the size in `detail`, or for the whole file.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency-Key used before',
    means: 'The key was already used with a different request.',
    remedy: 'Use a new key for a new run.',
  },
  'wrong-code': {
    status: 422,
    title: 'Wrong code',
    means: 'The code is incomplete, wrong, expired or used. The login in use did not change.',
    remedy: 'Do what `detail` says: send the whole code, or start a new login.',
  },
  'queue-full': {
    status: 429,
    title: 'Queue full',
    means: 'The queue is full.',
    remedy: 'Send the request again after `Retry-After` seconds, and send fewer at once.',
    retryAfter: 30,
  },
  'budget-spent': {
    status: 429,
    title: 'Budget spent',
    means:
      'A budget that the run counts for is spent. `detail` names it, and `resetsAt` is when it resets. The run was not accepted.',
    remedy: 'Send the request again at that time, after `Retry-After` seconds, or raise the budget (config `budgets`).',
  },
  'too-many-wrong-tokens': {
    status: 429,
    title: 'Too many wrong tokens',
    means: 'The token is wrong, like many others from this address in the last minute.',
    remedy: 'Send the right token, which passes at once. Others are looked at again after `Retry-After` seconds.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    means: 'The agent failed to handle the request.',
    remedy: "See the agent's log, and report the error to its maintainers.",
  },
  draining: {
    status: 503,
    title: 'Shutting down',
    means: 'The agent is shutting down. The run was not started.',
    remedy: 'Send it again after `Retry-After` seconds.',
    retryAfter: 10,
  },
  paused: {
    status: 503,
    title: 'Paused',
    means: 'The agent is paused. `detail` has the start of the pause, and the reason if one was given.',
    remedy: 'Send the request again after `Retry-After` seconds. `POST /resume` ends the pause.',
    retryAfter: 60,
  },
  'login-unavailable': {
    status: 503,
    title: 'Login unavailable',
    means:
      'Claude Code could not start or complete the login. `detail` has the reason. The login in use did not change.',
    remedy: 'Check that the agent can reach platform.claude.com, and start a new login.',
    retryAfter: 10,
  },
  'workspace-full': {
    status: 507,
    title: 'Workspace full',
    means: 'The workspace is over its size limit. `detail` lists the largest folders.',
    remedy: 'Delete files that are no longer needed, or enlarge the workspace.',
  },
  'files-full': {
    status: 507,
    title: 'Files full',
    means: 'The files of runs are over the limit of the agent, or its volume is full. Nothing was stored.',
    remedy: `Wait until old records are removed with their files, or raise \`${AGENT_ENV.filesMegabytes}\` (config \`filesMegabytes\` of the stack).`,
  },
  'workspace-unusable': {
    status: 503,
    title: 'Workspace unusable',
    means: 'The workspace folder is gone and could not be created again. `detail` has the reason.',
    remedy: 'Restore the folder, and send the request again after `Retry-After` seconds.',
    retryAfter: 30,
  },
  storage: {
    status: 503,
    title: 'Storage fails',
    means:
      'Records cannot be written. `detail` has the consequence: the run was not accepted, the outcome of an accepted run is unknown, or nothing was changed.',
    remedy: "Free space on the agent's volume. If the run was not accepted, send it again after `Retry-After` seconds.",
    retryAfter: 30,
  },
  'not-ready': {
    status: 503,
    title: 'Not ready',
    means: 'The agent is shutting down or cannot write records. `detail` says which.',
    remedy: 'Check again after `Retry-After` seconds.',
    retryAfter: 10,
  },
} as const satisfies Record<string, ProblemFacts>;

/** One of {@link PROBLEMS}. */
export type ProblemKind = keyof typeof PROBLEMS;
