import { createHash } from 'node:crypto';

export type ParsedToken = { readonly botId: number; readonly hash: string };

const LONGEST_TOKEN = 80;
// BigInt: a double no longer tells 2^54-1 from 2^54.
const LARGEST_BOT_ID = 2n ** 54n - 1n;

/** Only the form tests of tdlib/telegram-bot-api: whether somebody owns the token is another question. */
export function parseToken(token: string): ParsedToken | undefined {
  if (token.startsWith('0') || token.length > LONGEST_TOKEN || token.includes('/')) return undefined;
  const match = /^([1-9][0-9]*):(.+)$/.exec(token);
  if (match === null) return undefined;
  if (BigInt(match[1] ?? '') > LARGEST_BOT_ID) return undefined;
  return { botId: Number(match[1]), hash: createHash('sha256').update(token).digest('base64url') };
}
