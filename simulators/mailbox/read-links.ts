const TEXT_URL = /https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]]/gi;
const HREF = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/gi;
const NAMED_ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

/** Every address a reader could follow, once each: those of the text first, then those only the HTML has. */
export function readLinks(text: string, html: string): string[] {
  const links = new Set<string>(text.match(TEXT_URL));
  for (const [, double, single] of html.matchAll(HREF)) {
    const link = decodeEntities(double ?? single ?? '').trim();
    if (/^https?:\/\//i.test(link)) links.add(link);
  }
  return [...links];
}

/** The values of `token=` in links, in the query or after the `#` as single-page applications have it. */
export function readTokens(links: readonly string[]): string[] {
  const tokens = new Set<string>();
  for (const link of links) {
    const url = URL.parse(link);
    if (url === null) continue;
    const fragment = new URLSearchParams(url.hash.slice(1).replace(/^[^?]*\?/, ''));
    for (const token of [...url.searchParams.getAll('token'), ...fragment.getAll('token')]) tokens.add(token);
  }
  return [...tokens];
}

/** For mail without a text part. */
export function htmlToText(html: string): string {
  const withoutTags = html
    .replace(/<(style|script|head)\b[^>]*>.*?<\/\1>/gis, '')
    .replace(/<br\s*\/?>|<\/(p|div|tr|li|h[1-6])>/gi, '\n')
    .replace(/<[^>]*>/g, '');
  return decodeEntities(withoutTags)
    .replace(/[ \t]+/g, ' ')
    .replace(/\s*\n\s*/g, '\n')
    .trim();
}

const decodeEntities = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return NAMED_ENTITIES[String(name).toLowerCase()] ?? whole;
    const codePoint = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : whole;
  });
