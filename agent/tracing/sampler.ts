import type { TRACE_SAMPLERS } from '../contract.ts';
import type { Trace } from './trace.ts';

/** Which traces are recorded. */
export interface SamplerSetting {
  readonly sampler: (typeof TRACE_SAMPLERS)[number];
  /** For samplers with a ratio: the part of traces that is recorded, 0 to 1. */
  readonly ratio: number;
}

/** 52 bits: a number is exact up to 53. */
const DIGITS = 13;

/** Whether a trace is recorded. @param incoming what the client says, if it named a trace. */
export function isSampled({ sampler, ratio }: SamplerSetting, traceId: string, incoming: Trace | undefined): boolean {
  if (incoming && sampler.startsWith('parentbased_')) return incoming.sampled;
  if (sampler.endsWith('always_on')) return true;
  if (sampler.endsWith('always_off')) return false;
  // The end of a trace id is random: W3C Trace Context, level 2, 3.2.2.3.
  return parseInt(traceId.slice(-DIGITS), 16) < ratio * 16 ** DIGITS;
}
