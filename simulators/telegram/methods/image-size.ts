export type ImageSize = { readonly width: number; readonly height: number; readonly mimeType: string };

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Width and height from the header of a PNG, GIF or JPEG; undefined for anything else. */
export function readImageSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length >= 24 && bytes.subarray(0, 8).equals(PNG_SIGNATURE)) {
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), mimeType: 'image/png' };
  }
  if (bytes.length >= 10 && /^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))) {
    return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8), mimeType: 'image/gif' };
  }
  return bytes.length >= 4 && bytes.readUInt16BE(0) === 0xffd8 ? readJpegSize(bytes) : undefined;
}

/** ITU-T T.81: the size is in the first start-of-frame segment (C0-CF without C4, C8, CC). */
function readJpegSize(bytes: Buffer): ImageSize | undefined {
  let index = 2;
  while (index + 9 < bytes.length && bytes[index] === 0xff) {
    const marker = bytes[index + 1] ?? 0;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      return { width: bytes.readUInt16BE(index + 7), height: bytes.readUInt16BE(index + 5), mimeType: 'image/jpeg' };
    }
    index += 2 + bytes.readUInt16BE(index + 2);
  }
  return undefined;
}
