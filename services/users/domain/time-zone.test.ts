import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import { checkTimeZone } from './time-zone.ts';

describe('A time zone', () => {
  it.each(['Asia/Jakarta', 'Asia/Makassar', 'Asia/Jayapura', 'Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires'])(
    'may be %s',
    (name) => expect(() => checkTimeZone(name)).not.toThrow(),
  );

  it.each([
    '',
    'Jakarta',
    'Asia/Atlantis',
    '+07:00',
    '-03',
    'WIB',
    'Asia/Jakarta ',
    '../etc/passwd',
    '2026-01-01[Asia/Jakarta]',
  ])('may not be %j', (name) => {
    expect(() => checkTimeZone(name)).toThrow(Problem);
    expect(() => checkTimeZone(name)).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ path: '/timeZone' })] }),
    );
  });
});
