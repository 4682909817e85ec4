/** JSON Schemas of the control API's bodies. Unknown fields are refused: a misspelt field must not be a silent default. */
const object = (properties: Record<string, unknown>, required: readonly string[] = []) =>
  ({ type: 'object', additionalProperties: false, properties, required }) as const;

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
export const faultParams = object({ faultId: { type: 'integer' } }, ['faultId']);
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

export const advanceBody = object({ seconds: { type: 'number', minimum: 0, maximum: 366 * 86_400 } }, ['seconds']);

const fault = (kind: string, properties: Record<string, unknown> = {}, required: readonly string[] = []) =>
  object({ kind: { const: kind }, ...properties }, ['kind', ...required]);

export const faultBody = object(
  {
    match: object({
      token: { type: 'string' },
      botId: { type: 'integer' },
      method: { type: 'string' },
      chatId: { type: ['string', 'integer'] },
    }),
    times: { type: ['integer', 'null'], minimum: 1 },
    fault: {
      type: 'object',
      oneOf: [
        fault('429', { retry_after: { type: 'integer', minimum: 1 } }, ['retry_after']),
        fault('500'),
        fault('502-html'),
        fault('hang'),
        fault('reset'),
        fault('delay', { delayMs: positive }, ['delayMs']),
        fault('timeout-after-success'),
        fault(
          'error',
          { error_code: { type: 'integer', minimum: 400, maximum: 599 }, description: { type: 'string' } },
          ['error_code', 'description'],
        ),
      ],
    },
  },
  ['fault'],
);

export const settingsBody = object({
  floodControl: { type: 'boolean' },
  chatPerSecond: positive,
  chatBurst: { type: 'integer', minimum: 1 },
  groupPerMinute: positive,
  botPerSecond: positive,
  botBurst: { type: 'integer', minimum: 1 },
  paidBroadcastPerSecond: positive,
  newBotsPerMinute: { type: ['integer', 'null'], minimum: 1 },
  webhookRules: { enum: ['local', 'cloud'] },
  malformedToken: { enum: [401, 404] },
  unknownBots: { enum: ['accept', 'refuse'] },
});
