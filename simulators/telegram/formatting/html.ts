import type { FormattedText, MessageEntity } from '../world/wire.ts';
import { decodeHtmlEntity, readEndTag, readStartTag, type StartTag } from './html-tag.ts';
import { customEmojiId, linkEntity } from './links.ts';
import { byteOffset, cannotParse } from './markup-error.ts';

const ENTITY_OF_TAG: Readonly<Record<string, string>> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strikethrough',
  strike: 'strikethrough',
  del: 'strikethrough',
  span: 'spoiler',
  'tg-spoiler': 'spoiler',
};

type OpenTag = { readonly tag: StartTag; readonly offset: number };

/** parse_mode HTML: a few tags, nested correctly, everything else refused with the place of the mistake. */
export function parseHtml(source: string): FormattedText {
  let text = '';
  let index = 0;
  const open: OpenTag[] = [];
  const entities: MessageEntity[] = [];

  while (index < source.length) {
    const character = source.charAt(index);
    if (character === '&') {
      const decoded = decodeHtmlEntity(source, index);
      text += decoded.text;
      index = decoded.end;
    } else if (character !== '<') {
      text += character;
      index++;
    } else if (source[index + 1] !== '/') {
      const tag = readStartTag(source, index);
      checkAttributes(tag, byteOffset(source, index));
      open.push({ tag, offset: text.length });
      index = tag.end;
    } else {
      const at = byteOffset(source, index);
      const innermost = open.pop();
      if (innermost === undefined) throw cannotParse(`Unexpected end tag at byte offset ${at}`);
      const end = readEndTag(source, index);
      const expected = innermost.tag.name;
      if (end.name !== '' && end.name !== expected) {
        throw cannotParse(`Unmatched end tag at byte offset ${at}, expected "</${expected}>", found "</${end.name}>"`);
      }
      const entity = entityOf(innermost, text);
      if (entity !== undefined) entities.push(entity);
      index = end.end;
    }
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) {
    throw cannotParse(`Can't find end tag corresponding to start tag "${unclosed.tag.name}"`);
  }
  return { text, entities: joinPreAndCode(entities) };
}

function checkAttributes(tag: StartTag, at: number): void {
  if (tag.name === 'span' && tag.attributes.get('class') !== 'tg-spoiler') {
    throw cannotParse(`Tag "span" must have class "tg-spoiler" at byte offset ${at}`);
  }
  if (tag.name !== 'tg-emoji') return;
  const id = tag.attributes.get('emoji-id');
  if (id === undefined || id === '') throw cannotParse(`Custom emoji identifier is empty at byte offset ${at}`);
  if (customEmojiId(`tg://emoji?id=${id}`) === undefined) {
    throw cannotParse('Invalid custom emoji identifier specified');
  }
}

function entityOf({ tag, offset }: OpenTag, text: string): MessageEntity | undefined {
  const length = text.length - offset;
  const language = /^language-(.+)$/.exec(tag.attributes.get('class') ?? '')?.[1];
  switch (tag.name) {
    case 'a':
      return linkEntity(tag.attributes.get('href') ?? text.slice(offset), offset, length);
    case 'code':
    case 'pre':
      return { type: tag.name, offset, length, language };
    case 'tg-emoji':
      return { type: 'custom_emoji', offset, length, custom_emoji_id: tag.attributes.get('emoji-id') };
    case 'blockquote':
      return { type: tag.attributes.has('expandable') ? 'expandable_blockquote' : 'blockquote', offset, length };
    default:
      return { type: ENTITY_OF_TAG[tag.name] ?? tag.name, offset, length };
  }
}

/** `<pre><code class="language-x">` is one block with a language; a language on code alone is dropped. */
function joinPreAndCode(entities: readonly MessageEntity[]): MessageEntity[] {
  const isSamePlace = (one: MessageEntity, other: MessageEntity) =>
    one.offset === other.offset && one.length === other.length;
  const joined: MessageEntity[] = [];
  for (const entity of entities) {
    if (entity.type === 'code') {
      const isInsidePre = entities.some((other) => other.type === 'pre' && isSamePlace(other, entity));
      if (!isInsidePre) joined.push({ ...entity, language: undefined });
    } else if (entity.type === 'pre') {
      const code = entities.find((other) => other.type === 'code' && isSamePlace(other, entity));
      joined.push({ ...entity, language: code?.language });
    } else {
      joined.push(entity);
    }
  }
  return joined;
}
