import { OTLP_PROTOCOLS, TRACE_SAMPLERS } from '../../agent/contract.ts';
import {
  COLLECTOR_ALLOWED,
  isCollector,
  MAX_SERVICE_CHARS,
  MAX_TIMEOUT_MS,
  RATIO,
  RATIO_ALLOWED,
} from '../../agent/tracing/rules.ts';
import type { AllowedMap } from './items.ts';
import type { ConfigReader } from './reader.ts';

/** Where the agent sends the spans of runs, and how; the agent has the same settings by the names of OpenTelemetry. */
export interface TracingConfig {
  /** The base URL of the collector. */
  readonly endpoint: string | undefined;
  /** The full URL for spans, in its place. */
  readonly tracesEndpoint: string | undefined;
  readonly protocol: string;
  /** In milliseconds. */
  readonly timeout: number;
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly sampler: string;
  /** For samplers with a ratio. */
  readonly samplerArg: string;
}

const ATTRIBUTES: AllowedMap = {
  map: 'a map of strings, such as {"deployment.environment.name": "production"}',
  entry: 'an attribute whose name has no spaces, commas or = and whose value is a quoted string',
  fits: (key) => /^[^\s,=]+$/.test(key),
};
const isShort = (text: string) => text.trim() !== '' && text.length <= MAX_SERVICE_CHARS;

/** Reads the keys of tracing. Without an endpoint the agent makes no spans. */
export function readTracing(read: ConfigReader): TracingConfig {
  return {
    endpoint: read.optional('otlpEndpoint', isCollector, COLLECTOR_ALLOWED),
    tracesEndpoint: read.optional('otlpTracesEndpoint', isCollector, COLLECTOR_ALLOWED),
    protocol: read.oneOf('otlpProtocol', OTLP_PROTOCOLS),
    timeout: read.integer('otlpTimeout', 1, MAX_TIMEOUT_MS),
    serviceName: read.text('otelServiceName', isShort, `a text of 1 to ${MAX_SERVICE_CHARS} characters`),
    resourceAttributes: read.map('otelResourceAttributes', ATTRIBUTES),
    sampler: read.oneOf('otelTracesSampler', TRACE_SAMPLERS),
    samplerArg: read.text('otelTracesSamplerArg', RATIO, RATIO_ALLOWED),
  };
}

/** Whether the agent makes spans. */
export const isTraced = ({ endpoint, tracesEndpoint }: TracingConfig): boolean =>
  (endpoint ?? tracesEndpoint) !== undefined;
