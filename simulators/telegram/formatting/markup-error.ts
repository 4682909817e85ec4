import { type BotApiError, badRequest } from '../bot-api/errors.ts';

export const cannotParse = (reason: string): BotApiError => badRequest(`can't parse entities: ${reason}`);

/** Telegram counts the place of an error in bytes of UTF-8, entities in UTF-16 code units. */
export const byteOffset = (text: string, index: number): number => Buffer.byteLength(text.slice(0, index));
