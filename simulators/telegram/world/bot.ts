import { randomInt } from 'node:crypto';
import type { Update, User } from './wire.ts';

export type PendingUpdate = {
  readonly update: Update;
  /** Updates of one chat are delivered one after the other; other chats do not wait for them. */
  readonly chatId: number;
  readonly createdAtMs: number;
};

export type Webhook = {
  readonly url: string;
  readonly ipAddress: string;
  readonly maxConnections: number;
  readonly secretToken: string | null;
  readonly certificate: string | null;
  lastErrorAtMs: number | null;
  lastErrorMessage: string | null;
  /** Since when every answer was 410 Gone. */
  goneSinceMs: number | null;
};

export type BotCommand = { readonly command: string; readonly description: string };

export type Bot = {
  readonly id: number;
  firstName: string;
  username: string;
  /** Hashes only: somebody may try a real token here, and the state is written to disk. */
  tokenHashes: string[];
  revokedTokenHashes: string[];
  loggedOutUntilMs: number | null;
  readonly startedAtMs: number;
  /** By scope and language. */
  readonly commands: Record<string, readonly BotCommand[]>;
  /** Null is the default set. */
  allowedUpdates: readonly string[] | null;
  webhook: Webhook | null;
  updates: PendingUpdate[];
  nextUpdateId: number;
};

const NAMES = [
  'acme',
  'batik',
  'cempaka',
  'delima',
  'embun',
  'fajar',
  'garuda',
  'harum',
  'intan',
  'jaya',
  'kopi',
  'lestari',
  'mawar',
  'nusa',
  'pelita',
  'rimba',
] as const;

/** The same id always has the same name, and the id in it keeps names apart. Telegram: 5-32 characters, ending in "bot". */
function deriveUsername(botId: number): string {
  const name = NAMES[botId % NAMES.length] ?? NAMES[0];
  return `${name}_${botId.toString(36)}_bot`;
}

export function createBot(id: number, nowMs: number): Bot {
  const username = deriveUsername(id);
  const name = username.slice(0, username.indexOf('_'));
  return {
    id,
    firstName: `${name.charAt(0).toUpperCase()}${name.slice(1)} ${id}`,
    username,
    tokenHashes: [],
    revokedTokenHashes: [],
    loggedOutUntilMs: null,
    startedAtMs: nowMs,
    commands: {},
    allowedUpdates: null,
    webhook: null,
    updates: [],
    nextUpdateId: randomInt(100_000_000, 900_000_000),
  };
}

export const botAsUser = (bot: Bot): User => ({
  id: bot.id,
  is_bot: true,
  first_name: bot.firstName,
  username: bot.username,
});
