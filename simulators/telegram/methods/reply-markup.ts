import type { CallParameters } from '../bot-api/call-parameters.ts';
import { badRequest } from '../bot-api/errors.ts';

export type InlineButton = { readonly text: string; readonly callbackData: string | undefined };

const LONGEST_CALLBACK_BYTES = 64;
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Inline keyboards stay with the message; other keyboards only change the person's input and are not shown in it. */
export function readReplyMarkup(parameters: CallParameters): unknown {
  const markup = parameters.json('reply_markup', 'reply keyboard markup');
  if (markup === undefined) return undefined;
  if (!isRecord(markup)) throw badRequest('object expected as reply markup');
  if (!('inline_keyboard' in markup)) return undefined;
  const rows = markup['inline_keyboard'];
  if (!Array.isArray(rows)) throw badRequest('field "inline_keyboard" must be of type Array');
  for (const row of rows) {
    if (!Array.isArray(row)) throw badRequest('field "inline_keyboard" must be an Array of Arrays');
    for (const button of row) checkButton(button);
  }
  return rows.length === 0 ? undefined : { inline_keyboard: rows };
}

function checkButton(button: unknown): void {
  if (!isRecord(button)) throw badRequest("can't parse inline keyboard button: Expected an Object");
  if (typeof button['text'] !== 'string') {
    throw badRequest('can\'t parse inline keyboard button: Can\'t find field "text"');
  }
  if (Object.keys(button).length < 2) {
    throw badRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard");
  }
  if ('callback_data' in button) {
    const bytes = Buffer.byteLength(String(button['callback_data']));
    if (bytes < 1 || bytes > LONGEST_CALLBACK_BYTES) throw badRequest('BUTTON_DATA_INVALID');
  }
}

export function inlineButtons(markup: unknown): InlineButton[] {
  if (!isRecord(markup) || !Array.isArray(markup['inline_keyboard'])) return [];
  return markup['inline_keyboard']
    .flat()
    .filter(isRecord)
    .map((button) => ({
      text: String(button['text']),
      callbackData: typeof button['callback_data'] === 'string' ? button['callback_data'] : undefined,
    }));
}
