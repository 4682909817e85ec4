import { QrGrid } from './qr-patterns.ts';
import { errorCorrection } from './reed-solomon.ts';

export type QrCode = {
  readonly size: number;
  /** False outside the code, which is its quiet zone. */
  readonly isDark: (row: number, column: number) => boolean;
};

/** ISO/IEC 18004 table 9, error correction level M, versions 1 to 15: correction bytes per block and number of blocks. */
const levelM = [
  [10, 1],
  [16, 1],
  [26, 1],
  [18, 2],
  [24, 2],
  [16, 4],
  [18, 4],
  [22, 4],
  [22, 5],
  [26, 5],
  [30, 5],
  [22, 8],
  [22, 9],
  [24, 9],
  [24, 10],
] as const;

type Layout = {
  readonly grid: QrGrid;
  readonly blockCount: number;
  readonly correctionCount: number;
  readonly dataCount: number;
};

/**
 * A QR code of the text as bytes, in the smallest version up to 15 (412 bytes) at error correction level M. It always
 * uses mask 0: the standard picks the mask that is easiest to photograph, but readers take any.
 */
export function encodeQrCode(text: string): QrCode {
  const bytes = [...Buffer.from(text, 'utf8')];
  const { grid, blockCount, correctionCount, dataCount } = chooseLayout(bytes.length);
  const data = withHeaderAndPadding(bytes, dataCount, grid.size);
  placeBits(grid, interleave(data, blockCount, correctionCount));
  return grid;
}

const lengthBits = (size: number): number => (size < 17 + 4 * 10 ? 8 : 16);

function chooseLayout(byteCount: number): Layout {
  for (const [index, [correctionCount, blockCount]] of levelM.entries()) {
    const grid = new QrGrid(index + 1);
    const dataCount = Math.floor(freeModules(grid) / 8) - correctionCount * blockCount;
    if (4 + lengthBits(grid.size) + byteCount * 8 <= dataCount * 8)
      return { grid, blockCount, correctionCount, dataCount };
  }
  throw new RangeError(`${byteCount} bytes do not fit in a QR code of version 15.`);
}

function freeModules(grid: QrGrid): number {
  let count = 0;
  for (let row = 0; row < grid.size; row++) {
    for (let column = 0; column < grid.size; column++) if (!grid.isFixed(row, column)) count++;
  }
  return count;
}

/** Mode 0100 (bytes), length, bytes, terminator; then 0xEC and 0x11 in turn. */
function withHeaderAndPadding(bytes: readonly number[], dataCount: number, size: number): readonly number[] {
  const text = [4, ...(lengthBits(size) === 8 ? [] : [bytes.length >>> 12, (bytes.length >>> 8) & 15])];
  const nibbles = [...text, (bytes.length >>> 4) & 15, bytes.length & 15];
  for (const byte of bytes) nibbles.push(byte >>> 4, byte & 15);
  nibbles.push(0); // the terminator; all lengths are whole nibbles, so this one also completes the last byte
  const data: number[] = [];
  for (let index = 0; index + 1 < nibbles.length; index += 2) {
    data.push(((nibbles[index] ?? 0) << 4) | (nibbles[index + 1] ?? 0));
  }
  for (let pad = 0xec; data.length < dataCount; pad ^= 0xec ^ 0x11) data.push(pad);
  return data;
}

/** Byte by byte across the blocks, so that a scratch hurts every block a little and none too much. */
function interleave(data: readonly number[], blockCount: number, correctionCount: number): readonly number[] {
  const shortLength = Math.floor(data.length / blockCount);
  const longCount = data.length % blockCount;
  const blocks = Array.from({ length: blockCount }, (_, index) => {
    const longBefore = Math.max(index - (blockCount - longCount), 0);
    const length = shortLength + (index >= blockCount - longCount ? 1 : 0);
    const start = index * shortLength + longBefore;
    return data.slice(start, start + length);
  });
  const corrections = blocks.map((block) => errorCorrection(block, correctionCount));
  const across = (parts: readonly (readonly number[])[], longest: number): number[] =>
    Array.from({ length: longest }, (_, index) => parts.flatMap((part) => part[index] ?? [])).flat();
  return [...across(blocks, shortLength + 1), ...across(corrections, correctionCount)];
}

/** Two columns at a time from the right, upwards and downwards in turn, around the vertical timing line. */
function placeBits(grid: QrGrid, bytes: readonly number[]): void {
  let position = 0;
  for (let right = grid.size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const isUpwards = ((right + 1) & 2) === 0;
    for (let step = 0; step < grid.size; step++) {
      const row = isUpwards ? grid.size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (grid.isFixed(row, column)) continue;
        const bit = ((bytes[position >>> 3] ?? 0) >>> (7 - (position & 7))) & 1;
        grid.set(row, column, (bit === 1) !== ((row + column) % 2 === 0)); // mask 0
        position++;
      }
    }
  }
}
