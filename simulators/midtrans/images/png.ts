import { crc32, deflateSync } from 'node:zlib';
import type { QrCode } from './qr-code.ts';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const moduleSizePixels = 8;
/** ISO/IEC 18004: four modules of white on every side, or scanners may not find the code. */
const quietModules = 4;

function chunk(type: string, content: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, checksum]);
}

/** A black and white picture of the code: PNG with one byte of grey per pixel (RFC 2083). */
export function encodePng(code: QrCode): Buffer {
  const sidePixels = (code.size + 2 * quietModules) * moduleSizePixels;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(sidePixels, 0);
  header.writeUInt32BE(sidePixels, 4);
  header[8] = 8; // bits per pixel; colour type, compression, filter and interlacing stay 0
  const rows = Buffer.alloc(sidePixels * (sidePixels + 1), 0xff);
  for (let y = 0; y < sidePixels; y++) {
    const rowStart = y * (sidePixels + 1);
    rows[rowStart] = 0; // this row is not filtered
    const row = Math.floor(y / moduleSizePixels) - quietModules;
    for (let x = 0; x < sidePixels; x++) {
      if (code.isDark(row, Math.floor(x / moduleSizePixels) - quietModules)) rows[rowStart + 1 + x] = 0;
    }
  }
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([signature, ...chunks]);
}
