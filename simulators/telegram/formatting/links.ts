import type { MessageEntity } from '../world/wire.ts';

const SCHEMES = new Set(['http:', 'https:', 'tg:', 'ton:', 'tonsite:', 'mailto:', 'tel:']);

/** The entity a link becomes; undefined when the address is none, then the text stays without a link. */
export function linkEntity(address: string, offset: number, length: number): MessageEntity | undefined {
  const mention = /^tg:\/\/user\?id=(\d+)$/.exec(address);
  if (mention !== null) {
    const user = { id: Number(mention[1]), is_bot: false, first_name: `Person ${mention[1]}` };
    return { type: 'text_mention', offset, length, user };
  }
  const withScheme = /^[a-z][a-z0-9+.-]*:/i.test(address) ? address : `http://${address}`;
  const url = URL.parse(withScheme);
  const isLink =
    url !== null && SCHEMES.has(url.protocol) && (url.hostname === '' || isHost(url.hostname, url.protocol));
  return isLink ? { type: 'text_link', offset, length, url: url.href } : undefined;
}

const isHost = (hostname: string, scheme: string): boolean =>
  scheme === 'tg:' ||
  scheme === 'ton:' ||
  hostname === 'localhost' ||
  hostname.includes('.') ||
  hostname.startsWith('[');

/** tg://emoji?id=123 */
export const customEmojiId = (address: string): string | undefined => /^tg:\/\/emoji\?id=(\d+)$/.exec(address)?.[1];
