import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** DejaVu Sans covers Latin, Greek and Cyrillic; only the glyphs in use are embedded. Read once per process. */
const fonts = new Map<string, Buffer>();

export function loadFont(face: 'DejaVuSans' | 'DejaVuSans-Bold'): Buffer {
  const known = fonts.get(face);
  if (known !== undefined) return known;
  const bytes = readFileSync(createRequire(import.meta.url).resolve(`dejavu-fonts-ttf/ttf/${face}.ttf`));
  fonts.set(face, bytes);
  return bytes;
}
