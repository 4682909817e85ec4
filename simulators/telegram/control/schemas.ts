import { kind, object } from '../../shared/json-schema.ts';

const chatId = { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
const botReference = { type: ['string', 'integer'] };
const timeoutSeconds = { type: 'number', exclusiveMinimum: 0, maximum: 600 };
const positive = { type: 'number', exclusiveMinimum: 0 };
const person = {
  id: chatId,
  username: { type: ['string', 'null'] },
  firstName: { type: 'string', minLength: 1 },
  lastName: { type: 'string' },
  languageCode: { type: 'string' },
  title: { type: 'string' },
};

export const chatParams = object({ chatId }, ['chatId']);
export const botParams = object({ botId: { type: 'string' } }, ['botId']);
export const fileParams = object({ fileId: { type: 'string' } }, ['fileId']);

export const openLinkBody = object({ url: { type: 'string' }, chat: object(person, ['id']), timeoutSeconds }, [
  'url',
  'chat',
]);

export const messagesQuery = object({
  bot: { type: 'string' },
  all: { type: 'boolean' },
  limit: { type: 'integer', minimum: 1, maximum: 1000 },
});

export const writeBody = object(
  {
    text: { type: 'string', minLength: 1, maxLength: 4096 },
    bot: botReference,
    wait: { type: 'boolean' },
    timeoutSeconds,
  },
  ['text'],
);

export const tapBody = object(
  {
    messageId: { type: 'integer' },
    button: { type: 'string' },
    bot: botReference,
    wait: { type: 'boolean' },
    timeoutSeconds,
  },
  ['messageId', 'button'],
);

export const stateBody = object(
  {
    state: { enum: ['never-started', 'active', 'blocked', 'deactivated', 'kicked', 'left', 'deleted', 'migrated'] },
    bot: botReference,
    migratedTo: chatId,
    type: { enum: ['private', 'group', 'supergroup', 'channel'] },
    title: { type: 'string' },
    username: { type: 'string' },
    firstName: { type: 'string' },
  },
  ['state'],
);

export const registerBotBody = object(
  {
    token: { type: 'string' },
    username: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_]{4,31}$' },
    firstName: { type: 'string', minLength: 1 },
  },
  ['token'],
);
export const revokeBody = { ...object({ token: { type: 'string' } }), type: ['object', 'null'] } as const;

export const FAULT_MATCH = object({
  token: { type: 'string' },
  botId: { type: 'integer' },
  method: { type: 'string' },
  chatId: { type: ['string', 'integer'] },
});

/** The shapes of `Fault`. */
export const FAULT_KINDS = [
  kind('429', { retry_after: { type: 'integer', minimum: 1 } }, ['retry_after']),
  kind('500'),
  kind('502-html'),
  kind('hang'),
  kind('reset'),
  kind('delay', { delayMs: positive }, ['delayMs']),
  kind('timeout-after-success'),
  kind('error', { error_code: { type: 'integer', minimum: 400, maximum: 599 }, description: { type: 'string' } }, [
    'error_code',
    'description',
  ]),
];

export const settingsBody = object({
  floodControl: { type: 'boolean' },
  chatPerSecond: positive,
  chatBurst: { type: 'integer', minimum: 1 },
  groupPerMinute: positive,
  botPerSecond: positive,
  botBurst: { type: 'integer', minimum: 1 },
  paidBroadcastPerSecond: positive,
  floodHoldsBot: { type: 'boolean' },
  newBotsPerMinute: { type: ['integer', 'null'], minimum: 1 },
  webhookRules: { enum: ['local', 'cloud'] },
  malformedToken: { enum: [401, 404] },
  unknownBots: { enum: ['accept', 'refuse'] },
});
