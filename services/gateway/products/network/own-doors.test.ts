import { describe, expect, it } from 'vitest';
import { ownDoors, readDoors } from './own-doors.ts';

describe('The doors that a setting names', () => {
  it.each([
    ['', []],
    ['http://127.0.0.1:8123', [['127.0.0.1', 8_123]]],
    ['https://api.example', [['api.example', 443]]],
    ['postgres://user:p@127.0.0.1/tenantry', [['127.0.0.1', 5_432]]],
    [
      'postgres://a:1,b:2/tenantry?sslmode=require',
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
    [
      'nats://a,nats://[::1]:4333',
      [
        ['a', 4_222],
        ['::1', 4_333],
      ],
    ],
    ['rediss://:secret@Cache.internal/0', [['cache.internal', 6_379]]],
  ])('%s', (url, doors) => {
    expect(readDoors(url)).toEqual(doors.map(([host, port]) => ({ host, port })));
  });
});

describe('An own door', () => {
  const isOwnDoor = ownDoors(
    { all: () => [] },
    ['postgres://db.internal:5432/x', 'http://10.0.0.5:8123', ''],
    ['10.9.9.9'],
  );

  it('is one on every address of this machine, on no other port, and where another machine is named by address', () => {
    for (const address of ['127.0.0.1', '127.8.8.8', '::1', '10.9.9.9']) {
      expect(isOwnDoor(address, 5_432)).toBe(true);
      expect(isOwnDoor(address, 5_433)).toBe(false);
    }
    expect(isOwnDoor('10.0.0.5', 8_123)).toBe(true);
    expect(isOwnDoor('10.0.0.6', 8_123)).toBe(false);
  });
});
