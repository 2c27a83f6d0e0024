import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { headersOf, readTracing } from '../../../agent/tracing/setting.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tracing-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ON = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
function read(env: Record<string, string>, headersFile?: string) {
  const mistakes: string[] = [];
  return { tracing: readTracing(env, headersFile, mistakes), mistakes };
}

describe('the variables of OpenTelemetry', () => {
  it.each<[string, Record<string, string>]>([
    ['no endpoint', { OTEL_SERVICE_NAME: 'x' }],
    ['an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['the SDK disabled', { ...ON, OTEL_SDK_DISABLED: 'true' }],
    ['no exporter', { ...ON, OTEL_TRACES_EXPORTER: 'none' }],
    ['mistakes that do not matter then', { OTEL_TRACES_SAMPLER: 'x' }],
  ])('with %s, traces are off', (_, env) => {
    expect(read(env)).toEqual({ tracing: undefined, mistakes: [] });
  });

  it('have defaults', () => {
    expect(read(ON)).toEqual({
      tracing: {
        url: 'http://collector:4318/v1/traces',
        protocol: 'http/protobuf',
        headers: {},
        headersFile: undefined,
        timeoutMs: 10_000,
        compression: 'none',
        resource: { 'service.name': 'claude-code-agent' },
        sampler: 'parentbased_always_on',
        ratio: 1,
        queueSize: 2048,
        batchSize: 512,
        delayMs: 5000,
      },
      mistakes: [],
    });
  });

  it('for traces come before those for everything', () => {
    const { tracing } = read({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://all.example.org/',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example.org/otlp?tenant=1',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1, b=all%2C%20of%20it',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=2',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'mine',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=prod',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
    });
    expect(tracing).toMatchObject({
      url: 'https://traces.example.org/otlp?tenant=1',
      protocol: 'http/json',
      headers: { a: '2', b: 'all, of it' },
      timeoutMs: 1000,
      compression: 'gzip',
      resource: { 'service.name': 'mine', 'deployment.environment.name': 'prod' },
      ratio: 0.25,
      queueSize: 100,
      batchSize: 100,
    });
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'an http(s) URL'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:secret@collector', 'an http(s) URL without user'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'one of http/protobuf, http/json'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret', 'KEY=VALUE pairs'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a b=secret', 'KEY=VALUE pairs'],
    ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'a=%0Asecret', 'KEY=VALUE pairs'],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '-1', 'a whole number'],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd', 'one of none, gzip'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'x', 'KEY=VALUE pairs'],
    ['OTEL_TRACES_EXPORTER', 'jaeger', 'one of otlp, none'],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote', 'one of always_on, always_off'],
    ['OTEL_TRACES_SAMPLER_ARG', '2', 'a number from 0 to 1'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', '0', 'a whole number from 1'],
  ])('%s=%s is a mistake', (name, value, allowed) => {
    const { mistakes } = read({ ...ON, [name]: value });
    expect(mistakes).toEqual([expect.stringContaining(`${name} is `)]);
    expect(mistakes[0]).toContain(`it must be ${allowed}`);
    expect(mistakes[0]).not.toContain('secret');
  });
});

describe('the file with headers', () => {
  it('has one in each line', () => {
    const file = path.join(folder, 'headers');
    writeFileSync(file, 'Authorization=Bearer%20secret\nX-Tenant=7\n');
    expect(headersOf(file)).toEqual({ Authorization: 'Bearer secret', 'X-Tenant': '7' });
    expect(read(ON, file)).toMatchObject({ tracing: { headersFile: file }, mistakes: [] });
  });

  it.each(['', 'secret', 'a b=secret'])('is a mistake with %j', (content) => {
    const file = path.join(folder, 'wrong');
    writeFileSync(file, content);
    const { mistakes } = read(ON, file);
    expect(mistakes).toEqual([expect.stringMatching(/^AGENT_OTLP_HEADERS_FILE is .* it must be a readable file/)]);
    expect(mistakes[0]).not.toContain('secret');
  });

  it('needs an endpoint', () => {
    expect(read({}, path.join(folder, 'headers')).mistakes).toEqual([
      expect.stringContaining('AGENT_OTLP_HEADERS_FILE is set, but neither OTEL_EXPORTER_OTLP_ENDPOINT nor'),
    ]);
  });
});
