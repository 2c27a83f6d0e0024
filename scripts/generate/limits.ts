import { maxHeaderSize } from 'node:http';
import { componentSchemas } from '../../agent/http/api/json-schema.ts';
import '../../agent/http/api/operations.ts';
import { MAX_PAGE } from '../../agent/http/api/run-query.ts';
import { FIRST_DELAY_MS, MAX_DELAY_MS, MAX_RETRY_AFTER_MS } from '../../agent/callbacks/attempts.ts';
import { MAX_DENIALS, MAX_INPUT_CHARS, MAX_JSON_LEVELS } from '../../agent/claude/bounded.ts';
import { MAX_OUTPUT_CHARS } from '../../agent/claude/events.ts';
import { AGENT_ENV, RUN_LIMITS } from '../../agent/contract.ts';
import { SEARCH_CHARS } from '../../agent/http/page/filter.ts';
import { FORM_BYTES } from '../../agent/http/routes/page-form.ts';
import { WINDOW_MS, WRONG_TOKENS } from '../../agent/http/reach/wrong-tokens.ts';
import { WATCHING } from '../../agent/http/routes/run-events.ts';
import { LIFETIME_MS } from '../../agent/login/new-login/login-attempts.ts';
import { REMEMBERED } from '../../agent/runs/events.ts';
import { FRESH_MS, PROBE_WAITS_MS } from '../../agent/runs/login-check.ts';
import { MAX_ERROR_CHARS } from '../../agent/runs/outcome.ts';
import { SEARCHED_BYTES, SEARCHED_RUNS } from '../../agent/store/search.ts';
import { HEADERS_MS, REQUEST_MS } from '../../agent/http/server.ts';
import { SCHEMAS } from '../../agent/settings.ts';

/** What is limited, the limit, and what happens beyond it, in Markdown. */
export type Limit = readonly [what: string, limit: string, beyond: string];

/** The parts of a JSON Schema that limit a value. */
interface Bounds {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: Bounds;
  readonly propertyNames?: Bounds;
  readonly additionalProperties?: Bounds | boolean;
}

const NUMBER = new Intl.NumberFormat('en-US');
const grouped = (number: number) => NUMBER.format(number);
const bytes = (number: number) =>
  number % 1024 === 0 ? `${grouped(number)} bytes (${sizeOf(number)})` : grouped(number);
const sizeOf = (number: number) => (number >= 1_048_576 ? `${number / 1_048_576} MiB` : `${number / 1024} KiB`);
const seconds = (ms: number) => `${grouped(ms / 1000)} s`;
const code = (text: string) => `\`${text}\``;

/** Every limit that a client or an operator can reach, from the sources that define it. */
export function limits(): Limit[] {
  return [...ofTransport(), ...ofRequests(), ...ofAnswers(), ...ofSettings()];
}

function ofTransport(): Limit[] {
  return [
    ['body of a request', bytes(RUN_LIMITS.bodyBytes), '`413`'],
    ['form of the status page', bytes(FORM_BYTES), '`413`'],
    [
      'wrong tokens from one address, or one IPv6 network of 64 bits',
      `${WRONG_TOKENS} in ${seconds(WINDOW_MS)}`,
      '`429`',
    ],
    ['headers of a request in total', bytes(maxHeaderSize), '`431`'],
    ['time to receive the headers of a request', seconds(HEADERS_MS), '`408`'],
    ['time to receive a whole request', seconds(REQUEST_MS), '`408`'],
  ];
}

/** The limits in the schemas of requests, and those that the schemas cannot express. */
function ofRequests(): Limit[] {
  const schemas = componentSchemas() as Record<string, { readonly properties: Record<string, Bounds> }>;
  const fields = (name: string) =>
    Object.entries(schemas[name]?.properties ?? {}).flatMap(([field, bounds]): Limit[] => {
      const limit = described(bounds);
      const unit = ['timeout', 'queueTimeout'].includes(field) ? ' milliseconds' : '';
      const what = field === 'timeout' ? '`timeout` of `POST /run`' : code(field);
      return limit === '' ? [] : [[what, `${limit}${unit}`, '`400`']];
    });
  return [
    ...fields('RunRequest'),
    ['`timeout` by default', `${grouped(RUN_LIMITS.defaultTimeoutMs)} milliseconds`, ''],
    ['`outputSchema`', bytes(RUN_LIMITS.schemaBytes), '`400`'],
    ['nesting levels of a field', String(RUN_LIMITS.nesting), '`400`'],
    ['`model`', '1 to 200 characters', '`400`'],
    ['`fallbackModel`', `1 to ${RUN_LIMITS.fallbackModels} models`, '`400`'],
    ['`Idempotency-Key`', '1 to 255 characters', '`400`'],
    ...fields('PauseRequest').map(([field, ...rest]): Limit => [`${field} of a pause`, ...rest]),
    ...fields('LoginCode').map(([field, ...rest]): Limit => [`${field} of a login`, ...rest]),
    ['time until a login is complete', seconds(LIFETIME_MS), '`404`'],
    ['`limit` of `GET /runs`', `1 to ${MAX_PAGE}`, '`400`'],
    ['search text on the status page', `${SEARCH_CHARS} characters`, 'ignored'],
    ['records that one search reads', `${grouped(SEARCHED_RUNS)}, or ${bytes(SEARCHED_BYTES)}`, '_Older_ continues'],
  ];
}

function described({ type, ...bounds }: Bounds): string {
  const range = (min: number | undefined, max: number | undefined, unit: string) =>
    max === undefined ? [] : [`${min === undefined ? 'at most' : `${grouped(min)} to`} ${grouped(max)}${unit}`];
  const within = (of: Bounds | boolean | undefined, who: string) => {
    const limit = typeof of === 'object' ? described(of) : '';
    return limit === '' ? [] : [`${who} ${limit}`];
  };
  return [
    ...range(bounds.minLength, bounds.maxLength, ' characters'),
    ...range(bounds.minimum, bounds.maximum, type === 'number' ? ' US dollars' : ''),
    ...range(undefined, bounds.maxItems, ''),
    ...range(undefined, bounds.maxProperties, ''),
    ...within(bounds.propertyNames, 'names of'),
    ...within(bounds.items, 'each of'),
    ...within(bounds.additionalProperties, 'values of'),
  ].join(', ');
}

function ofAnswers(): Limit[] {
  return [
    ['`output`, `structuredOutput`', `${grouped(MAX_OUTPUT_CHARS)} characters each`, 'cut, with a warning; `failed`'],
    [
      'nesting levels of `structuredOutput` and of the input of a refused tool',
      String(MAX_JSON_LEVELS),
      '`failed`; left out',
    ],
    ['age of a run that `POST /auth/check` relies on', seconds(FRESH_MS), 'it sends a prompt'],
    ['time that `POST /auth/check` waits in the queue', seconds(PROBE_WAITS_MS), '`busy`'],
    ['`error`', `${grouped(MAX_ERROR_CHARS)} characters`, 'cut'],
    [
      '`permissionDenials`',
      `${MAX_DENIALS}, with inputs of ${grouped(MAX_INPUT_CHARS)} characters`,
      'left out, with a warning',
    ],
    ['events of runs that have ended', `the last ${REMEMBERED} runs`, 'only `tool` events and the end are sent'],
    ['time between lines of an event stream', seconds(WATCHING.keepAliveMs), ''],
    ['time that a client of an event stream may read nothing', seconds(WATCHING.stalledMs), 'disconnected'],
    [
      'time between attempts of a callback',
      `${seconds(FIRST_DELAY_MS)}, doubled up to ${seconds(MAX_DELAY_MS)}; \`Retry-After\` up to ${seconds(MAX_RETRY_AFTER_MS)}`,
      '',
    ],
  ];
}

/** Limits that are settings of the agent. */
const SETTINGS = {
  maxRunMinutes: ['`timeout` of `POST /runs`', ' minutes', '`400`'],
  queueLimit: ['waiting runs', '', '`429`'],
  callbackTimeoutSeconds: ['time for one attempt of a callback', ' s', 'retried'],
  callbackGiveUpSeconds: ['time after the end of a run during which its callback is tried', ' s', 'given up'],
  fileMegabytes: ['size of a file', ' MB', '`413`, or left out'],
  runFilesMegabytes: ['total size of the files for a run, and of those that it leaves', ' MB', '`413`, or left out'],
  filesMegabytes: ['total size of files', ' MB', '`507`, or left out'],
  recordDays: ['age of records', ' days', 'removed, oldest first'],
  recordCount: ['number of records', '', 'removed, oldest first'],
  recordMegabytes: ['total size of records', ' MB', 'removed, oldest first; transcripts before records'],
  transcriptDays: ['age of transcripts', ' days', 'removed, oldest first'],
  conversationDays: ['age of conversations', ' days', 'removed, oldest first'],
  conversationMegabytes: ['total size of conversations', ' MB', 'removed, oldest first'],
  workspaceMegabytes: ['size of the workspace', ' MB', '`507`'],
  graceSeconds: ['time for runs in progress at a shutdown', ' s', '`interrupted`'],
} as const satisfies Partial<Record<keyof typeof AGENT_ENV, Limit>>;

function ofSettings(): Limit[] {
  return (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]).map((key) => {
    const [what, unit, beyond] = SETTINGS[key];
    const fallback: unknown = SCHEMAS[key].safeParse(undefined).data;
    const limit = typeof fallback === 'number' ? `${grouped(fallback)}${unit}` : 'none';
    return [what, `${code(AGENT_ENV[key])}, default ${limit}`, beyond];
  });
}
