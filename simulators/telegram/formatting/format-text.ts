import { badRequest } from '../bot-api/errors.ts';
import type { FormattedText, MessageEntity } from '../world/wire.ts';
import { detectEntities } from './detect-entities.ts';
import { readGivenEntities } from './given-entities.ts';
import { parseHtml } from './html.ts';
import { parseMarkdown } from './markdown.ts';
import { parseMarkdownV2 } from './markdown-v2.ts';

export type FormattingChoice = { readonly parseMode: string | undefined; readonly entities: unknown };

/** Beyond these Telegram silently stops formatting. */
const ENTITIES_COUNTED = 100;

/** Text as it appears in the message: parsed, trimmed, with the marks Telegram adds by itself. Lengths are checked by the caller. */
export function formatText(source: string, choice: FormattingChoice): FormattedText {
  const parsed = parse(source.replaceAll('\r', ''), choice);
  const leading = parsed.text.length - parsed.text.trimStart().length;
  const text = parsed.text.trim();
  const marks = [...parsed.entities, ...detectEntities(parsed.text, parsed.entities)];
  const entities = marks
    .map((entity) => clip(entity, leading, text.length))
    .filter((entity) => entity.length > 0)
    .sort((one, other) => one.offset - other.offset || other.length - one.length)
    .slice(0, ENTITIES_COUNTED);
  return { text, entities };
}

function parse(source: string, choice: FormattingChoice): FormattedText {
  switch (choice.parseMode?.toLowerCase()) {
    case undefined:
    case '':
    case 'none':
      return {
        text: source,
        entities: choice.entities === undefined ? [] : readGivenEntities(choice.entities, source),
      };
    case 'html':
      return parseHtml(source);
    case 'markdown':
      return parseMarkdown(source);
    case 'markdownv2':
      return parseMarkdownV2(source);
    default:
      throw badRequest('unsupported parse_mode');
  }
}

function clip(entity: MessageEntity, leading: number, textLength: number): MessageEntity {
  const begin = Math.max(0, entity.offset - leading);
  const end = Math.min(textLength, entity.offset + entity.length - leading);
  return { ...entity, offset: begin, length: end - begin };
}
