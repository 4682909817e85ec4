import { describe, expect, it } from 'vitest';
import { createClientAddress, parseNetworks } from './trusted-proxies.ts';

describe('The client behind proxies', () => {
  const addressOf = createClientAddress(parseNetworks('10.0.0.0/8, 2001:db8:f::/48, 192.0.2.7'));

  it('is the peer where no proxy is trusted, whatever the header says', () => {
    expect(createClientAddress(parseNetworks(''))('203.0.113.5', '198.51.100.1')).toBe('203.0.113.5');
    expect(addressOf('203.0.113.5', '198.51.100.1')).toBe('203.0.113.5');
    expect(addressOf('10.0.0.1', null)).toBe('10.0.0.1');
  });

  it('is the rightmost address that is not a proxy of ours: what stands left of it is hearsay', () => {
    expect(addressOf('10.0.0.1', '198.51.100.1')).toBe('198.51.100.1');
    expect(addressOf('10.0.0.1', '127.0.0.1, 198.51.100.1, 10.9.9.9, 192.0.2.7')).toBe('198.51.100.1');
    expect(addressOf('2001:db8:f::1', '198.51.100.1,2001:db8:f::2')).toBe('198.51.100.1');
    expect(addressOf('10.0.0.1', '10.0.0.3, 10.0.0.2')).toBe('10.0.0.3');
  });

  it('is the last hop that can be believed where the header is garbage', () => {
    expect(addressOf('10.0.0.1', '198.51.100.1, unknown')).toBe('10.0.0.1');
    expect(addressOf('10.0.0.1', 'x\r\nX-Evil: 1, 10.0.0.2')).toBe('10.0.0.2');
    expect(addressOf('10.0.0.1', '')).toBe('10.0.0.1');
    expect(addressOf('10.0.0.1', `${'10.0.0.2,'.repeat(5_000)}10.0.0.3`)).toBe('10.0.0.2');
  });

  it('is read with or without a port, and in one spelling', () => {
    expect(addressOf('10.0.0.1', '198.51.100.1:4711')).toBe('198.51.100.1');
    expect(addressOf('10.0.0.1', '[2001:db8::1]:4711')).toBe('2001:db8::1');
    expect(addressOf('10.0.0.1', '::ffff:198.51.100.1')).toBe('198.51.100.1');
  });

  it('is nobody’s guess when the configuration is wrong', () => {
    for (const wrong of ['10.0.0.0/33', '10.0.0/8', 'proxy.local', '10.0.0.0/', 'fd00::/129', '10.0.0.0/x'])
      expect(() => parseNetworks(wrong)).toThrow(RangeError);
  });
});
