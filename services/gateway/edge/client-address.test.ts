import { describe, expect, it } from 'vitest';
import { addressKey, clientAddressOf } from './client-address.ts';

describe('A client address', () => {
  it('of a dual-stack socket is written as IPv4', () => {
    expect(clientAddressOf('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(clientAddressOf('2001:db8::1')).toBe('2001:db8::1');
    expect(clientAddressOf(undefined)).toBe('unknown');
  });

  it('is counted by its /64 in IPv6 and whole in IPv4', () => {
    expect(addressKey('10.0.0.1')).toBe('10.0.0.1');
    expect(addressKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::');
    expect(addressKey('2001:db8:1:2::9')).toBe('2001:db8:1:2::');
    expect(addressKey('2001:db8::9')).toBe('2001:db8:0:0::');
    expect(addressKey('::1')).toBe('0:0:0:0::');
    expect(addressKey('fe80::1%eth0')).toBe('fe80:0:0:0::');
  });
});
