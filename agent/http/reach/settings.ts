import { z } from 'zod';
import { AGENT_ENV } from '../../contract.ts';
import { mistakeInRange } from './rules.ts';

/** From where the agent may be called, and how it is reached from outside. */
export interface ReachSettings {
  /** How many proxies stand between a caller outside and the agent, each of which adds to `X-Forwarded-For`. */
  readonly trustedProxies: number;
  /** Ranges in CIDR notation from which callers may come through these proxies; none for all. */
  readonly sourceRanges: readonly string[];
  /** Where people reach the status page, an http(s) URL; undefined if that is not known. */
  readonly pageUrl: string | undefined;
}

const RANGES = 'ranges of IP addresses, separated by commas: 203.0.113.0/24, 2001:db8::/32';

/** The setting with the ranges. What an issue says completes "it must be". */
export const sourceRangesSetting = z
  .string()
  .default('')
  .transform((text, context): readonly string[] => {
    const ranges = text.split(/[\s,]+/).filter(Boolean);
    const mistakes = ranges.flatMap((range) => {
      const mistake = mistakeInRange(range);
      return mistake === undefined ? [] : [`${JSON.stringify(range)} ${mistake}`];
    });
    if (mistakes.length === 0) return ranges;
    context.addIssue(`${RANGES}; in it: ${mistakes.join('; ')}`);
    return z.NEVER;
  });

/** What the settings have wrong with one another. Values are missing if they are invalid. */
export function reachMistakes({ trustedProxies, sourceRanges = [] }: Partial<ReachSettings>): string[] {
  if (trustedProxies !== 0 || sourceRanges.length === 0) return [];
  return [
    `${AGENT_ENV.sourceRanges} is set, but ${AGENT_ENV.trustedProxies} is 0, so that no caller's address is known. ` +
      `Set it to the number of proxies in front of the agent, or remove ${AGENT_ENV.sourceRanges}.`,
  ];
}
