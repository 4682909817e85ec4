import { describe, expect, it } from 'vitest';
import { crc16, qrisPayload } from './qris-payload.ts';

function readFields(payload: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at < payload.length; ) {
    const length = Number(payload.slice(at + 2, at + 4));
    fields.set(payload.slice(at, at + 2), payload.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

describe('A QRIS payload', () => {
  const payload = qrisPayload({ merchantId: 'G123456789', reference: 'abc', grossAmount: 44_000 });

  it('ends with the checksum of everything before it', () => {
    expect(crc16('123456789')).toBe('29B1'); // the check value of CRC-16/CCITT-FALSE
    expect(payload.slice(-4)).toBe(crc16(payload.slice(0, -4)));
  });

  it('is dynamic, in rupiah and for the exact amount', () => {
    const fields = readFields(payload);
    expect(fields.get('01')).toBe('12');
    expect(fields.get('53')).toBe('360');
    expect(fields.get('54')).toBe('44000');
    expect(fields.get('58')).toBe('ID');
    expect(readFields(fields.get('62') ?? '').get('05')).toBe('abc');
  });
});
