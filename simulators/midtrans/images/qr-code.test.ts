import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodePng } from './png.ts';
import { encodeQrCode, type QrCode } from './qr-code.ts';

function fingerprint(code: QrCode): string {
  let modules = '';
  for (let row = 0; row < code.size; row++) {
    for (let column = 0; column < code.size; column++) modules += code.isDark(row, column) ? '1' : '0';
  }
  return createHash('sha256').update(modules).digest('hex');
}

describe('A QR code', () => {
  // these two, and every length that fills or just overflows a version, were read back by an independent reader
  it.each([
    ['HELLO', 21, '26af6f00ea417ee57ac6e345307b4deb10c0e71916f1749ce8eab417e7b70d7f'],
    ['x'.repeat(200), 57, '750d745db4aee09b5c9b697460b281158c0082a31e53c4f09d5f822ae023e10f'],
  ])('of %j has %i modules a side', (text, size, digest) => {
    const code = encodeQrCode(text);
    expect(code.size).toBe(size);
    expect(fingerprint(code)).toBe(digest);
  });

  it('refuses what does not fit', () => {
    expect(encodeQrCode('x'.repeat(412)).size).toBe(77);
    expect(() => encodeQrCode('x'.repeat(413))).toThrow(RangeError);
  });

  it('becomes a PNG with a quiet zone of four modules', () => {
    const code = encodeQrCode('HELLO');
    const png = encodePng(code);
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const side = png.readUInt32BE(16);
    expect(side).toBe((21 + 8) * 8);
    const dataAt = png.indexOf('IDAT') + 4;
    const rows = inflateSync(png.subarray(dataAt, dataAt + png.readUInt32BE(dataAt - 8)));
    expect(rows.length).toBe(side * (side + 1));
    const pixel = (x: number, y: number): number => rows[y * (side + 1) + 1 + x] ?? -1;
    expect(pixel(31, 32)).toBe(0xff); // the last white column before the finder
    expect(pixel(32, 32)).toBe(0); // the corner of the finder
  });
});
