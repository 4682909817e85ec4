import { byteOffset, cannotParse } from './markup-error.ts';

export type StartTag = {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly end: number;
};
export type EndTag = { readonly name: string; readonly end: number };

const SUPPORTED_TAGS: ReadonlySet<string> = new Set(
  'a b strong i em u ins s strike del span tg-spoiler tg-emoji code pre blockquote'.split(' '),
);

const isSpace = (character: string): boolean => /^\s$/.test(character);
const NAMED_ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"' };

/** Bot API: four named entities and all numeric ones; any other ampersand stands for itself. */
export function decodeHtmlEntity(source: string, index: number): { readonly text: string; readonly end: number } {
  const match = /^&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot));?/i.exec(source.slice(index, index + 12));
  if (match === null) return { text: '&', end: index + 1 };
  const end = index + match[0].length;
  if (match[3] !== undefined) return { text: NAMED_ENTITIES[match[3].toLowerCase()] ?? '', end };
  const codePoint = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  const isCharacter = codePoint > 0 && codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
  return isCharacter ? { text: String.fromCodePoint(codePoint), end } : { text: '&', end: index + 1 };
}

/** `begin` is the place of `<`. */
export function readStartTag(source: string, begin: number): StartTag {
  const at = byteOffset(source, begin);
  const unclosed = () => cannotParse(`Unclosed start tag at byte offset ${at}`);
  let index = begin + 1;
  while (index < source.length && source[index] !== '>' && !isSpace(source.charAt(index))) index++;
  if (index >= source.length) throw unclosed();
  const name = source.slice(begin + 1, index).toLowerCase();
  if (!SUPPORTED_TAGS.has(name)) throw cannotParse(`Unsupported start tag "${name}" at byte offset ${at}`);

  const skipSpaces = () => {
    while (index < source.length && isSpace(source.charAt(index))) index++;
  };
  const attributes = new Map<string, string>();
  for (skipSpaces(); source[index] !== '>'; skipSpaces()) {
    if (index >= source.length) throw unclosed();
    const nameBegin = index;
    while (index < source.length && !/[\s=>]/.test(source.charAt(index))) index++;
    const attribute = source.slice(nameBegin, index).toLowerCase();
    if (attribute === '') throw cannotParse(`Empty attribute name in the tag "${name}" at byte offset ${at}`);
    skipSpaces();
    if (source[index] !== '=') {
      if (name !== 'blockquote' || attribute !== 'expandable') {
        throw cannotParse(
          `Expected equal sign in declaration of an attribute of the tag "${name}" at byte offset ${at}`,
        );
      }
      attributes.set(attribute, '');
      continue;
    }
    index++;
    skipSpaces();
    const value = readAttributeValue(source, index, unclosed);
    attributes.set(attribute, value.text);
    index = value.end;
  }
  return { name, attributes, end: index + 1 };
}

function readAttributeValue(source: string, begin: number, unclosed: () => Error): { text: string; end: number } {
  const quote = source[begin];
  if (quote === undefined) throw unclosed();
  let index = begin;
  if (quote !== '"' && quote !== "'") {
    while (index < source.length && /[A-Za-z0-9.-]/.test(source.charAt(index))) index++;
    const next = source[index];
    if (next !== undefined && next !== '>' && !isSpace(next)) {
      throw cannotParse(`Unexpected end of name token at byte offset ${byteOffset(source, begin)}`);
    }
    return { text: source.slice(begin, index), end: index };
  }
  let text = '';
  index++;
  while (index < source.length && source[index] !== quote) {
    const decoded =
      source[index] === '&' ? decodeHtmlEntity(source, index) : { text: source.charAt(index), end: index + 1 };
    text += decoded.text;
    index = decoded.end;
  }
  if (index >= source.length) throw unclosed();
  return { text, end: index + 1 };
}

/** `begin` is the place of `</`. */
export function readEndTag(source: string, begin: number): EndTag {
  const match = /^<\/([^\s>]*)\s*(>?)/.exec(source.slice(begin));
  if (match === null || match[2] !== '>') {
    throw cannotParse(`Unclosed end tag at byte offset ${byteOffset(source, begin)}`);
  }
  return { name: (match[1] ?? '').toLowerCase(), end: begin + match[0].length };
}
