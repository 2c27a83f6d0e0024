import { describe, expect, it } from 'vitest';
import { spanIdWithin, traceContextIn, traceHeadersOf } from '../../../agent/tracing/trace.ts';
import { isSampled } from '../../../agent/tracing/sampler.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${SPAN}-01`;

describe('the header traceparent', () => {
  it.each([
    [traceparent, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-03`, true],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, true],
    [`cc-${TRACE}-${SPAN}-01`, true],
    [` ${traceparent} `, true],
  ])('%j names the trace', (header, sampled) => {
    expect(traceContextIn({ traceparent: header })).toEqual({
      trace: { traceId: TRACE, parentId: SPAN, sampled },
      warnings: [],
    });
  });

  it.each([
    '',
    'x',
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}`,
    `${traceparent}, ${traceparent}`,
  ])('%j is ignored with a warning that does not repeat it', (header) => {
    const { trace, warnings } = traceContextIn({ traceparent: header, tracestate: 'a=b' });
    expect(trace).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/^The header traceparent is ignored: it must be 00, a trace id/)]);
  });

  it('may be missing, and tracestate then means nothing', () => {
    expect(traceContextIn({ tracestate: 'a=b' })).toEqual({ trace: undefined, warnings: [] });
  });
});

describe('the header tracestate', () => {
  it.each([
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    [' a=1 , fw529a3039@dt=FfD , ', 'a=1,fw529a3039@dt=FfD'],
  ])('%j is kept', (tracestate, state) => {
    expect(traceContextIn({ traceparent, tracestate })).toMatchObject({ trace: { state }, warnings: [] });
  });

  it.each([
    'novalue',
    'A=b',
    'a=b,a=c',
    'a=ü',
    `a=${'x'.repeat(257)}`,
    Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(','),
    Array.from({ length: 20 }, (_, i) => `k${i}=${'x'.repeat(30)}`).join(','),
  ])('%j is ignored with a warning, and the trace is kept', (tracestate) => {
    const { trace, warnings } = traceContextIn({ traceparent, tracestate });
    expect(trace).toEqual({ traceId: TRACE, parentId: SPAN, sampled: true });
    expect(warnings).toEqual([expect.stringContaining('The header tracestate is ignored')]);
  });
});

describe('what a run causes', () => {
  const { trace } = traceContextIn({ traceparent, tracestate: 'a=b' });

  it("is within the run's own span", () => {
    expect(traceHeadersOf(trace && { ...trace, spanId: 'a'.repeat(16) })).toEqual({
      traceparent: `00-${TRACE}-${'a'.repeat(16)}-01`,
      tracestate: 'a=b',
    });
  });

  it("is within the client's span if the run has none", () => {
    expect(traceHeadersOf(trace)).toEqual({ traceparent, tracestate: 'a=b' });
    expect(traceHeadersOf(undefined)).toEqual({});
  });

  it('has spans with the same ids in every process', () => {
    const [waiting, running] = (['waiting', 'running'] as const).map((part) => spanIdWithin(SPAN, part));
    expect(waiting).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set([waiting, running, SPAN]).size).toBe(3);
    expect(spanIdWithin(SPAN, 'waiting')).toBe(waiting);
  });
});

describe('a sampler', () => {
  const sampled = { traceId: TRACE, sampled: true };
  const unsampled = { traceId: TRACE, sampled: false };

  it.each([
    ['always_on', 1, unsampled, true],
    ['always_off', 1, sampled, false],
    ['parentbased_always_on', 1, undefined, true],
    ['parentbased_always_on', 1, unsampled, false],
    ['parentbased_always_off', 1, undefined, false],
    ['parentbased_always_off', 1, sampled, true],
    ['parentbased_traceidratio', 0, sampled, true],
    ['parentbased_traceidratio', 0, undefined, false],
    ['traceidratio', 1, unsampled, true],
    ['traceidratio', 0, sampled, false],
  ] as const)('%s with %d decides about %j', (sampler, ratio, incoming, expected) => {
    expect(isSampled({ sampler, ratio }, TRACE, incoming)).toBe(expected);
  });

  it('with a ratio goes by the end of the trace id', () => {
    const half = { sampler: 'traceidratio', ratio: 0.5 } as const;
    expect(isSampled(half, `${'f'.repeat(19)}7ffffffffffff`, undefined)).toBe(true);
    expect(isSampled(half, `${'0'.repeat(19)}8000000000000`, undefined)).toBe(false);
  });
});
