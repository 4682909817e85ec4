/** Everything POST /simulator/limits can change. Rates are what the field observes; Telegram publishes no exact figures. */
export type Settings = {
  /** False: nothing is ever answered with 429 except by a scripted fault. */
  readonly floodControl: boolean;
  readonly chatPerSecond: number;
  /** How many messages a quiet chat takes at once before the rate applies. */
  readonly chatBurst: number;
  readonly groupPerMinute: number;
  readonly botPerSecond: number;
  readonly botBurst: number;
  /** With `allow_paid_broadcast`. */
  readonly paidBroadcastPerSecond: number;
  /** True: after a 429 no call of that bot is answered until the time is over, as some have seen. */
  readonly floodHoldsBot: boolean;
  /** First uses of a token per client address; null does not count them, which the real server always does (20). */
  readonly newBotsPerMinute: number | null;
  /** 'local' takes http, any port and private addresses; 'cloud' is api.telegram.org. */
  readonly webhookRules: 'local' | 'cloud';
  /** How a malformed token is answered: as the open-source server does, or as the cloud is said to. */
  readonly malformedToken: 401 | 404;
  /** 'accept' lets every well-formed token be a bot of its own; 'refuse' knows only bots registered by the control API. */
  readonly unknownBots: 'accept' | 'refuse';
};

export const DEFAULT_SETTINGS: Settings = {
  floodControl: true,
  chatPerSecond: 1,
  chatBurst: 5,
  groupPerMinute: 20,
  botPerSecond: 30,
  botBurst: 30,
  paidBroadcastPerSecond: 1000,
  floodHoldsBot: false,
  newBotsPerMinute: null,
  webhookRules: 'local',
  malformedToken: 401,
  unknownBots: 'accept',
};
