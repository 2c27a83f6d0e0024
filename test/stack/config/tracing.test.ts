import { describe, expect, test } from 'vitest';

import { mistakesOf, read } from './read.ts';

const ON = { otlpEndpoint: 'https://otlp.example.org' };

describe('tracing', () => {
  test('is off by default', () => {
    expect(read().tracing).toEqual({
      endpoint: undefined,
      tracesEndpoint: undefined,
      protocol: 'http/protobuf',
      timeout: 10_000,
      serviceName: 'claude-code-agent',
      resourceAttributes: {},
      sampler: 'parentbased_always_on',
      samplerArg: '1',
    });
  });

  test.each([
    ['otlpEndpoint', 'collector:4318', 'an http(s) URL without user and fragment'],
    ['otlpTracesEndpoint', 'https://user:canary@otlp.example.org', 'an http(s) URL without user'],
    ['otlpProtocol', 'grpc', 'one of http/protobuf, http/json'],
    ['otlpTimeout', '0', 'a whole number from 1 to 600000'],
    ['otelServiceName', '', 'a text of 1 to 200 characters'],
    ['otelResourceAttributes', '["a"]', 'a map of strings'],
    ['otelResourceAttributes', '{"a b":"c"}', 'an attribute whose name has no spaces'],
    ['otelTracesSampler', 'jaeger_remote', 'one of always_on, always_off'],
    ['otelTracesSamplerArg', '1.5', 'a number from 0 to 1'],
  ])('rejects %s %j', (key, value, words) => {
    const message = mistakesOf({ [key]: value });
    expect(message).toContain('is invalid (1)');
    expect(message).toContain(words);
  });

  test('needs a collector that the network policy lets the agent reach', () => {
    const otlpEndpoint = 'http://collector.monitoring.svc:4318';
    expect(mistakesOf({ otlpEndpoint })).toContain(`otlpEndpoint is ${otlpEndpoint}, which the network policy blocks.`);
    expect(() => read({ otlpEndpoint, extraEgress: '[{"namespace":"monitoring","port":4318}]' })).not.toThrow();
    expect(mistakesOf({ otlpTracesEndpoint: otlpEndpoint })).toContain('otlpTracesEndpoint is');
    expect(() => read(ON)).not.toThrow();
  });

  test('takes headers only encrypted, in their form, and for an endpoint', () => {
    const otlpHeaders = 'Authorization=Bearer%20canary,x-tenant=1';
    expect(() => read({ ...ON, otlpHeaders })).not.toThrow();
    for (const [message, words] of [
      [mistakesOf({ ...ON, otlpHeaders }, ['otlpHeaders']), 'otlpHeaders (not shown) is in plain text.'],
      [mistakesOf({ ...ON, otlpHeaders: 'canary' }), 'otlpHeaders (not shown) must be KEY=VALUE pairs'],
      [mistakesOf({ ...ON, otlpHeaders: 'a b=canary' }), 'that are HTTP headers'],
      [mistakesOf({ otlpHeaders }), 'otlpHeaders is set, but otlpEndpoint is not'],
    ] as const) {
      expect(message).toContain('is invalid (1)');
      expect(message).toContain(words);
      expect(message).not.toContain('canary');
    }
  });
});
