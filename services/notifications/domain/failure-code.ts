/** Why a message waits or will not be sent, as the history shows it. */
export type FailureCode =
  /** Telegram asked us to slow down; the message goes out when that has passed. */
  | 'flood-wait'
  /** Telegram did not answer, or answered with a fault of its own; tried again. */
  | 'telegram-unavailable'
  /** The answer was lost: the message may have arrived and is sent once more, saying so. */
  | 'outcome-unknown'
  | 'attempts-exhausted'
  | 'no-linked-chat'
  | 'recipient-unknown'
  | 'chat-blocked'
  | 'chat-unreachable'
  | 'bot-revoked'
  | 'bot-removed'
  /** Telegram refuses the message itself: a mistake of ours. */
  | 'message-refused';
