import type { Verdict } from '../domain/delivery.ts';
import { TelegramRefused, TelegramUnreachable } from './failure.ts';

const DEFAULT_WAIT_SECONDS = 5;

/** 400s that are about the chat, not about the message. The same cause comes as 400 or 403, so both are looked at. */
const CHAT_GONE = [
  /chat not found/i,
  /PEER_ID_INVALID/,
  /user not found/i,
  /group chat was upgraded/i,
  /chat was deleted/i,
  /USER_DEACTIVATED|user is deactivated/i,
];
const BLOCKED = /bot was blocked by the user|USER_IS_BLOCKED/i;

/**
 * What a failed sendMessage means (Bot API server, Client.cpp; the texts are its own). We link private chats only, so a
 * group that moved or went away is a chat we cannot write to any more.
 */
export function judgeFailure(error: unknown): Verdict | null {
  if (error instanceof TelegramUnreachable) {
    if (error.wasTried) return { kind: 'back-off', mayHaveArrived: error.mayHaveArrived };
    const seconds = error.retryAfterSeconds ?? DEFAULT_WAIT_SECONDS;
    return { kind: 'wait', seconds, holdsBot: false, reason: 'telegram-unavailable' };
  }
  if (!(error instanceof TelegramRefused)) return null;
  const { errorCode, description } = error;
  switch (errorCode) {
    case 400:
      if (/can't parse entities/i.test(description)) return { kind: 'plain-text' };
      return CHAT_GONE.some((text) => text.test(description))
        ? { kind: 'drop-link', reason: 'chat-unreachable' }
        : { kind: 'fail', reason: 'message-refused' };
    case 401:
      return { kind: 'revoke-bot' };
    case 403:
      return { kind: 'drop-link', reason: BLOCKED.test(description) ? 'chat-blocked' : 'chat-unreachable' };
    case 409:
      return { kind: 'back-off', mayHaveArrived: false };
    case 429:
      return {
        kind: 'wait',
        seconds: error.retryAfterSeconds ?? DEFAULT_WAIT_SECONDS,
        holdsBot: true,
        reason: 'flood-wait',
      };
    default:
      if (errorCode < 500) return { kind: 'fail', reason: 'message-refused' };
      // A gateway's page says nothing of what became of the request behind it; and this 500 says it was sent.
      return {
        kind: 'back-off',
        mayHaveArrived: errorCode !== 500 || /sent message was immediately deleted/i.test(description),
      };
  }
}
