import { inflateSync } from 'node:zlib';

/** One piece of text on a page, where it stands (points from the bottom left), and in which font. */
export type PdfText = { readonly text: string; readonly x: number; readonly y: number; readonly font: string };

type PdfObject = { readonly dictionary: string; readonly stream: Buffer | null };

/**
 * Reads the text of a PDF as a viewer would: page by page, glyph numbers turned into characters by each font's ToUnicode
 * map. Knows as much of ISO 32000 as our own documents use, and throws on anything else.
 */
export function readPdf(bytes: Buffer): {
  readonly pages: readonly (readonly PdfText[])[];
  readonly fonts: readonly string[];
} {
  const objects = readObjects(bytes);
  const all = [...objects.values()];
  const fontFiles = all.filter(({ dictionary }) => /\/Type \/FontDescriptor\b/.test(dictionary));
  const pages = all.filter(({ dictionary }) => /\/Type \/Page\b/.test(dictionary));
  return {
    pages: pages.map((page) => readPage(page, objects)),
    fonts: fontFiles
      .filter(({ dictionary }) => dictionary.includes('/FontFile2 '))
      .map(({ dictionary }) => /\/FontName \/(\S+)/.exec(dictionary)?.[1] ?? ''),
  };
}

function readObjects(bytes: Buffer): ReadonlyMap<string, PdfObject> {
  const text = bytes.toString('latin1');
  const objects = new Map<string, PdfObject>();
  for (const match of text.matchAll(/(\d+) 0 obj\n/g)) {
    const start = match.index + match[0].length;
    const end = text.indexOf('endobj', start);
    const streamAt = text.indexOf('\nstream\n', start);
    const hasStream = streamAt !== -1 && streamAt < end;
    const dictionary = text.slice(start, hasStream ? streamAt : end);
    const length = Number(/\/Length (\d+)/.exec(dictionary)?.[1] ?? 0);
    const raw = hasStream ? bytes.subarray(streamAt + 8, streamAt + 8 + length) : null;
    const stream = raw !== null && dictionary.includes('/FlateDecode') ? inflateSync(raw) : raw;
    objects.set(match[1] ?? '', { dictionary, stream });
  }
  return objects;
}

function get(objects: ReadonlyMap<string, PdfObject>, id: string | undefined): PdfObject {
  const object = objects.get(id ?? '');
  if (object === undefined) throw new Error(`The PDF has no object ${id}.`);
  return object;
}

const refOf = (dictionary: string, key: string): string | undefined =>
  new RegExp(`/${key} \\[?(\\d+) 0 R`).exec(dictionary)?.[1];

function readPage(page: PdfObject, objects: ReadonlyMap<string, PdfObject>): readonly PdfText[] {
  const resources = get(objects, refOf(page.dictionary, 'Resources')).dictionary;
  const fonts = new Map(
    [...(/\/Font <<([^>]*)>>/.exec(resources)?.[1] ?? '').matchAll(/\/(\S+) (\d+) 0 R/g)].map(([, name = '', id]) => {
      const font = get(objects, id).dictionary;
      const map = readUnicodeMap(get(objects, refOf(font, 'ToUnicode')).stream?.toString('latin1') ?? '');
      return [name, { map, face: /\/BaseFont \/(\S+)/.exec(font)?.[1] ?? '' }];
    }),
  );
  const content = get(objects, refOf(page.dictionary, 'Contents')).stream?.toString('latin1') ?? '';
  const texts: PdfText[] = [];
  let [x, y, font] = [0, 0, ''];
  for (const line of content.split('\n')) {
    const matrix = /^1 0 0 1 (\S+) (\S+) Tm$/.exec(line);
    if (matrix !== null) [x, y] = [Number(matrix[1]), Number(matrix[2])];
    font = /^\/(\S+) \S+ Tf$/.exec(line)?.[1] ?? font;
    if (!line.endsWith('] TJ')) continue;
    const { map, face } = fonts.get(font) ?? { map: new Map<string, string>(), face: '' };
    const glyphs = [...line.matchAll(/<([0-9a-f]+)>/g)].flatMap(([, hex = '']) => hex.match(/.{4}/g) ?? []);
    const text = glyphs.map((glyph) => map.get(glyph) ?? '\uFFFD').join('');
    texts.push({ text, x, y, font: face });
  }
  return texts;
}

function readUnicodeMap(cmap: string): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const [, first = '', , list = ''] of cmap.matchAll(/<([0-9a-f]{4})> <([0-9a-f]{4})> \[([^\]]*)\]/g)) {
    for (const [index, [, hex = '']] of [...list.matchAll(/<([0-9a-f ]+)>/g)].entries()) {
      const units = hex.replaceAll(' ', '').match(/.{4}/g) ?? [];
      const glyph = (Number.parseInt(first, 16) + index).toString(16).padStart(4, '0');
      map.set(glyph, String.fromCharCode(...units.map((unit) => Number.parseInt(unit, 16))));
    }
  }
  return map;
}

/** The lines of a page as a reader sees them: pieces of the same height joined from left to right. */
export function linesOf(page: readonly PdfText[]): readonly string[] {
  const rows = Map.groupBy(page, (piece) => Math.round(piece.y));
  return [...rows]
    .toSorted(([a], [b]) => b - a)
    .map(([, pieces]) =>
      pieces
        .toSorted((a, b) => a.x - b.x)
        .map((piece) => piece.text.trim())
        .join(' | '),
    );
}
