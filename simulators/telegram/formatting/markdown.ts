import type { FormattedText, MessageEntity } from '../world/wire.ts';
import { linkEntity } from './links.ts';
import { byteOffset, cannotParse } from './markup-error.ts';

const MARKS = { _: 'italic', '*': 'bold', '`': 'code', '```': 'pre', '[': 'link' } as const;
type Mark = keyof typeof MARKS;

const markAt = (source: string, index: number): Mark | undefined =>
  (['```', '_', '*', '`', '['] as const).find((mark) => source.startsWith(mark, index));

/** The legacy parse_mode Markdown: nothing nests, and only the four marks can be escaped. */
export function parseMarkdown(source: string): FormattedText {
  let text = '';
  let index = 0;
  const entities: MessageEntity[] = [];
  while (index < source.length) {
    const character = source.charAt(index);
    const escaped = source.charAt(index + 1);
    const mark = markAt(source, index);
    if (character === '\\' && escaped !== '' && '_*`['.includes(escaped)) {
      text += escaped;
      index += 2;
    } else if (mark === undefined) {
      text += character;
      index++;
    } else {
      const closing = mark === '[' ? ']' : mark;
      const begin = index + mark.length;
      const end = source.indexOf(closing, begin);
      if (end < 0)
        throw cannotParse(`Can't find end of the entity starting at byte offset ${byteOffset(source, index)}`);
      const language = mark === '```' ? /^(\S+)\n/.exec(source.slice(begin, end))?.[1] : undefined;
      const content = source.slice(begin + (language?.length ?? 0), end).replace(mark === '```' ? /^\n/ : /^(?!)/, '');
      const address = mark === '[' ? /^\]\(([^)]*)\)/.exec(source.slice(end)) : null;
      const entity =
        mark === '['
          ? linkEntity(address?.[1] ?? '', text.length, content.length)
          : { type: MARKS[mark], offset: text.length, length: content.length, language };
      if (entity !== undefined) entities.push(entity);
      text += content;
      index = end + (address?.[0].length ?? closing.length);
    }
  }
  return { text, entities };
}
