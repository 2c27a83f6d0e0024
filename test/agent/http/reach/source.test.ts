import { describe, expect, it } from 'vitest';
import { sourceOf } from '../../../../agent/http/reach/source.ts';

const SOCKET = '10.0.0.9';

describe('the address of a caller', () => {
  it('is that of the connection without a trusted proxy, whatever the header says', () => {
    for (const header of [undefined, '', '203.0.113.7', 'lies']) {
      expect(sourceOf('::ffff:10.0.0.9', header, 0)).toEqual({ address: SOCKET, isForwarded: false });
    }
    expect(sourceOf('fe80::1%eth0', undefined, 0)).toEqual({ address: 'fe80::1', isForwarded: false });
    expect(sourceOf(undefined, undefined, 1)).toEqual({ address: undefined, isForwarded: false });
  });

  it('is that of the connection without the header: it comes from the same network', () => {
    expect(sourceOf(SOCKET, undefined, 2)).toEqual({ address: SOCKET, isForwarded: false });
  });

  it.each([
    [1, '203.0.113.7', '203.0.113.7'],
    [1, '198.51.100.1, 203.0.113.7', '203.0.113.7'],
    [1, 'unknown,,x , 203.0.113.7', '203.0.113.7'],
    [2, '198.51.100.1, 203.0.113.7, 192.0.2.1', '203.0.113.7'],
    [2, '203.0.113.7, unix:', '203.0.113.7'],
    [1, '203.0.113.7:50123', '203.0.113.7'],
    [1, '[2001:db8::7]', '2001:db8::7'],
    [1, '[2001:DB8:0::7]:50123', '2001:db8::7'],
    [1, '2001:db8::7', '2001:db8::7'],
    [1, '::ffff:203.0.113.7', '203.0.113.7'],
    [1, '::ffff:cb00:7107', '203.0.113.7'],
  ])('behind %i is, in %s, %s', (trusted, header, address) => {
    expect(sourceOf(SOCKET, header, trusted)).toEqual({ address, isForwarded: true });
  });

  it.each([
    [1, '', 'is no IP address'],
    [1, '203.0.113.7,', 'is no IP address'],
    [1, 'unknown', 'is no IP address'],
    [1, '203.0.113.7, _hidden', 'is no IP address'],
    [1, '203.0.113.7:', 'is no IP address'],
    [1, '203.0.113.256', 'is no IP address'],
    [1, '2001:db8::7:70000x', 'is no IP address'],
    [1, 'fe80::1%eth0', 'is no IP address'],
    [1, '2130706433', 'is no IP address'],
    [1, '127.1', 'is no IP address'],
    [2, '203.0.113.7', 'fewer entries (1)'],
    [3, '203.0.113.7, 192.0.2.1', 'fewer entries (2)'],
  ])('behind %i is not in %j', (trusted, header, says) => {
    const mistake = sourceOf(SOCKET, header, trusted);
    expect(mistake).toContain(says);
    expect(mistake).toContain(`AGENT_TRUSTED_PROXIES is ${trusted}`);
  });
});
