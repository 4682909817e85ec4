import type { MessageEntity } from '../world/wire.ts';

const PATTERNS = [
  ['bot_command', /(?<![\w/<>])\/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])/g],
  ['email', /(?<![\w.@])[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}/g],
  ['mention', /(?<![\w@])@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w)/g],
  ['url', /(?<!\w)(?:https?:\/\/|www\.)[^\s<>"']*[^\s<>"'.,;:!?)\]]/gi],
  ['hashtag', /(?<![\w#])#(?!\d+(?!\w))[\p{L}\p{N}_]+/gu],
] as const;

/** What Telegram marks by itself, wherever the sender has not said that the text is code or a link. */
export function detectEntities(text: string, given: readonly MessageEntity[]): MessageEntity[] {
  const taken = given.filter((entity) => ['code', 'pre', 'text_link', 'text_mention'].includes(entity.type));
  const found: MessageEntity[] = [];
  for (const [type, pattern] of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      const entity = { type, offset: match.index, length: match[0].length };
      if (![...taken, ...found].some((other) => overlap(other, entity))) found.push(entity);
    }
  }
  return found;
}

const overlap = (one: MessageEntity, other: MessageEntity): boolean =>
  one.offset < other.offset + other.length && other.offset < one.offset + one.length;
