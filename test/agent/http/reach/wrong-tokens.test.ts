import { describe, expect, it } from 'vitest';
import { WINDOW_MS, WRONG_TOKENS, WrongTokens } from '../../../../agent/http/reach/wrong-tokens.ts';

const upTo = (tokens: WrongTokens, address: string, times = WRONG_TOKENS) =>
  Array.from({ length: times }, () => tokens.count(address));

describe('wrong tokens', () => {
  let now = 5;
  const clock = () => now;

  it('are answered a few times, then refused for the rest of the minute', () => {
    const tokens = new WrongTokens(clock);
    expect(new Set(upTo(tokens, '203.0.113.7'))).toEqual(new Set([undefined]));
    expect(tokens.count('203.0.113.7')).toBe(WINDOW_MS / 1000);
    now += WINDOW_MS - 1;
    expect(tokens.count('203.0.113.7')).toBe(1);
    expect(tokens.count('203.0.113.8')).toBeUndefined();
    now += 1;
    expect(tokens.count('203.0.113.7')).toBeUndefined();
  });

  it('count for a whole IPv6 network of 64 bits', () => {
    const tokens = new WrongTokens(clock);
    upTo(tokens, '2001:db8:0:1::1');
    expect(tokens.count('2001:db8:0:1:ffff::2')).toBeGreaterThan(0);
    expect(tokens.count('2001:db8:0:2::1')).toBeUndefined();
  });

  it('are forgotten when too many addresses send some', () => {
    const tokens = new WrongTokens(clock);
    upTo(tokens, '203.0.113.7');
    for (let i = 0; i < 30_000; i++) tokens.count(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(tokens.size).toBe(10_000);
    expect(tokens.count('203.0.113.7')).toBeUndefined();
    now += WINDOW_MS;
    tokens.count('203.0.113.9');
    expect(tokens.size).toBe(1);
  });
});
