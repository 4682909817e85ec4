/** The modules of a code under construction; `isFixed` marks those that carry no data. */
export class QrGrid {
  readonly size: number;
  readonly #dark: Uint8Array;
  readonly #fixed: Uint8Array;

  constructor(version: number) {
    this.size = 17 + 4 * version;
    this.#dark = new Uint8Array(this.size * this.size);
    this.#fixed = new Uint8Array(this.size * this.size);
    this.#drawTiming();
    this.#drawFinders();
    this.#drawAlignments(version);
    this.#drawFormat();
    if (version >= 7) this.#drawVersion(version);
  }

  isDark(row: number, column: number): boolean {
    return this.#isInside(row, column) && this.#dark[row * this.size + column] === 1;
  }

  isFixed(row: number, column: number): boolean {
    return this.#fixed[row * this.size + column] === 1;
  }

  set(row: number, column: number, isDark: boolean): void {
    this.#dark[row * this.size + column] = isDark ? 1 : 0;
  }

  #isInside(row: number, column: number): boolean {
    return row >= 0 && column >= 0 && row < this.size && column < this.size;
  }

  #fix(row: number, column: number, isDark: boolean): void {
    if (!this.#isInside(row, column)) return;
    this.set(row, column, isDark);
    this.#fixed[row * this.size + column] = 1;
  }

  #drawTiming(): void {
    for (let index = 0; index < this.size; index++) {
      this.#fix(6, index, index % 2 === 0);
      this.#fix(index, 6, index % 2 === 0);
    }
  }

  /** Three rings of seven modules, with a light separator around each. */
  #drawFinders(): void {
    const last = this.size - 4;
    for (const [row, column] of [
      [3, 3],
      [3, last],
      [last, 3],
    ] as const) {
      for (let down = -4; down <= 4; down++) {
        for (let right = -4; right <= 4; right++) {
          const ring = Math.max(Math.abs(down), Math.abs(right));
          this.#fix(row + down, column + right, ring !== 2 && ring !== 4);
        }
      }
    }
  }

  #drawAlignments(version: number): void {
    const centres = alignmentCentres(version, this.size);
    const last = centres.at(-1) ?? 0;
    for (const row of centres) {
      for (const column of centres) {
        const isAtFinder = (row === 6 && (column === 6 || column === last)) || (row === last && column === 6);
        if (!isAtFinder) this.#drawAlignment(row, column);
      }
    }
  }

  #drawAlignment(row: number, column: number): void {
    for (let down = -2; down <= 2; down++) {
      for (let right = -2; right <= 2; right++) {
        this.#fix(row + down, column + right, Math.max(Math.abs(down), Math.abs(right)) !== 1);
      }
    }
  }

  /** Error correction level M is 00 and mask 0 is 000, so the five data bits are zero and only the XOR pattern remains. */
  #drawFormat(): void {
    const bits = 0x5412;
    const isSet = (bit: number): boolean => ((bits >>> bit) & 1) === 1;
    for (let bit = 0; bit < 15; bit++) {
      const alongColumn = bit < 6 ? bit : bit < 8 ? bit + 1 : this.size - 15 + bit;
      const alongRow = bit < 8 ? this.size - 1 - bit : bit === 8 ? 7 : 14 - bit;
      this.#fix(alongColumn, 8, isSet(bit));
      this.#fix(8, alongRow, isSet(bit));
    }
    this.#fix(this.size - 8, 8, true);
  }

  /** From version 7 on, the version stands in two blocks of 3 × 6 modules, protected by a BCH code. */
  #drawVersion(version: number): void {
    let remainder = version;
    for (let bit = 0; bit < 12; bit++) remainder = (remainder << 1) ^ ((remainder >>> 11) * 0x1f25);
    const bits = (version << 12) | remainder;
    for (let bit = 0; bit < 18; bit++) {
      const near = Math.floor(bit / 3);
      const far = this.size - 11 + (bit % 3);
      this.#fix(near, far, ((bits >>> bit) & 1) === 1);
      this.#fix(far, near, ((bits >>> bit) & 1) === 1);
    }
  }
}

/** ISO/IEC 18004 annex E: evenly spaced from the last one backwards, the first always at 6. */
function alignmentCentres(version: number, size: number): readonly number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((size - 13) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, index) => size - 7 - (count - 2 - index) * step)];
}
