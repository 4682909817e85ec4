import { describe, expect, it } from 'vitest';
import { formatProviderTime, parseRequestTime } from './provider-time.ts';

describe("Midtrans' times", () => {
  it('are given in GMT+7 without a zone, whole seconds', () => {
    expect(formatProviderTime(Date.UTC(2026, 10, 21, 17, 30, 5, 999))).toBe('2026-11-22 00:30:05');
    expect(formatProviderTime(Date.UTC(2026, 10, 21, 17, 0, 0, 0))).toBe('2026-11-22 00:00:00');
  });

  it('are taken with the zone they name', () => {
    expect(parseRequestTime('2026-11-22 00:30:05 +0700')).toBe(Date.UTC(2026, 10, 21, 17, 30, 5));
    expect(parseRequestTime('2026-11-22 00:30:05 +0000')).toBe(Date.UTC(2026, 10, 22, 0, 30, 5));
  });

  it.each(['2026-11-22 00:30:05', '2026-11-22T00:30:05+07:00', '2026-02-30 00:00:00 +0700', ''])(
    'refuse %j',
    (text) => {
      expect(parseRequestTime(text)).toBeUndefined();
    },
  );
});
