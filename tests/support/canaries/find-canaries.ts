/** Something that must not be where it is not declared: a word nobody else uses, or bytes. */
export type Canary = {
  /** What it is: `password`, `bot token`, … */
  readonly kind: string;
  /** Whose: a tenant's slug, or `house`. */
  readonly of: string;
  /** At least eight bytes. Letter case does not matter when it is looked for. */
  readonly value: string | Buffer;
};

/** A piece of what a system has put out. `place` says where, as exactly as can be. */
export type Piece = { readonly place: string; readonly content: string | Buffer };

export type Sighting = {
  readonly kind: string;
  readonly of: string;
  readonly encoding: string;
  readonly place: string;
  /** What stands around it, the canary itself included: it was made for the test. */
  readonly excerpt: string;
};

type Needle = { readonly canary: Canary; readonly encoding: string; readonly bytes: Buffer };

const EXCERPT_BYTES = 60;
const SHORTEST = 8;
/** A needle is met by its first three bytes. */
const PREFIXES = 2 ** 24;

/** A to Z to a to z; everything else stays. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/**
 * Looks for all canaries at once, in each form that a program may write them in: as they are, percent-encoded, as JSON or HTML
 * writes them, hexadecimal, as a list of numbers, base64 and base64url wherever in the encoded text they begin.
 */
export function findCanaries(canaries: readonly Canary[]): (piece: Piece) => readonly Sighting[] {
  const needles = canaries.flatMap(formsOf);
  const isPrefix = new Uint8Array(PREFIXES);
  const byPrefix = new Map<number, Needle[]>();
  for (const needle of needles) {
    const prefix = prefixAt(needle.bytes);
    isPrefix[prefix] = 1;
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), needle]);
  }
  return ({ place, content }) => {
    const original = typeof content === 'string' ? Buffer.from(content) : content;
    const folded = fold(original);
    const found = new Map<string, Sighting>();
    let prefix = folded.length < 2 ? 0 : ((folded[0] ?? 0) << 8) | ((folded[1] ?? 0) << 16);
    for (let at = 0; at + 2 < folded.length; at++) {
      prefix = (prefix >>> 8) | ((folded[at + 2] ?? 0) << 16);
      if (isPrefix[prefix] === 0) continue;
      for (const { canary, encoding, bytes } of byPrefix.get(prefix) ?? []) {
        if (folded.compare(bytes, 0, bytes.length, at, Math.min(at + bytes.length, folded.length)) !== 0) continue;
        const { kind, of } = canary;
        const excerpt = printable(
          original.subarray(Math.max(0, at - EXCERPT_BYTES), at + bytes.length + EXCERPT_BYTES),
        );
        const key = `${kind} ${of} ${encoding}`;
        if (!found.has(key)) found.set(key, { kind, of, encoding, place, excerpt });
      }
    }
    return [...found.values()];
  };
}

function formsOf(canary: Canary): readonly Needle[] {
  const bytes = typeof canary.value === 'string' ? Buffer.from(canary.value) : canary.value;
  if (bytes.length < SHORTEST)
    throw new RangeError(`A ${canary.kind} of ${bytes.length} bytes is too short to look for.`);
  const forms: [string, Buffer | string][] = [
    ['as it is', bytes],
    ['hexadecimal', bytes.toString('hex')],
    ['as numbers', bytes.join(',')],
  ];
  if (typeof canary.value === 'string') {
    const text = canary.value;
    forms.push(
      ['percent-encoded', encodeURIComponent(text)],
      ['in JSON', JSON.stringify(text).slice(1, -1)],
      [
        'in HTML',
        text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
      ],
    );
  }
  for (const encoding of ['base64', 'base64url'] as const)
    for (const before of [0, 1, 2]) forms.push([encoding, insideBase64(bytes, before, encoding)]);
  const seen = new Set<string>();
  return forms.flatMap(([encoding, form]) => {
    const folded = fold(Buffer.from(form));
    const key = folded.toString('latin1');
    if (seen.has(key) || folded.length < SHORTEST) return [];
    seen.add(key);
    return [{ canary, encoding, bytes: folded }];
  });
}

/** The characters that depend on nothing but `bytes`, when `before` bytes (modulo three) are encoded in front of them. */
function insideBase64(bytes: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes])
    .toString(encoding)
    .replaceAll('=', '');
  const from = [0, 2, 3][before] ?? 0;
  const whole = Math.floor(((before + bytes.length) * 8) / 6);
  return encoded.slice(from, whole);
}

function fold(bytes: Buffer): Buffer {
  const folded = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at++) folded[at] = FOLDED[bytes[at] ?? 0] ?? 0;
  return folded;
}

const prefixAt = (bytes: Buffer): number => (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16);

const printable = (bytes: Buffer): string => bytes.toString('latin1').replaceAll(/[^\x20-\x7e]+/g, '·');
