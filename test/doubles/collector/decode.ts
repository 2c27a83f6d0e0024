import protobuf from 'protobufjs';
import { z } from 'zod';

/** A span as a collector got it. Ids are lower-case hex, times milliseconds since the epoch. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  /** `SPAN_KIND_…`, as a number. */
  readonly kind: number;
  readonly start: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 0 unset, 1 OK, 2 error. */
  readonly status: number;
  readonly statusMessage: string;
  readonly events: number;
  readonly scope: string;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** What is read of opentelemetry/proto/collector/trace/v1/trace_service.proto. */
const PROTO = `
  syntax = "proto3";
  message Request { repeated ResourceSpans resourceSpans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
  message Scope { string name = 1; string version = 2; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value { string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; ArrayValue arrayValue = 5; } }
  message ArrayValue { repeated AnyValue values = 1; }
  message Span {
    bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
    fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9; repeated Event events = 11;
    Status status = 15; fixed32 flags = 16;
  }
  message Event { string name = 2; }
  message Status { string message = 2; int32 code = 3; }`;
const MESSAGE = protobuf.parse(PROTO).root.lookupType('Request');

interface AnyValue {
  readonly arrayValue?: { readonly values: readonly AnyValue[] } | undefined;
  readonly [kind: string]: unknown;
}
const value: z.ZodType<AnyValue> = z.looseObject({
  get arrayValue() {
    return z.object({ values: z.array(value).default([]) }).optional();
  },
});
const attributes = z.array(z.object({ key: z.string(), value })).default([]);
const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          scope: z.object({ name: z.string() }),
          spans: z.array(
            z.object({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().default(''),
              traceState: z.string().default(''),
              name: z.string(),
              kind: z.number().default(0),
              startTimeUnixNano: z.coerce.string(),
              endTimeUnixNano: z.coerce.string(),
              attributes,
              status: z.object({ code: z.number().default(0), message: z.string().default('') }).prefault({}),
              events: z.array(z.unknown()).default([]),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** The spans in the body of a request to `/v1/traces`. @throws if it is none. */
export function spansOf(body: Buffer, contentType: string): ReceivedSpan[] {
  const isJson = contentType.startsWith('application/json');
  const whole: unknown = isJson ? JSON.parse(body.toString()) : fromProtobuf(body);
  return request.parse(whole).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, status, events, ...span }) => ({
        ...span,
        start: Number(startTimeUnixNano) / 1e6,
        end: Number(endTimeUnixNano) / 1e6,
        attributes: recordOf(span.attributes),
        status: status.code,
        statusMessage: status.message,
        events: events.length,
        scope: scope.name,
        resource: recordOf(resource.attributes),
      })),
    ),
  );
}

/** As OTLP's JSON: ids are hex there, and not the base64 of protobuf's JSON. */
function fromProtobuf(body: Buffer): unknown {
  const plain = MESSAGE.toObject(MESSAGE.decode(body), { longs: String, bytes: Buffer });
  return JSON.parse(
    JSON.stringify(plain, (_, each: unknown) => {
      const bytes = each as { type?: unknown; data?: number[] } | null;
      return bytes?.type === 'Buffer' ? Buffer.from(bytes.data ?? []).toString('hex') : each;
    }),
  );
}

function recordOf(pairs: z.output<typeof attributes>): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value: held }) => [key, plainOf(held)]));
}

function plainOf(held: AnyValue): unknown {
  if (held.arrayValue) return held.arrayValue.values.map(plainOf);
  const [kind, plain] = Object.entries(held)[0] ?? [];
  return kind === 'intValue' ? Number(plain) : plain;
}
