import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';

type FontSource = PDFKit.Mixins.PDFFontSource;

const require = createRequire(import.meta.url);

/** DejaVu Sans covers Latin, Greek and Cyrillic; only the glyphs in use are embedded. */
const FILES = {
  regular: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
  bold: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
} as const;
type Face = keyof typeof FILES;

/** What fontkit keeps of a glyph stays for the life of the font, with the characters that it stood for at first. */
type OpenFont = { _glyphs: object };

const known = new Map<Face, { readonly bytes: Buffer; readonly open: OpenFont | null }>();

/**
 * A font for one document. Decoding a font's tables costs several times what drawing an invoice does, and pdfkit does it
 * anew for every document that is given bytes; it also takes a font that is open already (`PDFFontFactory.open`), which
 * its types do not say. Glyphs are forgotten between documents: otherwise what one document said could change which
 * characters another one's glyphs are copied as.
 */
export function invoiceFont(face: Face): FontSource {
  const font = known.get(face) ?? load(face);
  known.set(face, font);
  if (font.open === null) return font.bytes;
  font.open._glyphs = {};
  return font.open as unknown as FontSource;
}

function load(face: Face) {
  const bytes = readFileSync(FILES[face]);
  const holder: unknown = new PDFDocument({ font: '', autoFirstPage: false }).font(bytes);
  const font = isObject(holder) && isObject(holder._font) ? holder._font.font : null;
  // A pdfkit or fontkit that keeps these elsewhere gets the bytes: slower, and just as right.
  return { bytes, open: isOpenFont(font) ? font : null };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const isOpenFont = (value: unknown): value is OpenFont =>
  isObject(value) && typeof value.layout === 'function' && isObject(value._glyphs);
