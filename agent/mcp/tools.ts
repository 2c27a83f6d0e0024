import { z } from 'zod';
import { isAllowed, type Caller } from '../callers/callers.ts';
import { lackOf } from '../http/bearer.ts';
import { OPERATIONS } from '../http/api/operations.ts';
import type { Json } from '../http/api/json-schema.ts';
import type { Operation } from '../http/api/operation.ts';
import { runPage, runResource, type RunResource } from '../http/api/run.ts';
import { idempotencyKey, runRequestUpTo } from '../http/api/run-request.ts';
import { runQuery } from '../http/api/run-query.ts';
import { noSuchRun, requestOf, runFor, visible } from '../http/own-runs.ts';
import { ProblemError } from '../http/problem.ts';
import { describe } from '../http/request/json-body.ts';
import { readRunFrom } from '../http/request/read-run.ts';
import type { CommonRules } from '../http/request/run-request.ts';
import { runFilterIn } from '../http/request/run-query.ts';
import { acceptedResourceOf, pageOf } from '../http/routes/run-resource.ts';
import type { RunService } from '../runs/service.ts';
import type { Run } from '../store/run.ts';
import type { TraceHeaders } from '../tracing/trace.ts';
import type { ToolName } from './names.ts';
import { toolSchemaOf } from './schema.ts';
import { MAX_WAIT_SECONDS, waitForEnd, type Waiting } from './wait.ts';

/** What the tools need. */
export interface ToolDependencies extends CommonRules {
  readonly service: RunService;
}

/** The arguments of a call; they are not checked yet. */
export type Arguments = Readonly<Record<string, unknown>>;

/** A tool of the agent's MCP server. */
export interface Tool {
  readonly title: string;
  /** For the model that chooses a tool. */
  readonly description: string;
  /** JSON Schemas. */
  readonly input: Json;
  readonly output: Json;
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint?: boolean;
    readonly idempotentHint?: boolean;
    readonly openWorldHint: boolean;
  };
  /**
   * Does what the tool does, for a caller that has the right.
   * @throws what {@link problemFor} knows, if it is refused.
   */
  call(caller: Caller, given: Arguments, waiting: Waiting, traceHeaders: TraceHeaders): Promise<Json>;
}

const seconds = `a whole number of seconds from 0 to ${MAX_WAIT_SECONDS}`;
const waitSeconds = z.int(seconds).min(0, seconds).max(MAX_WAIT_SECONDS, seconds);
const id = z.string('a string').describe('The `id` of the run.');

const [underWay, ended] = runResource.options;
/** A run in any state, as one object: a tool may not have alternatives at the top of its schema. */
const runResult = z.object({
  ...ended.partial().shape,
  ...underWay.shape,
  state: z.enum([...underWay.shape.state.options, ...ended.shape.state.values]),
  hint: z.string().describe('What to do next. Only while the run has not ended.').optional(),
});
const runOutput = toolSchemaOf(runResult);

const ANSWERS = `If the run has not ended after waitSeconds, the result has its id and state: call get_run until the state is "ended".`;

/** Each tool by its name. */
export function toolsOf(dependencies: ToolDependencies): Readonly<Record<ToolName, Tool>> {
  const { service, maxRunMinutes } = dependencies;
  const request = runRequestUpTo(maxRunMinutes * 60_000);
  const rules = { ...dependencies, schema: request, unknownFields: 'refused', waits: false } as const;
  return {
    run: {
      title: 'Run Claude Code',
      description: `Gives a task to Claude Code, an agent that works with files, a shell and the web in a workspace of its own, and returns its answer in "output". The task must say everything that Claude needs to know. To continue an earlier conversation, pass its sessionId. ${ANSWERS}`,
      input: toolSchemaOf(
        z.strictObject({
          ...request.shape,
          idempotencyKey: idempotencyKey
            .describe('A name for this request. A repeated request with the same key returns the existing run.')
            .optional(),
          waitSeconds: waitSeconds.describe('How long to wait for the end of the run.').default(MAX_WAIT_SECONDS),
        }),
      ),
      output: runOutput,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
      call: async (caller, given, waiting, traceHeaders) => {
        assertMay(caller, 'run', OPERATIONS.createRun);
        const { waitSeconds: wait, idempotencyKey: key, ...body } = given;
        const checkedWait = checked('waitSeconds', waitSeconds.default(MAX_WAIT_SECONDS), wait);
        using read = await readRunFrom(body, { caller: caller.name, key, parts: [], traceHeaders }, rules);
        const { run } = await service.accept(requestOf(caller, read.request, service), false, read.idempotency);
        return resultOf(await waitForEnd(run, checkedWait, service, waiting), service, read.warnings);
      },
    },
    get_run: {
      title: 'Get a run',
      description: `Returns the state of a run, and its result if it has ended. ${ANSWERS}`,
      input: toolSchemaOf(
        z.strictObject({
          id,
          waitSeconds: waitSeconds.describe('How long to wait for the end of the run.').default(0),
        }),
      ),
      output: runOutput,
      annotations: { readOnlyHint: true, openWorldHint: false },
      call: async (caller, given, waiting) => {
        assertMay(caller, 'get_run', OPERATIONS.getRun);
        assertKnown(given, ['id', 'waitSeconds']);
        const run = runFor(caller, checked('id', id, given['id']), service, 'see');
        const wait = checked('waitSeconds', waitSeconds.default(0), given['waitSeconds']);
        return resultOf(await waitForEnd(run, wait, service, waiting), service);
      },
    },
    list_runs: {
      title: 'List runs',
      description: 'Lists runs, newest first, without their output. get_run returns the output of one.',
      input: toolSchemaOf(runQuery),
      output: toolSchemaOf(z.object(runPage.shape)),
      annotations: { readOnlyHint: true, openWorldHint: false },
      call: (caller, given) => {
        assertMay(caller, 'list_runs', OPERATIONS.listRuns);
        const page = service.list(visible(caller, runFilterIn(queryOf(given))));
        return Promise.resolve({ ...pageOf(page) });
      },
    },
    cancel_run: {
      title: 'Cancel a run',
      description:
        'Ends a run: a waiting one at once, a running one shortly after. A run that has ended does not change.',
      input: toolSchemaOf(z.strictObject({ id })),
      output: runOutput,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
      call: (caller, given) => {
        assertMay(caller, 'cancel_run', OPERATIONS.cancelRun);
        assertKnown(given, ['id']);
        const { id: known } = runFor(caller, checked('id', id, given['id']), service, 'change');
        const run = service.cancel(known);
        if (!run) throw noSuchRun(known);
        return Promise.resolve(resultOf(run, service));
      },
    },
  };
}

function resultOf(run: Run, service: RunService, warnings: readonly string[] = []): Json {
  const resource = acceptedResourceOf(run, service.placeOf(run), warnings);
  return resource.state === 'ended' ? { ...resource } : { ...resource, hint: hintFor(resource) };
}

function hintFor({ id: runId, state }: RunResource): string {
  const call = JSON.stringify({ id: runId, waitSeconds: MAX_WAIT_SECONDS });
  const waits = state === 'waiting' ? ' It waits for a person to decide.' : '';
  return `The run has not ended.${waits} Call get_run with ${call} until its state is "ended".`;
}

function assertMay(caller: Caller, tool: ToolName, { rights }: Operation): void {
  if (!isAllowed(caller, rights)) throw new ProblemError('missing-right', lackOf(caller, `the tool ${tool}`, rights));
}

function assertKnown(given: Arguments, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalid(
    unknown,
    `\`${unknown.slice(0, 100)}\` is not an argument. Available: ${known.map((name) => `\`${name}\``).join(', ')}.`,
  );
}

function checked<S extends z.ZodType>(field: string, schema: S, value: unknown): z.output<S> {
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  throw invalid(field, `\`${field}\` must be ${error.issues[0]?.message}; it is ${describe(value)}.`);
}

function invalid(field: string, message: string): ProblemError {
  return new ProblemError('invalid-request', message, { errors: [{ field, message }] });
}

/** The arguments as the query that `GET /runs` takes. */
function queryOf(given: Arguments): URLSearchParams {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return new URLSearchParams(
    Object.entries(given).flatMap(([name, value]) =>
      (Array.isArray(value) ? (value as unknown[]) : [value]).map((each): [string, string] => [name, text(each)]),
    ),
  );
}
