import { describe, expect, it } from 'vitest';
import { mistakeInRange } from '../../../../agent/http/reach/rules.ts';

describe('a range of addresses', () => {
  it.each(['203.0.113.0/24', '203.0.113.7/32', '0.0.0.0/0', '2001:db8::/32', '2001:DB8:0::/48', '::1/128', '::/0'])(
    'may be %s',
    (range) => expect(mistakeInRange(range)).toBeUndefined(),
  );

  it.each([
    ['everywhere', 'is no range such as 203.0.113.0/24'],
    ['', 'is no range'],
    ['203.0.113.0/24/8', 'is no range'],
    ['203.0.113/24', 'is no range'],
    ['0x7f.0.0.1/8', 'is no range'],
    ['fe80::1%eth0/64', 'is no range'],
    ['[2001:db8::]/32', 'is no range'],
    ['203.0.113.7', 'a single address is 203.0.113.7/32'],
    ['2001:db8::7', 'a single address is 2001:db8::7/128'],
    ['203.0.113.0/33', 'an IPv4 range has 0 to 32'],
    ['203.0.113.0/', 'an IPv4 range has 0 to 32'],
    ['203.0.113.0/-1', 'an IPv4 range has 0 to 32'],
    ['203.0.113.0/024', 'an IPv4 range has 0 to 32'],
    ['2001:db8::/129', 'an IPv6 range has 0 to 128'],
    ['203.0.113.7/24', 'does not begin at 203.0.113.7; the range with that address is 203.0.113.0/24'],
    ['2001:db8::7/32', 'the range with that address is 2001:db8::/32'],
    ['::ffff:203.0.113.7/120', 'write 203.0.113.0/24'],
    ['::ffff:203.0.113.7/64', 'the range with that address is ::/64'],
  ])('is not %j', (range, says) => expect(mistakeInRange(range)).toContain(says));
});
