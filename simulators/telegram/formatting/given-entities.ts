import { badRequest } from '../bot-api/errors.ts';
import type { MessageEntity, User } from '../world/wire.ts';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The `entities` parameter: ready-made marks instead of a parse mode. */
export function readGivenEntities(value: unknown, text: string): MessageEntity[] {
  if (!Array.isArray(value)) throw badRequest("can't parse MessageEntity: Expected an Array");
  return value.map((item: unknown) => {
    if (!isRecord(item) || typeof item['type'] !== 'string')
      throw badRequest('can\'t parse MessageEntity: Field "type" is missed');
    const offset = item['offset'];
    const length = item['length'];
    if (!isWholeNumber(offset) || !isWholeNumber(length)) {
      throw badRequest('can\'t parse MessageEntity: Field "offset" and "length" must be numbers');
    }
    if (offset > text.length) throw badRequest('entity begins after the end of the text');
    if (offset + length > text.length) throw badRequest('entity ends after the end of the text');
    return { type: item['type'], offset, length, ...details(item) };
  });
}

const isWholeNumber = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function details(item: Record<string, unknown>): Partial<MessageEntity> {
  const text = (name: string) => (typeof item[name] === 'string' ? item[name] : undefined);
  return {
    url: text('url'),
    language: text('language'),
    custom_emoji_id: text('custom_emoji_id'),
    user: user(item['user']),
  };
}

function user(value: unknown): User | undefined {
  if (!isRecord(value) || typeof value['id'] !== 'number') return undefined;
  const firstName = typeof value['first_name'] === 'string' ? value['first_name'] : `Person ${value['id']}`;
  return { id: value['id'], is_bot: false, first_name: firstName };
}
