import { z } from 'zod';
import { AGENT_ENV, OTEL_ENV, OTLP_PROTOCOLS, TRACE_SAMPLERS } from '../contract.ts';
import { integer, oneOf, readAll, textOf } from '../setting-values.ts';
import {
  areHeaders,
  COLLECTOR_ALLOWED,
  HEADERS_ALLOWED,
  headersIn,
  isCollector,
  MAX_SERVICE_CHARS,
  MAX_TIMEOUT_MS,
  PAIRS_ALLOWED,
  pairsIn,
  RATIO,
  RATIO_ALLOWED,
  type Pairs,
} from './rules.ts';
import type { SamplerSetting } from './sampler.ts';

/** Where spans go, and how. */
export interface TracingSettings extends SamplerSetting {
  /** The full URL for traces. */
  readonly url: string;
  readonly protocol: (typeof OTLP_PROTOCOLS)[number];
  /** Of each request; may contain a secret. */
  readonly headers: Pairs;
  /** A file with more of them, which is read for each request. */
  readonly headersFile: string | undefined;
  readonly timeoutMs: number;
  readonly compression: 'none' | 'gzip';
  /** What the spans are of: attributes such as `service.name`. */
  readonly resource: Pairs;
  /** How many spans may wait, and how many are sent together. */
  readonly queueSize: number;
  readonly batchSize: number;
  /** How long spans wait for others, in milliseconds. */
  readonly delayMs: number;
}

const DEFAULT_SERVICE = 'claude-code-agent';

const url = z
  .string()
  .refine((value) => isCollector(value), COLLECTOR_ALLOWED)
  .optional();
const protocol = oneOf(OTLP_PROTOCOLS).optional();
const timeout = integer(1, MAX_TIMEOUT_MS).optional();
const compression = oneOf(['none', 'gzip']).optional();
const pairs = z
  .string()
  .transform((value, context): Pairs => {
    const read = pairsIn(value);
    if (read) return read;
    context.addIssue(PAIRS_ALLOWED);
    return z.NEVER;
  })
  .optional();
const headers = pairs.refine((read) => read === undefined || areHeaders(read), HEADERS_ALLOWED);

const SCHEMAS = {
  disabled: z.string().optional(),
  exporter: oneOf(['otlp', 'none']).optional(),
  endpoint: url,
  tracesEndpoint: url,
  protocol,
  tracesProtocol: protocol,
  headers,
  tracesHeaders: headers,
  timeout,
  tracesTimeout: timeout,
  compression,
  tracesCompression: compression,
  serviceName: z.string().max(MAX_SERVICE_CHARS, `at most ${MAX_SERVICE_CHARS} characters`).optional(),
  resource: pairs,
  sampler: oneOf(TRACE_SAMPLERS).optional(),
  samplerArgument: z.string().regex(RATIO, RATIO_ALLOWED).transform(Number).optional(),
  queueSize: integer(1, 100_000).optional(),
  batchSize: integer(1, 10_000).optional(),
  delay: integer(1, 600_000).optional(),
} satisfies Record<keyof typeof OTEL_ENV, z.ZodType>;

const SECRET: ReadonlySet<string> = new Set(['headers', 'tracesHeaders', 'endpoint', 'tracesEndpoint']);

/**
 * Reads the standard variables of OpenTelemetry for traces. An empty one is unset, as the standard says.
 * @param headersFile the file with headers, if there is one.
 * @param mistakes gets a sentence for each invalid value.
 * @returns undefined if traces are off.
 */
export function readTracing(
  env: NodeJS.ProcessEnv,
  headersFile: string | undefined,
  mistakes: string[],
): TracingSettings | undefined {
  const set = Object.fromEntries(
    Object.values(OTEL_ENV).flatMap((name) => (env[name]?.trim() ? [[name, env[name].trim()]] : [])),
  );
  const isDisabled = set[OTEL_ENV.disabled]?.toLowerCase() === 'true' || set[OTEL_ENV.exporter] === 'none';
  const { endpoint, tracesEndpoint } = OTEL_ENV;
  const isOn = !isDisabled && (set[endpoint] ?? set[tracesEndpoint]) !== undefined;
  if (headersFile !== undefined && !isDisabled && !isOn) {
    mistakes.push(
      `${AGENT_ENV.otlpHeadersFile} is set, but neither ${endpoint} nor ${tracesEndpoint} is. Set one of them.`,
    );
  }
  if (!isOn) return undefined;
  const { values, mistakes: wrong } = readAll(SCHEMAS, OTEL_ENV, SECRET, set);
  mistakes.push(...wrong);
  if (headersFile !== undefined && headersOf(headersFile) === undefined) {
    mistakes.push(
      `${AGENT_ENV.otlpHeadersFile} is ${JSON.stringify(headersFile)}; it must be a readable file with HTTP headers, each as KEY=VALUE in a line of its own.`,
    );
  }
  return {
    url: values.tracesEndpoint ?? `${values.endpoint?.replace(/\/+$/, '')}/v1/traces`,
    protocol: values.tracesProtocol ?? values.protocol ?? 'http/protobuf',
    headers: { ...values.headers, ...values.tracesHeaders },
    headersFile,
    timeoutMs: values.tracesTimeout ?? values.timeout ?? 10_000,
    compression: values.tracesCompression ?? values.compression ?? 'none',
    resource: {
      'service.name': DEFAULT_SERVICE,
      ...values.resource,
      ...(values.serviceName !== undefined && { 'service.name': values.serviceName }),
    },
    sampler: values.sampler ?? 'parentbased_always_on',
    ratio: values.samplerArgument ?? 1,
    queueSize: values.queueSize ?? 2048,
    batchSize: Math.min(values.batchSize ?? 512, values.queueSize ?? 2048),
    delayMs: values.delay ?? 5000,
  };
}

/** The headers in a file; undefined if it cannot be read, or has none. */
export function headersOf(file: string): Pairs | undefined {
  const text = textOf(file);
  return text === undefined ? undefined : headersIn(text);
}
