import { describe, expect, it } from 'vitest';
import { readEnvelope } from './envelope.ts';
import { judgeFailure } from './error-table.ts';
import { TelegramRefused, TelegramUnreachable } from './failure.ts';

const refused = (code: number, description: string, retryAfter: number | null = null) =>
  judgeFailure(new TelegramRefused(code, description, retryAfter));
const unreachable = (wasTried: boolean, mayHaveArrived: boolean, retryAfterSeconds: number | null = null) =>
  judgeFailure(new TelegramUnreachable({ wasTried, mayHaveArrived, retryAfterSeconds }, null));

describe('What an answer of Telegram means for a message', () => {
  it.each([
    [429, 'Too Many Requests: retry after 35', 35, { kind: 'wait', seconds: 35, holdsBot: true, reason: 'flood-wait' }],
    [429, 'Too Many Requests', null, { kind: 'wait', seconds: 5, holdsBot: true, reason: 'flood-wait' }],
    [401, 'Unauthorized', null, { kind: 'revoke-bot' }],
    [403, 'Forbidden: bot was blocked by the user', null, { kind: 'drop-link', reason: 'chat-blocked' }],
    [403, 'Forbidden: user is deactivated', null, { kind: 'drop-link', reason: 'chat-unreachable' }],
    [
      403,
      "Forbidden: bot can't initiate conversation with a user",
      null,
      { kind: 'drop-link', reason: 'chat-unreachable' },
    ],
    [400, 'Bad Request: chat not found', null, { kind: 'drop-link', reason: 'chat-unreachable' }],
    [400, 'Bad Request: private chat not found', null, { kind: 'drop-link', reason: 'chat-unreachable' }],
    [400, 'Bad Request: PEER_ID_INVALID', null, { kind: 'drop-link', reason: 'chat-unreachable' }],
    [400, 'Bad Request: message is too long', null, { kind: 'fail', reason: 'message-refused' }],
    [400, 'Bad Request: message text is empty', null, { kind: 'fail', reason: 'message-refused' }],
    [400, "Bad Request: can't parse entities: Unsupported start tag", null, { kind: 'plain-text' }],
    [404, 'Not Found: method not found', null, { kind: 'fail', reason: 'message-refused' }],
    [409, 'Conflict: terminated by setWebhook request', null, { kind: 'back-off', mayHaveArrived: false }],
    [500, 'Internal Server Error: restart', null, { kind: 'back-off', mayHaveArrived: false }],
    [
      500,
      "Internal Server Error: sent message was immediately deleted and can't be returned",
      null,
      { kind: 'back-off', mayHaveArrived: true },
    ],
    [502, 'an answer that is no envelope', null, { kind: 'back-off', mayHaveArrived: true }],
    [504, '', null, { kind: 'back-off', mayHaveArrived: true }],
  ] as const)('%i %s', (code, description, retryAfter, verdict) => {
    expect(refused(code, description, retryAfter)).toEqual(verdict);
  });

  it('no answer: tried again, and whether it may have arrived is remembered', () => {
    expect(unreachable(true, true)).toEqual({ kind: 'back-off', mayHaveArrived: true });
    expect(unreachable(true, false)).toEqual({ kind: 'back-off', mayHaveArrived: false });
  });
  it('not called because the breaker is open: waits without spending an attempt, and holds no other bot', () => {
    expect(unreachable(false, false, 7)).toEqual({
      kind: 'wait',
      seconds: 7,
      holdsBot: false,
      reason: 'telegram-unavailable',
    });
  });
  it('a mistake of our own is none of these', () => {
    expect(judgeFailure(new TypeError('x is not a function'))).toBeNull();
  });
});

describe('An answer', () => {
  it.each([
    [200, '{"ok":true,"result":{"message_id":7}}', { ok: true, result: { message_id: 7 } }],
    [
      429,
      '{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3","parameters":{"retry_after":3}}',
      { ok: false, errorCode: 429, description: 'Too Many Requests: retry after 3', retryAfterSeconds: 3 },
    ],
  ])('in an envelope (%i)', (status, text, envelope) => {
    expect(readEnvelope(status, text)).toEqual(envelope);
  });
  it.each([
    [502, '<html></html>', 502],
    [504, '', 504],
    [200, 'welcome to the hotel network', 502],
    [200, '[]', 502],
    [500, '{"ok":true}', 500],
  ])('without one is a failure of whatever stands before Telegram (%i %s)', (status, text, errorCode) => {
    expect(readEnvelope(status, text)).toMatchObject({ ok: false, errorCode });
  });
});
